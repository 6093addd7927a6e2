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

if TYPE_CHECKING:
    from chatapp.solving import Solver

log = logging.getLogger("chatapp")
_loading = threading.Lock()
# Chosen on problems that were held out from training (`python -m chatapp.solving.train`).
LEAST = 0.5
_ANSWER = "I worked it out in these steps, please check them:\n\n[steps]\n\nThe answer is **{}**."
_NUMBERS = 2  # of a problem; with fewer there is nothing to work out
_LONGEST = 800  # characters; what is longer is a text with numbers in it
_ASKS = re.compile(
    r"\b(?:how (?:much|many|long|far|old|fast|tall|big|often|high|heavy|wide|late|soon)|what|which"
    r"|find|calculate|work out|figure out)\b",
    re.IGNORECASE,
)


def worked_out(message: str, load: Callable[[], Solver | None]) -> Route | None:
    """Return the calculation that solves a word problem, None where none surely does. Blocking."""
    from chatapp.solving.quantities import quantities

    text = " ".join(message.split())
    if len(text) > _LONGEST or not _ASKS.search(text) or len(quantities(text)) < _NUMBERS:
        return None
    try:
        solver = load()
        solution = solver.solve(text) if solver else None
    except Exception:
        log.warning("A word problem could not be worked out", exc_info=True)
        return None
    if solution is None or solution.probability < LEAST:
        return None
    steps = "\n".join(f"- {line}" for line in solution.lines)
    answer = (
        f"I worked it out in these steps, please check them:\n\n{steps}\n\nThe answer is **{{}}**."
    )
    return Route("calculator", {"expression": solution.expression}, answer)


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
