"""The chat as tests drive it: the real screen, store and index; only the model is a fake."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import pytest
from textual.pilot import Pilot

from chatapp import resources
from chatapp.assistant.assistant import Assistant
from chatapp.assistant.factory import open_embedder
from chatapp.assistant.models import Catalogue
from chatapp.conversations import ConversationStore
from chatapp.inference.generator import Generator
from chatapp.memory import Memory
from chatapp.settings import Settings
from chatapp.tui.answer_state import AnswerState
from chatapp.tui.app import ChatApp
from chatapp.tui.backend import Backend
from retrieval.index import Index
from tests.fakes import FakeGenerator
from tools.registry import ToolRegistry

PAGES = {
    "Mona Lisa": "Leonardo da Vinci painted the Mona Lisa about 1503. It hangs in Paris.",
    "Kaaba": "The Kaaba is a cube-shaped building in Mecca. It is the holiest site in Islam.",
}

WAIT_SECONDS = 20.0
"""How long a test waits for something that is bound to happen; only a failing test takes it."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give a test of the screen one more try, and say so in the report.

    They run in real time beside whatever the machine does; a fault shows twice.
    """
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.flaky(reruns=1))


class Chat:
    """Makes apps on one database, as if the program was started again and again."""

    def __init__(self, home: Path) -> None:
        self.database = home / "chatapp.sqlite3"
        self.index = home / "index.sqlite3"
        self.generator: Generator = FakeGenerator()
        self.settings = Settings()
        self.tools: ToolRegistry | None = None
        self.models: Catalogue | None = None
        self.load_error: Exception | None = None
        self.open_error: Exception | None = None
        self.opening: Callable[[], object] = lambda: None
        self.loading: Callable[[], object] = lambda: None
        self._backends: list[Backend] = []

    def close(self) -> None:
        """Close what the apps had opened; the program does so once its screen is gone."""
        for backend in self._backends:
            backend.close()

    def add_pages(self, pages: dict[str, str]) -> None:
        """Put pages into the index that the next app opens."""
        index = self._open_index()
        for title, text in pages.items():
            index.add_text(f"test:{title}", title, text, collection="files")
        index.close()

    def app(self, *, resume: str | None = None, keymap: Mapping[str, str] | None = None) -> ChatApp:
        self._backends.append(Backend(self._build))
        return ChatApp(self.settings, self._backends[-1], resume=resume, keymap=keymap)

    @contextmanager
    def store_open(self) -> Iterator[ConversationStore]:
        """Open the database as another program would."""
        store = ConversationStore.open(self.database)
        try:
            yield store
        finally:
            store.close()

    def forget_owner(self, message_id: str) -> None:
        """Make an answer look as if the process that wrote it had died."""
        with sqlite3.connect(self.database) as db:
            db.execute("update messages set owner = 'gone' where id = ?", [message_id])

    def _build(self, unsaved: bool) -> Assistant:
        self.opening()
        if self.open_error is not None and not unsaved:
            raise self.open_error
        store = ConversationStore.open(None if unsaved else self.database)
        return Assistant(
            store,
            settings=self.settings,
            open_index=self._open_index,
            tools=self.tools,
            load_generator=self._load if self.models is None else None,
            catalogue=self.models,
            open_memory=lambda: Memory(store, open_embedder),
        )

    def _load(self) -> Generator:
        self.loading()
        if self.load_error is not None:
            raise self.load_error
        return self.generator

    def _open_index(self) -> Index:
        return Index.open(self.index, embedder_dir=resources.embedder_dir())


@pytest.fixture
def chat(tmp_path: Path) -> Iterator[Chat]:
    """An app with an empty database and two pages in the index."""
    made = Chat(tmp_path)
    made.add_pages(PAGES)
    yield made
    made.close()


async def until(true: Callable[[], object], what: str = "") -> None:
    """Wait, by asking again and again, until `true()` is true."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not true():
        assert time.monotonic() < deadline, f"never happened: {what or true}"
        await asyncio.sleep(0.01)


async def ready(app: ChatApp) -> None:
    """Wait until the conversations are open and the model is loaded."""
    await until(lambda: app.chat.status.state == "ready", "the model is ready")


async def ask(pilot: Pilot[int], text: str) -> None:
    """Type a message, send it, and wait for the end of its answer."""
    chat = cast("ChatApp", pilot.app).chat
    expected = len(chat.transcript.entries) + 2
    chat.composer.insert(text)
    await pilot.press("enter")
    await until(lambda: len(chat.transcript.entries) == expected, "the message is shown")
    await until(lambda: chat.answering.turn is None, "the answer has ended")
    await pilot.pause()


def answers(app: ChatApp) -> list[AnswerState]:
    """Return the answers of the conversation on screen, oldest first."""
    return [entry for entry in app.chat.transcript.entries if isinstance(entry, AnswerState)]


def screen_text(app: ChatApp) -> str:
    """Return the characters on the screen, one line a row."""
    lines = app.screen._compositor.render_strips()
    return "\n".join(strip.text for strip in lines)
