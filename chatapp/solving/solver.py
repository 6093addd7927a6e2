"""Problem → steps of arithmetic and their outcome, with the probability that it is right.

The thing to know: many programs are followed at once (beam search), and those that come to the same
number count together; the arithmetic itself is exact.
"""

from __future__ import annotations

import math
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from chatapp.solving.programs import STEPS, STOP, Step, expression, run, shown

if TYPE_CHECKING:
    import torch
    from tokenizers import Tokenizer

    from chatapp.solving.network import Memory, Said, SolverNetwork
    from chatapp.solving.problems import Read

_BEAMS = 12
_BEHIND = 8.0  # nats: what is less likely than the best program by more is given up
FEWEST = 2  # numbers of a problem; with fewer there is nothing to work out


class Solution(NamedTuple):
    """How a problem is solved.

    Attributes:
        lines: the steps, such as "48 / 2 = 24".
        expression: all of them as one expression for the calculator.
        answer: what it comes to.
        probability: that the answer is right, as the network sees it, from 0 to 1.
    """

    lines: tuple[str, ...]
    expression: str
    answer: Fraction
    probability: float


class _Beam(NamedTuple):
    steps: tuple[Step, ...]
    likelihood: float  # log


def load_solver(directory: Path) -> Solver:
    """Load the solver in `directory`.

    Raises:
        ReaderDamaged: a file is missing, damaged or not the one that belongs there.
    """
    from chatapp.solving import files

    return Solver(*files.load(directory))


class Solver:
    """Solves problems; safe to use from several threads, the same input gives the same output."""

    def __init__(self, network: SolverNetwork, tokenizer: Tokenizer, name: str) -> None:
        """Use `load_solver`; `name` stands in reports."""
        self.id = name
        self._network, self._tokenizer = network, tokenizer

    def solve(self, problem: str) -> Solution | None:
        """Return the likeliest solution that never falls below zero.

        None for a text with fewer than two numbers, or where every program that was followed does.
        """
        import torch

        from chatapp.solving.problems import read

        told = read(problem, self._tokenizer)
        if len(told.numbers) < FEWEST:
            return None
        with torch.inference_mode():
            programs = self._programs(told)
        return _agreed(programs, told)

    def _programs(self, told: Read) -> list[_Beam]:
        """Return finished programs and how likely each is."""
        from chatapp.solving.problems import collate

        memory = self._network.memory(collate([told]))
        alive, finished = [_Beam((), 0.0)], []
        for _ in range(STEPS + 1):
            begun: list[tuple[_Beam, int]] = []
            for beam, logs in zip(alive, self._operations(memory, alive), strict=True):
                for operation, log in enumerate(logs):
                    longer = beam._replace(likelihood=beam.likelihood + log)
                    if operation != STOP and len(beam.steps) < STEPS:
                        begun.append((longer, operation))
                    elif operation == STOP and beam.steps:
                        finished.append(longer)
            alive = self._stepped(memory, begun, told)
            best = max((beam.likelihood for beam in (*finished, *alive)), default=0.0)
            alive = [beam for beam in alive if beam.likelihood > best - _BEHIND]
            if not alive:
                break
        return finished

    def _stepped(self, memory: Memory, begun: list[tuple[_Beam, int]], told: Read) -> list[_Beam]:
        """Return the beams whose next operation was chosen, with both of its operands."""
        begun = sorted(begun, key=lambda one: -one[0].likelihood)[:_BEAMS]
        if not begun:
            return []
        beams = [
            _Beam((*beam.steps, Step(operation, 0, 0)), beam.likelihood)
            for beam, operation in begun
        ]
        for side in ("left", "right"):
            logs = self._operands(memory, beams, side)
            best = logs.topk(min(_BEAMS, logs.shape[1]), dim=1)
            longer = [
                _Beam(
                    (*beam.steps[:-1], beam.steps[-1]._replace(**{side: place})),
                    beam.likelihood + log,
                )
                for beam, places, row in zip(
                    beams, best.indices.tolist(), best.values.tolist(), strict=True
                )
                for place, log in zip(places, row, strict=True)
            ]
            longer.sort(key=lambda beam: -beam.likelihood)
            if side == "right":
                longer = [beam for beam in longer[: 4 * _BEAMS] if run(beam.steps, told.numbers)]
            beams = longer[:_BEAMS]
        return beams

    def _operations(self, memory: Memory, beams: list[_Beam]) -> list[list[float]]:
        choices = self._network.choices(_spread(memory, len(beams)), _said(beams))
        logs: list[list[float]] = choices.operations[:, -1].log_softmax(1).tolist()
        return logs

    def _operands(self, memory: Memory, beams: list[_Beam], side: str) -> torch.Tensor:
        choices = self._network.choices(_spread(memory, len(beams)), _said(beams))
        logits = choices.lefts if side == "left" else choices.rights
        return logits[:, -1].log_softmax(1)


def _agreed(programs: list[_Beam], told: Read) -> Solution | None:
    """Return the answer that most of the likelihood is for, with its likeliest program."""
    by_answer: dict[Fraction, list[_Beam]] = {}
    for beam in programs:
        results = run(beam.steps, told.numbers)
        if results and min(results) >= 0:  # people and apples are not fewer than none
            by_answer.setdefault(results[-1], []).append(beam)
    if not by_answer:
        return None
    shares = {
        answer: sum(math.exp(beam.likelihood) for beam in beams)
        for answer, beams in by_answer.items()
    }
    answer = max(shares, key=lambda one: shares[one])
    best = max(by_answer[answer], key=lambda beam: beam.likelihood)
    lines = tuple(shown(best.steps, told.numbers))
    whole = expression(best.steps, told.numbers)
    return Solution(lines, whole, answer, min(1.0, shares[answer]))


def _said(beams: list[_Beam]) -> Said:
    import torch

    from chatapp.solving.network import Said

    steps = torch.tensor([[list(step) for step in beam.steps] for beam in beams], dtype=torch.long)
    return Said(*steps.view(len(beams), -1, 3).unbind(2))


def _spread(memory: Memory, count: int) -> Memory:
    """Return what one text says to `count` programs; its states are read once for all."""
    entered, keys, there = (
        part.expand(count, *part.shape[1:]) for part in (memory.entered, memory.keys, memory.there)
    )
    return memory._replace(entered=entered, keys=keys, there=there)
