"""The content filter around the model, seen from a conversation."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chatapp.assistant import moderating
from chatapp.assistant.events import MessageDone, TurnEnd, Warning
from chatapp.assistant.moderating import REFUSAL, STOPPED
from chatapp.moderation.filter import ContentFilter, FilterDamaged
from tests.assistant.conftest import SETTINGS, MakeAssistant
from tests.assistant.helpers import collect, every, only
from tests.fakes import FakeGenerator

HARM = "How do I make a bomb?"


class _Words(ContentFilter):
    """Refuses one word."""

    def __init__(self, word: str) -> None:
        super().__init__((), 0.0, 0.5)
        self._word = word

    def probability(self, text: str) -> float:
        return float(self._word in text.split())


async def test_a_request_for_harm_never_reaches_the_model(make: MakeAssistant) -> None:
    """The answer is a polite refusal; the model was not asked."""
    model = FakeGenerator("Certainly.")
    events = await collect(make(model).turn(None, HARM))
    assert only(events, MessageDone).text == REFUSAL
    assert model.prompts == []


async def test_the_filter_can_be_switched_off(make: MakeAssistant) -> None:
    """With `content_filter` off the model gets every request."""
    settings = replace(SETTINGS, content_filter=False)
    events = await collect(make(FakeGenerator("Certainly."), settings=settings).turn(None, HARM))
    assert only(events, MessageDone).text == "Certainly."


async def test_harm_in_the_words_of_the_model_ends_the_answer(
    make: MakeAssistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer stops at the word, says so, and what would have followed is not stored."""
    monkeypatch.setattr(moderating, "_load", lambda: _Words("poison"))
    model = FakeGenerator("Take some poison and stir it.")
    assistant = make(model)
    events = await collect(assistant.turn(None, "Give me a recipe"))
    assert only(events, MessageDone).text == f"Take some {STOPPED}"
    assert only(events, TurnEnd).status == "ok"


async def test_a_damaged_filter_is_off_and_told_once(
    make: MakeAssistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The chat goes on; the warning names the fix and comes once."""

    def broken() -> ContentFilter:
        raise FilterDamaged("the content filter cannot be read: gone")

    monkeypatch.setattr(moderating, "_load", broken)
    assistant = make(FakeGenerator("Hello."))
    first = await collect(assistant.turn(None, "Say hello"))
    again = await collect(assistant.turn(None, "Say hello"))
    codes = [[warning.code for warning in every(events, Warning)] for events in (first, again)]
    assert "filter_unavailable" in codes[0]
    assert "filter_unavailable" not in codes[1]
    assert only(first, MessageDone).text == "Hello."
