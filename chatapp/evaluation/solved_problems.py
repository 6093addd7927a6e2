"""Word problems given to the solver: how many come out right, and whether it knows which.

Chance answers every problem with the commonest answer of those measured, as in `math_problems`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from chatapp.evaluation.estimates import estimate
from chatapp.evaluation.grounded.risk import auroc
from chatapp.evaluation.math_problems import commonest, gold
from chatapp.evaluation.result import Result
from chatapp.evaluation.schemas import Problem
from chatapp.evaluation.suite import Done, present
from chatapp.solving.programs import answers_like

if TYPE_CHECKING:
    from chatapp.solving import Solver


class SolverSuite:
    """Problems for the solver; `least` is the probability from which the app shows a solution.

    `accuracy` counts its best guess for every problem, `shown` those that are sure enough for the
    app, which also rounds counts of whole things, `right` the share of the shown that is right,
    `right_auroc` whether right ones have a higher probability than wrong ones.

    Raises:
        DataError: a problem's answer is no number.
    """

    name, unit = "math", "problem"

    def __init__(self, solver: Solver, problems: Sequence[Problem], least: float) -> None:
        self._solver, self._problems, self._least = solver, problems, least
        self._gold = [gold(problem) for problem in problems]

    def size(self) -> int:
        """Return the number of problems."""
        return len(self._problems)

    def run(self, done: Done) -> Result:
        """Solve every problem."""
        found: list[tuple[float, bool]] = []
        for problem in self._problems:
            solution = self._solver.solve(problem.question)
            if solution is None:
                found.append((0.0, False))
            else:
                found.append((solution.probability, answers_like(solution.answer, problem.answer)))
            done(1)
        shown = [right for probability, right in found if probability >= self._least]
        metrics = present(
            {
                "accuracy": estimate([float(right) for _, right in found], commonest(self._gold)),
                "shown": estimate([float(sure >= self._least) for sure, _ in found]),
                "right": estimate([float(right) for right in shown]),
                "right_auroc": auroc([sure for sure, _ in found], [right for _, right in found]),
            }
        )
        config = {"solver": self._solver.id, "least": self._least}
        return Result({"solver": metrics}, len(self._problems), config)
