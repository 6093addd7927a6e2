"""A conversation file in a fresh directory, and an assistant made of fakes around it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import retrieval.quotes
from chatapp.assistant import reading
from chatapp.assistant.assistant import Assistant
from chatapp.conversations import ConversationStore
from chatapp.settings import RetrievalSettings, Settings, ToolsSettings
from tests.fakes import FakeGenerator, FakeIndex, fake_select_quotes

# The fake quotes have scores of their own: the shipped threshold is fitted to the real ones.
SETTINGS = Settings(retrieval=RetrievalSettings(threshold=0.5))

MakeAssistant = Callable[..., Assistant]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ConversationStore]:
    """Return an open store in a file."""
    opened = ConversationStore.open(tmp_path / "chat.sqlite3")
    yield opened
    opened.close()


@pytest.fixture
def make(store: ConversationStore, monkeypatch: pytest.MonkeyPatch) -> Iterator[MakeAssistant]:
    """Return a maker of assistants; without `index` they have no sources."""
    monkeypatch.setattr(retrieval.quotes, "select_quotes", fake_select_quotes)
    monkeypatch.setattr(reading, "_load", lambda: None)
    made: list[Assistant] = []

    def maker(
        generator: FakeGenerator | Exception | None = None,
        index: FakeIndex | Exception | None = None,
        **more: Any,
    ) -> Assistant:
        assistant = Assistant(
            store,
            settings=more.pop("settings", SETTINGS),
            open_index=None if index is None else lambda: _or_raise(index),
            load_generator=lambda: _or_raise(generator or FakeGenerator()),
            **more,
        )
        made.append(assistant)
        return assistant

    yield maker
    for assistant in made:
        assistant.close()


def _or_raise(thing: object) -> object:
    if isinstance(thing, Exception):
        raise thing
    return thing


@pytest.fixture
def clock() -> Callable[[], datetime]:
    """Return a clock that stands still."""
    return lambda: datetime(2026, 11, 22, 5, 14, tzinfo=UTC)


@pytest.fixture
def settings_with() -> Callable[..., Settings]:
    """Return a maker of settings with other values in `[tools]`."""
    return lambda **tools: replace(SETTINGS, tools=ToolsSettings(**tools))
