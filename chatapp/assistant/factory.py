"""The one wiring of an assistant: store, index with the handbook in it, and the chosen model.

The store is opened at once (it may report that a file was repaired); index and model are opened
by the first turn that needs them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from chatapp import paths, resources
from chatapp.assistant.assistant import Assistant
from chatapp.assistant.catalogue import InstalledModels, model_dir
from chatapp.assistant.embedder import open_embedder, open_encoder
from chatapp.assistant.own_index import open_own_index
from chatapp.assistant.word_problems import shipped_solver
from chatapp.assistant.written import shipped_replies
from chatapp.conversations import ConversationStore
from chatapp.conversations.ids import utc_now
from chatapp.inference.generator import Generator
from chatapp.private import make_place

if TYPE_CHECKING:
    from chatapp.assistant.web_live import LiveWeb
    from chatapp.memory import Memory
    from chatapp.settings import Settings
    from retrieval.index import Index

__all__ = [
    "HANDBOOK",
    "build_assistant",
    "model_dir",
    "open_embedder",
    "open_index",
    "open_memory",
    "shipped_replies",
    "shipped_solver",
]

HANDBOOK = "handbook"

log = logging.getLogger("chatapp")


def build_assistant(
    settings: Settings,
    *,
    database: Path | None = None,
    ephemeral: bool = False,
    use_index: bool = True,
    clock: Callable[[], datetime] = utc_now,
    ids: Callable[[], str] | None = None,
) -> Assistant:
    """Return an assistant on the person's own store, index and model. Close it when done.

    Args:
        settings: which model, how to sample, how to search.
        database: the conversation file; None means the one in the app's home.
        ephemeral: keep the conversation in memory only.
        use_index: False answers from the model alone.
        clock: what time it is; a fixed one makes a session repeatable.
        ids: makes new ids; None means ULIDs from `clock`.

    Raises:
        StorageError: the conversation file cannot be used.
    """
    file = None if ephemeral else database or paths.database_path()
    store = ConversationStore.open(file, clock=clock, ids=ids)
    return Assistant(
        store,
        settings=settings,
        open_index=open_index if use_index else None,
        catalogue=InstalledModels(settings, lambda chosen: _load_generator(chosen)),
        open_memory=lambda: open_memory(store),
        open_web=lambda: open_web(settings, clock, cache=not ephemeral),
        replies=shipped_replies if settings.written_replies else None,
        solver=shipped_solver if settings.word_problems else None,
        clock=clock,
    )


def open_web(
    settings: Settings, clock: Callable[[], datetime] = utc_now, *, cache: bool = False
) -> LiveWeb:
    """Return the web as it is set up: who is asked, and how much is read. Nothing is sent.

    With `cache`, pages are kept for a while; conversations that keep nothing go without.
    """
    from chatapp.assistant.web_live import LiveWeb
    from retrieval.web.cache import PageCache

    if cache:
        make_place(paths.web_cache_path())
    pages = PageCache(paths.web_cache_path()) if cache else None
    return LiveWeb(settings.web, settings.retrieval, clock, pages)


def open_index() -> Index:
    """Open the person's index and bring the handbook in it up to date.

    Raises:
        IndexUnavailable: it is damaged or its place cannot be written.
    """
    from retrieval.errors import IndexUnavailable

    index = open_own_index()
    try:
        index.add([resources.handbook_dir()], collection=HANDBOOK)
    except IndexUnavailable as error:
        # Another process is writing to it; what is in it can be searched all the same.
        log.warning("The handbook was not indexed: %s", error)
    return index


def open_memory(store: ConversationStore) -> Memory:
    """Return what is remembered of the person, in their conversations."""
    from chatapp.memory import Memory

    return Memory(store, open_embedder, open_encoder)


def _load_generator(settings: Settings) -> Generator:
    from chatapp.inference.load import load_generator

    return load_generator(
        model_dir(settings), threads=settings.threads, longest=settings.context_length
    )
