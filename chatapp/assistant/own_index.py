"""The person's index, wherever the settings say it is kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from chatapp import paths
from chatapp.assistant.embedder import chosen_embedder
from chatapp.private import make_place
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

    path, dsn = paths.index_path(), load_settings().settings.index.dsn
    if not (read_only or dsn):
        make_place(path)
    return Index.open(
        path,
        embedder_dir=chosen_embedder(),
        read_only=read_only,
        dsn=dsn,
        through=through,
    )
