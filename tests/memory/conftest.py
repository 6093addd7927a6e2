"""A conversation file with a profile on it, and a short way to say something in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from chatapp.conversations import ConversationStore
from chatapp.memory import Learnt, Profile
from tests.conversations.helpers import say

Tell = Callable[..., list[Learnt]]


class Clock:
    """A clock that a test sets; every look at it is a millisecond later."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 1, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.now += timedelta(milliseconds=1)
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "chat.sqlite3"


@pytest.fixture
def store(path: Path, clock: Clock) -> Iterator[ConversationStore]:
    opened = ConversationStore.open(path, clock=clock)
    yield opened
    opened.close()


@pytest.fixture
def profile(store: ConversationStore) -> Profile:
    return Profile(store)


@pytest.fixture
def tell(store: ConversationStore, profile: Profile) -> Tell:
    """Return a way to say something in a conversation of its own and learn from it."""

    def told(text: str, answer: str = "I see.") -> list[Learnt]:
        return profile.learn(say(store, text, answer).user)

    return told
