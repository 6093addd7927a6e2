"""Word problems in a chat: worked out where the solver is sure, left alone where it is not."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import cast

import pytest

from chatapp.assistant.attachments import Attachment
from chatapp.assistant.events import MessageDone, ToolCall, TurnStart
from chatapp.assistant.word_problems import LEAST, shipped_solver, worked_out
from chatapp.solving import Solution, Solver
from tests.assistant.conftest import SETTINGS, MakeAssistant
from tests.assistant.helpers import collect, only
from tests.fakes import FakeGenerator, FakeIndex

PAGES = {"Muffins": "A tray holds 12 muffins. Trays are made of steel."}
PROBLEM = "Lena bakes 4 trays of 12 muffins. How many muffins is that?"
MODEL = "Model words."
SOLVED = Solution(("4 × 12 = 48",), "4 * 12", Fraction(48), 0.9)


class _Solver:
    """Finds one solution to everything, and remembers what it was asked."""

    def __init__(self, found: Solution | Exception | None = SOLVED) -> None:
        self.found, self.asked = found, ""

    def solve(self, problem: str) -> Solution | None:
        self.asked = problem
        if isinstance(self.found, Exception):
            raise self.found
        return self.found

    def __call__(self) -> Solver:
        return cast("Solver", self)


async def test_the_steps_are_shown_and_the_calculator_has_the_last_word(
    make: MakeAssistant,
) -> None:
    """The call is an event and is stored like any other."""
    assistant = make(FakeGenerator(MODEL), FakeIndex(PAGES), solver=_Solver())
    events = await collect(assistant.turn(None, PROBLEM))
    call = only(events, ToolCall)
    assert (call.name, call.arguments) == ("calculator", {"expression": "4 * 12"})
    done = only(events, MessageDone)
    assert done.grounding == "worked_out"
    assert done.text.splitlines()[2:] == ["- 4 × 12 = 48", "", "The answer is **48**."]


async def test_regenerated_it_is_left_to_the_others(make: MakeAssistant) -> None:
    """Whoever asks again doubts the steps."""
    assistant = make(FakeGenerator(MODEL), None, solver=_Solver())
    first = only(await collect(assistant.turn(None, PROBLEM)), MessageDone)
    again = only(await collect(assistant.regenerate(first.message)), MessageDone)
    assert again.text == MODEL


@pytest.mark.parametrize(
    "found", [None, SOLVED._replace(probability=LEAST - 0.01), RuntimeError("broken")]
)
async def test_an_unsure_or_broken_solver_says_nothing(
    make: MakeAssistant, found: Solution | Exception | None
) -> None:
    """The turn goes its usual way."""
    assistant = make(FakeGenerator(MODEL), None, solver=_Solver(found))
    assert only(await collect(assistant.turn(None, PROBLEM)), MessageDone).text == MODEL


async def test_a_model_of_ones_own_a_persona_and_named_sources_go_first(
    make: MakeAssistant,
) -> None:
    """Nor is the solver asked when tools are off, or a script will cut the answer."""
    solver = _Solver()
    own = make(FakeGenerator(MODEL), None, solver=solver, settings=replace(SETTINGS, model="mine"))
    assert only(await collect(own.turn(None, PROBLEM)), MessageDone).text == MODEL
    for changed in (
        {"use_tools": False},
        {"system": "Answer in French only."},
        {"tool_choice": "none"},
        {"interrupt_after": 1},
    ):
        assistant = make(FakeGenerator(MODEL), None, solver=solver)
        assistant.options = replace(assistant.options, **changed)
        assert (
            only(await collect(assistant.turn(None, PROBLEM)), MessageDone).grounding
            != "worked_out"
        )
    sources = make(FakeGenerator(MODEL), FakeIndex(PAGES), solver=solver)
    sources.options = replace(sources.options, needs_sources=True)
    assert only(await collect(sources.turn(None, PROBLEM)), MessageDone).grounding != "worked_out"
    assert not solver.asked


async def test_a_file_of_the_conversation_goes_first(make: MakeAssistant) -> None:
    """On its message and on later ones."""
    solver = _Solver()
    assistant = make(FakeGenerator(MODEL), FakeIndex(PAGES), solver=solver)
    note = Attachment("invoice.txt", "Invoice", "file:///i.txt", "2 chairs at 40, 4 lamps at 15.")
    events = await collect(assistant.turn(None, "Here it is.", attachments=[note]))
    conversation = only(events, TurnStart).conversation
    await collect(assistant.turn(conversation, "What are the 2 chairs and the 4 lamps?"))
    assert not solver.asked


async def test_what_leans_on_the_message_before_is_left_alone(make: MakeAssistant) -> None:
    """Its own numbers are not all that it needs."""
    solver = _Solver()
    assistant = make(FakeGenerator(MODEL), None, solver=solver)
    events = await collect(assistant.turn(None, "A child pays 8, a grown-up 12."))
    conversation = only(events, TurnStart).conversation
    await collect(assistant.turn(conversation, "And how much is it for 3 adults and 2 kids?"))
    assert not solver.asked
    await collect(assistant.turn(conversation, PROBLEM))
    assert solver.asked == PROBLEM


@pytest.mark.parametrize(
    "solution",
    [
        SOLVED._replace(expression="4 * 13"),
        SOLVED._replace(expression=" + ".join(["1"] * 600)),
    ],
)
def test_the_calculator_has_to_agree(solution: Solution) -> None:
    """An expression beyond its caps is nobody's answer."""
    assert worked_out(PROBLEM, _Solver(solution)) is None


def test_things_that_come_whole_are_counted_whole() -> None:
    """And a count that nothing says how to round is no answer."""
    broken = Solution(("50 ÷ 12 = 25/6 ≈ 4.167",), "50 / 12", Fraction(50, 12), 0.9)
    solver = _Solver(broken)
    bought = worked_out("12 muffins a tray. How many trays do I need for 50?", solver)
    assert bought is not None
    assert bought.arguments == {"expression": "ceil(50 / 12)"}
    assert "rounded up: 5" in bought.answer
    assert worked_out("12 muffins a tray, 50 guests. How many trays is that?", solver) is None


@pytest.mark.parametrize(
    "text",
    [
        "How many of the 12 muffins are left?",
        "We were 4 people and 12 dogs on the beach.",
        f"{PROBLEM} {'And so on. ' * 100}",
        "It is 7:30 and the film takes 2 hours. What time does it end?",
        "It was -5 degrees and rose by 12. How warm is it now?",
        "A cake takes 2½ cups. How much do 4 cakes take?",
        "Bread takes 1,5 kg of flour. How much do 3 breads take?",
        "How many days are there from 2026-12-24 to 2027-01-06?",
        "How much is " + "9" * 40 + " and 2?",
        "What is new in Python 3.11.2 after 3.10?",
    ],
)
def test_what_is_no_problem_is_not_even_read(text: str) -> None:
    """One number, no question, a whole page, or numbers of another kind."""
    solver = _Solver()
    assert worked_out(text, solver) is None
    assert not solver.asked


@pytest.mark.parametrize(
    ("problem", "answer"),
    [
        (PROBLEM, 48),
        ("I have 50 dollars and spend 18 on a book. How much is left?", 32),
        ("A box holds 6 eggs. How many boxes do I need for 42 eggs?", 7),
        ("i make 18 an hour and work 40 hours a week. how much is that before tax", 720),
    ],
)
def test_the_shipped_solver_works_out_everyday_problems(problem: str, answer: int) -> None:
    """Surely enough to be shown."""
    solver = shipped_solver()
    assert solver is not None
    solution = solver.solve(problem)
    assert solution is not None
    assert solution.answer == answer
    assert solution.probability >= LEAST


@pytest.mark.parametrize(
    "text",
    [
        "What happened between 1914 and 1918?",
        "Which team won the cup in 1966 and 1970?",
        "My kids are 5 and 7, what can we play on a rainy day?",
        "What is section 3 of chapter 12 about?",
    ],
)
def test_the_shipped_solver_leaves_other_questions_alone(text: str) -> None:
    """Numbers alone make no problem."""
    solver = shipped_solver()
    assert solver is not None
    solution = solver.solve(text)
    assert solution is None or solution.probability < LEAST
