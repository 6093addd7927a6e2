"""The person's index, wherever the settings say it is kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from chatapp import paths
from chatapp.assistant.embedder import chosen_embedder
from chatapp.settings import load_settings

if TYPE_CHECKING:
    from retrieval.embedding import Embedder
    from retrieval.index import Index


def open_own_index(
    *, read_only: bool = False, through: Callable[[Embedder], Embedder] | None = None
) -> Index:
    """Open the index: a file in the home of the app, or the database of `index.dsn`.

    `through` is as in `Index.open`.

    Raises:
        IndexUnavailable: it is damaged, out of reach, or its place cannot be written.
    """
    from retrieval.index import Index

    return Index.open(
        paths.index_path(),
        embedder_dir=chosen_embedder(),
        read_only=read_only,
        dsn=load_settings().settings.index.dsn,
        through=through,
    )
