"""Word problems in a message: worked out step by step by the solver that comes with the app.

The thing to know: the solver is often unsure, and then says nothing; what it shows is every step,
so that a person sees at a glance whether it read the problem as it was meant. The calculator has
the last word on the number.
"""

from __future__ import annotations

import functools
import logging
import re
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from chatapp import resources
from chatapp.assistant.routing import Route
from tools.calculator import calculate
from tools.protocol import ToolError

if TYPE_CHECKING:
    from chatapp.solving import Solution, Solver

log = logging.getLogger("chatapp")
_loading = threading.Lock()
# Chosen on problems that were held out from training (`python -m chatapp.solving.train`).
LEAST = 0.6
_LONGEST = 800  # characters; what is longer is a text with numbers in it
_ANSWER = "I worked it out in these steps, please check them:\n\n[steps]\n\nThe answer is **{}**."
_ASKS = re.compile(
    r"\b(?:how (?:much|many|long|far|old|fast|tall|big|often|high|heavy|wide|late|soon)|what|which"
    r"|find|calculate|work out|figure out)\b",
    re.IGNORECASE,
)
# Numbers that the solver would read as others: times, dates, versions, powers, odd groups of
# digits, mixed fractions, numbers below zero, and those that are part of a name.
_ODD = re.compile(
    r"\d[:^]\d|\d,\d{1,2}(?!\d)|\d \d{3}\b|\d\.\d+\.\d|\d[-–]\d+[-–]\d|\d/\d+/\d|\d{16}|[½⅓⅔¼¾⅛]"
    r"|(?<![\w)])[-−–]\d|[A-Za-z_]\d|\d(?:st|nd|rd|th)\b",
)
# In the midst of a conversation: what leans on the message before.
_GOES_ON = re.compile(r"(?:and|but|so|then|ok(?:ay)?|now|what about|how about|what if)\b", re.I)


def worked_out(
    message: str, load: Callable[[], Solver | None], *, opening: bool = True
) -> Route | None:
    """Return the calculation that solves a word problem, None where none surely does. Blocking.

    `opening`: nothing was said before that the message could lean on.
    """
    from chatapp.solving.quantities import quantities
    from chatapp.solving.solver import FEWEST
    from chatapp.solving.wholes import whole

    text = " ".join(message.split())
    if len(text) > _LONGEST or not _ASKS.search(text) or _ODD.search(text):
        return None
    if len(quantities(text)) < FEWEST or (not opening and _GOES_ON.match(text)):
        return None
    try:
        solver = load()
        solution = solver.solve(text) if solver else None
    except Exception:
        log.warning("A word problem could not be worked out", exc_info=True)
        return None
    if solution is None or solution.probability < LEAST:
        return None
    solution = whole(text, solution)
    if solution is None or not _agrees(solution):
        return None
    steps = "\n".join(f"- {line}" for line in solution.lines)
    answer = _ANSWER.replace("[steps]", steps)
    return Route("calculator", {"expression": solution.expression}, answer, "worked_out")


def _agrees(solution: Solution) -> bool:
    """Whether the calculator takes the expression, which may be too long, and comes to the same."""
    try:
        return calculate(solution.expression) == solution.answer
    except ToolError:
        return False


def shipped_solver() -> Solver | None:
    """Return the solver, None without usable files. The first call takes a moment."""
    with _loading:
        return _load()


@functools.cache
def _load() -> Solver | None:
    from chatapp.solving import load_solver
    from retrieval.errors import ReaderDamaged

    directory = resources.solver_dir()
    if not directory.is_dir():
        return None
    try:
        return load_solver(directory)
    except ReaderDamaged as error:
        log.warning("%s; word problems are left to sources and model", error)
        return None
