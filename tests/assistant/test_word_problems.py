"""Word problems in a chat: worked out where the solver is sure, left alone where it is not."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import cast

import pytest

from chatapp.assistant.events import MessageDone, ToolCall
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
    assert done.grounding == "tool"
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


async def test_a_model_of_ones_own_and_named_sources_go_first(make: MakeAssistant) -> None:
    """Nor is the solver asked when tools are switched off."""
    solver = _Solver()
    own = make(FakeGenerator(MODEL), None, solver=solver, settings=replace(SETTINGS, model="mine"))
    assert only(await collect(own.turn(None, PROBLEM)), MessageDone).text == MODEL
    without = make(FakeGenerator(MODEL), None, solver=solver)
    without.options = replace(without.options, use_tools=False)
    assert only(await collect(without.turn(None, PROBLEM)), MessageDone).text == MODEL
    sources = make(FakeGenerator(MODEL), FakeIndex(PAGES), solver=solver)
    sources.options = replace(sources.options, needs_sources=True)
    assert only(await collect(sources.turn(None, PROBLEM)), MessageDone).grounding != "tool"
    assert not solver.asked


@pytest.mark.parametrize(
    "text",
    [
        "How many muffins are on a tray?",
        "We were 4 people and 12 dogs on the beach.",
        f"{PROBLEM} {'And so on. ' * 100}",
    ],
)
def test_what_is_no_problem_is_not_even_read(text: str) -> None:
    """One number, no question, or a whole page."""
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
    assert worked_out(text, shipped_solver) is None
