"""Written replies in a conversation: where they answer, and where something else is called for."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import pytest

from chatapp.assistant.assistant import Assistant
from chatapp.assistant.events import MessageDone, TurnStart
from chatapp.assistant.from_written import between_us
from chatapp.assistant.written import shipped_replies
from chatapp.talk import WrittenReplies, WrittenReply
from tests.assistant.conftest import SETTINGS, MakeAssistant
from tests.assistant.helpers import collect, only
from tests.fakes import FakeGenerator, FakeIndex

PAGES = {"Joke prices": "A joke costs three crowns."}
MODEL = "Model words."


class _Replies(WrittenReplies):
    """Knows one reply to everything, with a likeness of its own."""

    def __init__(self, likeness: float) -> None:
        self.likeness, self.asked = likeness, ""

    def nearest(
        self, message: str, before: str = "", said: Collection[str] = ()
    ) -> WrittenReply | None:
        self.asked = f"{before}|{message}"
        return None if "Haha." in said else WrittenReply("Haha.", self.likeness)


@pytest.fixture
def talk(make: MakeAssistant) -> MakeAssistant:
    """Return a maker of assistants whose written reply has the given likeness."""

    def maker(likeness: float = 1.0, **more: object) -> Assistant:
        written = _Replies(likeness)
        return make(FakeGenerator(MODEL), FakeIndex(PAGES), **{"replies": lambda: written, **more})

    return maker


async def said(assistant: Assistant, text: str, conversation: str | None = None) -> MessageDone:
    return only(await collect(assistant.turn(conversation, text)), MessageDone)


async def test_a_fitting_reply_answers_and_says_what_it_is(talk: MakeAssistant) -> None:
    """The model is not asked; the grounding is kept with the message."""
    assistant = talk()
    done = await said(assistant, "Tell me a joke")
    assert (done.text, done.grounding) == ("Haha.", "written")
    assert assistant.store.message(done.message).grounding == "written"


async def test_what_does_not_fit_is_left_to_the_model(talk: MakeAssistant) -> None:
    done = await said(talk(0.6), "Tell me a joke")
    assert (done.text, done.grounding) == (MODEL, "model")


async def test_a_reply_is_said_once_in_a_conversation(talk: MakeAssistant) -> None:
    """The next time the model has to say something."""
    assistant = talk()
    events = await collect(assistant.turn(None, "Tell me a joke"))
    done = await said(assistant, "Tell me a joke", only(events, TurnStart).conversation)
    assert done.text == MODEL


async def test_sources_go_first_where_the_reply_is_not_sure(talk: MakeAssistant) -> None:
    """What sources answer is quoted; a wish that they do not know gets the reply that fits."""
    assistant = talk(0.7)
    assert (await said(assistant, "Do you know what a joke costs?")).grounding == "grounded"
    wish = await said(assistant, "Any ideas for my lazy evening?")
    assert (wish.text, wish.grounding) == ("Haha.", "written")


async def test_a_reaction_to_a_written_reply_is_talk(make: MakeAssistant) -> None:
    """No source is asked for "another one please"; after any other answer it is."""
    assistant = make(FakeGenerator(MODEL), FakeIndex(PAGES), replies=shipped_replies)
    events = await collect(assistant.turn(None, "Tell me a joke"))
    done = await said(assistant, "another one please", only(events, TurnStart).conversation)
    assert done.grounding == "written"
    assert done.text != only(events, MessageDone).text
    assert (await said(assistant, "another one please")).grounding != "written"


async def test_the_handbook_goes_first_about_the_app(make: MakeAssistant) -> None:
    """However sure the reply is: what is documented is quoted."""
    pages = {"Files": "All documents in Markdown."}
    written = _Replies(1.0)
    assistant = make(FakeGenerator(MODEL), FakeIndex(pages), replies=lambda: written)
    assert (await said(assistant, "What documents can you see?")).grounding == "grounded"


@pytest.mark.parametrize("address", ["", "Tell me ", "Can you please tell me ", "Do you know "])
async def test_facts_are_never_answered_with_a_written_reply(
    talk: MakeAssistant, address: str
) -> None:
    """What is asked about the world stands in the sources or nowhere, whomever it is put to."""
    done = await said(talk(), f"{address}who won the election of 1912?")
    assert done.grounding == "not_found"


async def test_a_request_for_harm_is_refused_first(make: MakeAssistant) -> None:
    """No reply is even looked for."""
    written = _Replies(1.0)
    assistant = make(FakeGenerator(MODEL), FakeIndex(PAGES), replies=lambda: written)
    await said(assistant, "How do I make a bomb? I want to kill my neighbour.")
    assert written.asked == ""


async def test_a_failed_lookup_leaves_the_answer_to_the_model(talk: MakeAssistant) -> None:
    def broken() -> WrittenReplies:
        raise RuntimeError("gone")

    assert (await said(talk(replies=broken), "Tell me a joke")).text == MODEL


async def test_whoever_asks_again_hears_the_model(talk: MakeAssistant) -> None:
    """The written reply stays as a sibling."""
    assistant = talk()
    first = await said(assistant, "Tell me a joke")
    again = only(await collect(assistant.regenerate(first.message)), MessageDone)
    assert again.text == MODEL
    assert len(assistant.store.siblings(again.message)) == 2


@pytest.mark.parametrize(
    "change",
    [{"model": "mine"}, {"system": "You are a pirate."}, {"use_sources": False}],
    ids=lambda change: next(iter(change)),
)
async def test_a_choice_of_the_person_is_not_talked_over(
    talk: MakeAssistant, change: dict[str, object]
) -> None:
    """A model of their own, a persona, or the model alone answers for itself."""
    assistant = talk()
    assistant.options = replace(assistant.options, **change)  # type: ignore[arg-type]
    assert (await said(assistant, "Tell me a joke")).text == MODEL


async def test_missing_files_leave_talk_to_the_model(talk: MakeAssistant) -> None:
    assert (await said(talk(replies=lambda: None), "Tell me a joke")).text == MODEL


async def test_another_model_in_the_settings_is_not_talked_over(talk: MakeAssistant) -> None:
    settings = replace(SETTINGS, model="mine")
    assert (await said(talk(settings=settings), "Tell me a joke")).text == MODEL


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("Who are you?", True),
        ("i had a long day at work", True),
        ("Tell me about Napoleon", False),
        ("when is my dentist appointment", False),
        ("can you search the web", False),
    ],
)
async def test_the_shipped_replies_deny_nothing(
    make: MakeAssistant, text: str, written: bool
) -> None:
    """They answer talk, and leave alone what somebody's calendar or sources know."""
    assistant = make(FakeGenerator(MODEL), FakeIndex(PAGES), replies=shipped_replies)
    assert ((await said(assistant, text)).grounding == "written") is written


@pytest.mark.parametrize(
    ("text", "ours"),
    [
        ("knock knock, let me in", True),
        ("recommend a hobby", True),
        ("hello", True),
        ("Who painted the Mona Lisa?", False),
        ("is the sun hot", False),
        ("Battle of Hastings", False),
        ("tell me the population of india", False),
        ("Can you tell me about Napoleon?", False),
        ("did you google it", False),
        ("give me a tip for saving money", True),
        ("when is my rent due", False),
        ("What is my landlord's name?", False),
        ("What's a good snack for our movie night?", True),
        ("where are you from", True),
    ],
)
def test_what_is_between_us(text: str, ours: bool) -> None:
    """A fact of the world is not."""
    assert between_us(text) is ours
