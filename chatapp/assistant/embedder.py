"""The embedder that the person chose: of the index, of attached files, of memory; and recall's."""

from __future__ import annotations

import functools
import logging
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from chatapp import resources
from chatapp.settings import load_settings

if TYPE_CHECKING:
    from retrieval.embedding import Embedder
    from retrieval.embedding.pieces import PieceEncoder

log = logging.getLogger("chatapp")
_loading = threading.Lock()


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


def open_encoder() -> PieceEncoder | None:
    """Return what reads earlier rounds in context; None where it is missing or damaged.

    Recall does without it: it then knows rounds by their words only.
    """
    from retrieval.embedding.protocol import CONFIG_NAME
    from retrieval.errors import EmbedderDamaged

    directory = resources.pieces_dir()
    if not (directory / CONFIG_NAME).is_file():
        return None
    try:
        with _loading:
            return _encoder(directory)
    except EmbedderDamaged as error:
        log.warning("Recall goes by words: %s", error)
        return None


@functools.lru_cache(maxsize=1)
def _encoder(directory: Path) -> PieceEncoder:
    """Load an encoder once for memory and talk: it is safe in several threads."""
    from retrieval.embedding.pieces import PieceEncoder

    return PieceEncoder.load(directory)
