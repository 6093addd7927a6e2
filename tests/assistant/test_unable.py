"""What the app cannot do is said at once, and nothing is searched for it."""

from __future__ import annotations

import dataclasses

import pytest

from chatapp.assistant.events import MessageDone
from chatapp.assistant.unable import NO_TRANSLATIONS, cannot
from tests.assistant.conftest import MakeAssistant
from tests.assistant.helpers import collect, only, types
from tests.fakes import FakeGenerator, FakeIndex, FakeWeb


@pytest.mark.parametrize(
    "text",
    [
        "translate hello to french",
        "Translate this into German: The cat sleeps.",
        "Translate this into German:\n\n" + "The cat sleeps. " * 500,
        "translate this: die Katze schläft",
        "Could you please translate good morning into Spanish?",
        "Can you help me translate my letter to Polish?",
        "please translate “carpe diem”",
        "I need you to translate a menu from Japanese",
        "Hi! Translate I love you to Swahili",
        "Can you translate?",
    ],
)
async def test_translating_is_declined_without_a_search(make: MakeAssistant, text: str) -> None:
    """One plain sentence; neither the index nor the web nor the model is asked."""
    index, web = FakeIndex({"Hello": "Hello is translated to French as bonjour."}), FakeWeb({})
    assistant = make(RuntimeError("no model"), index, open_web=lambda: web)
    assistant.options = dataclasses.replace(assistant.options, web="always")
    events = await collect(assistant.turn(None, text))
    done = only(events, MessageDone)
    assert (done.text, done.grounding) == (NO_TRANSLATIONS, "written")
    assert types(events) == ["turn.start", "message.delta", "message.done", "turn.end"]
    assert index.queries == web.queries == []


@pytest.mark.parametrize(
    "text",
    [
        "How do you translate 'lex' in Roman law?",
        "Who translated the Bible into German?",
        "What does translate mean?",
        "Translate mRNA into protein",
        "How does Google Translate work?",
        "translate",
        "Can you translate mRNA into protein?",
        "Was the Iliad translated to English?",
        "translation of the Bible into German",
        "",
        "translate " * 5_000,
    ],
)
def test_questions_about_translating_stay_questions(text: str) -> None:
    assert cannot(text) == ""


async def test_a_model_of_ones_own_may_translate(make: MakeAssistant) -> None:
    """So may one that was told who it is."""
    assistant = make(FakeGenerator("Bonjour."), FakeIndex())
    assistant.options = dataclasses.replace(assistant.options, system="You are a translator.")
    done = only(await collect(assistant.turn(None, "translate this: hello")), MessageDone)
    assert done.text == "Bonjour."
