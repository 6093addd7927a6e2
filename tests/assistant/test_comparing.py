"""Two things set against each other: a comparison goes first, else each is told by itself."""

from __future__ import annotations

import dataclasses

import pytest

from chatapp.assistant.comparing import NOT_COMPARED, NOT_DEFINED, compared
from chatapp.assistant.events import Citation, MessageDone
from chatapp.assistant.prompt import NOT_FOUND
from tests.assistant.conftest import SETTINGS, MakeAssistant
from tests.assistant.helpers import collect, every, only
from tests.fakes import FakeIndex, FakeWeb

QUESTION = "What is the difference between a virus and a bacterium?"
VIRUS = {"Virus": "A virus is a tiny agent. It needs a host."}
BACTERIUM = {"Bacterium": "A bacterium is a single cell. It lives alone."}
BOTH = {"Germs": "The difference between a virus and a bacterium is size. Both make ill."}


@pytest.mark.parametrize(
    ("question", "things"),
    [
        (QUESTION, ("a virus", "a bacterium")),
        ("difference between a virus and a bacterium", ("a virus", "a bacterium")),
        ("What’s the main difference between tea & coffee", ("tea", "coffee")),
        ("Tea vs coffee", ("Tea", "coffee")),
        ("tea vs. coffee?", ("tea", "coffee")),
        ("Can you tell me how tea differs from coffee?", None),
        ("How does tea differ from coffee?", ("tea", "coffee")),
        ("How do tea and coffee differ?", ("tea", "coffee")),
        ("compare black holes with neutron stars", ("black holes", "neutron stars")),
        ("Explain the difference between tea and coffee to a child", ("tea", "coffee")),
        ("Compare them to coffee", None),
        ("What is the difference between this and that?", None),
        ("What is the difference between my plan and yours?", None),
        ("What is the difference between tea, coffee and milk?", None),
        ("compare tea and coffee and milk", None),
        ("Compare the price of tea and coffee", None),
        ("How does the population of France differ from that of Spain?", None),
        ("Who won Kramer vs. Kramer?", None),
        ("Kramer vs. Kramer", None),
        ("What difference does it make?", None),
        ("What is the difference in price between tea and coffee?", None),
        ("How do tea and coffee taste?", None),
        ("a" * 50_000 + " vs b", None),
    ],
)
def test_what_is_compared(question: str, things: tuple[str, str] | None) -> None:
    """Where it is not clear which two things are meant, nothing is guessed."""
    assert compared(question) == things


async def test_each_is_told_by_itself_where_nothing_compares_them(make: MakeAssistant) -> None:
    """The quotes are numbered through, cited, stored and stand where they say."""
    index = FakeIndex({**VIRUS, **BACTERIUM})
    assistant = make(RuntimeError("no model"), index)
    events = await collect(assistant.turn(None, QUESTION))
    done, citations = only(events, MessageDone), every(events, Citation)
    assert done.text == (
        f"{NOT_COMPARED}\n\nA virus: A virus is a tiny agent. [1]"
        "\n\nA bacterium: A bacterium is a single cell. [2]"
    )
    assert (done.grounding, done.sources) == ("grounded", 2)
    assert [(each.n, each.title) for each in citations] == [(1, "Virus"), (2, "Bacterium")]
    for each in citations:
        assert index.document(each.document).text[each.start : each.end] == each.quote
    stored = assistant.store.citations(done.message)
    assert [each.quote for each in stored] == [each.quote for each in citations]
    assert index.queries == [QUESTION, "What is a virus?", "What is a bacterium?"]


@pytest.mark.parametrize("known", [VIRUS, BACTERIUM])
async def test_where_one_is_known_the_other_is_said_to_be_missing(
    make: MakeAssistant, known: dict[str, str]
) -> None:
    done = only(await collect(make(None, FakeIndex(known)).turn(None, QUESTION)), MessageDone)
    assert (done.text.count(NOT_DEFINED), done.text.count("[1]")) == (1, 1)
    assert (done.grounding, done.sources) == ("grounded", 1)


async def test_where_neither_is_known_it_is_refused(make: MakeAssistant) -> None:
    done = only(await collect(make(None, FakeIndex()).turn(None, QUESTION)), MessageDone)
    assert (done.text, done.grounding) == (NOT_FOUND, "not_found")


async def test_a_passage_that_compares_them_goes_first(make: MakeAssistant) -> None:
    """Nothing else is looked up."""
    index = FakeIndex({**VIRUS, **BACTERIUM, **BOTH})
    done = only(await collect(make(None, index).turn(None, QUESTION)), MessageDone)
    assert done.text.startswith("The difference between a virus and a bacterium is size. [1]")
    assert index.queries == [QUESTION]


async def test_the_web_goes_before_definitions_and_is_never_asked_for_them(
    make: MakeAssistant,
) -> None:
    """One query leaves the machine: the question itself."""
    for pages, said in ((BOTH, "is size"), ({}, NOT_COMPARED)):
        web = FakeWeb(pages)
        assistant = make(None, FakeIndex({**VIRUS, **BACTERIUM}), open_web=lambda web=web: web)
        assistant.options = dataclasses.replace(assistant.options, web="always")
        done = only(await collect(assistant.turn(None, QUESTION)), MessageDone)
        assert said in done.text
        assert web.queries == [QUESTION]


async def test_no_more_quotes_are_shown_than_are_wanted(make: MakeAssistant) -> None:
    """With room for one quote two things cannot be told."""
    retrieval = dataclasses.replace(SETTINGS.retrieval, max_quotes=1)
    few = dataclasses.replace(SETTINGS, retrieval=retrieval)
    assistant = make(None, FakeIndex({**VIRUS, **BACTERIUM}), settings=few)
    done = only(await collect(assistant.turn(None, QUESTION)), MessageDone)
    assert done.grounding == "not_found"
