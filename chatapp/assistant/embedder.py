"""The embedder that the person chose: of the index, of attached files, of memory."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from chatapp import resources
from chatapp.settings import load_settings

if TYPE_CHECKING:
    from retrieval.embedding import Embedder


def chosen_embedder() -> Path | str:
    """Return what `load_embedder` takes for the setting `retrieval.embedder`."""
    choice = load_settings().settings.retrieval.embedder
    return resources.embedder_dir() if choice == "default" else choice


def open_embedder() -> Embedder | None:
    """Return the chosen embedder, None where the shipped one is missing.

    Raises:
        EmbedderDamaged: its files are there but do not make one.
        EmbedderUnavailable: it is not on this machine.
    """
    from retrieval.embedding import load_embedder

    return load_embedder(chosen_embedder())
