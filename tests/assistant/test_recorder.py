"""When the text of a streaming answer goes to disk."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future

import pytest

from chatapp.assistant.recorder import FLUSH_CHARACTERS, FLUSH_SECONDS, Recorder
from chatapp.conversations import StorageError


class FakeStore:
    """Remembers what was saved."""

    def __init__(self) -> None:
        self.saved: list[str] = []
        self.error: Exception | None = None

    def save_text(self, message_id: str, text: str) -> Future[None]:
        if self.error:
            raise self.error
        self.saved.append(text)
        return Future()


@pytest.fixture
def saving() -> FakeStore:
    return FakeStore()


async def test_small_pieces_are_written_together_after_the_flush_time(saving):
    recorder = Recorder(saving, "m")
    for word in ("one ", "two ", "three "):
        recorder.append(word)
    assert saving.saved == []
    await asyncio.sleep(FLUSH_SECONDS * 1.5)
    assert saving.saved == ["one two three "]


async def test_much_text_is_written_at_once(saving):
    recorder = Recorder(saving, "m", "kept ")
    recorder.append("x" * FLUSH_CHARACTERS)
    assert saving.saved == ["kept " + "x" * FLUSH_CHARACTERS]
    recorder.flush()
    assert len(saving.saved) == 1


async def test_after_stop_nothing_more_is_written(saving):
    recorder = Recorder(saving, "m")
    recorder.append("one")
    recorder.stop()
    await asyncio.sleep(FLUSH_SECONDS * 1.5)
    assert saving.saved == []


async def test_a_write_that_fails_is_made_up_for_by_the_next(saving):
    recorder = Recorder(saving, "m")
    saving.error = StorageError("full")
    recorder.append("x" * FLUSH_CHARACTERS)
    saving.error = None
    recorder.append("y")
    recorder.flush()
    assert saving.saved == ["x" * FLUSH_CHARACTERS + "y"]
