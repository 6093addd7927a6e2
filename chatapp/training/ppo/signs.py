"""Signs of health and of reward hacking, measured on answers as they are rolled out.

A policy that exploits its reward model grows long, repeats itself, or says the same to everybody;
each shows here before a person reads an answer.
"""

from __future__ import annotations

from collections.abc import Sequence

_SPAN = 3


def repetition(answers: Sequence[Sequence[int]]) -> float:
    """Share of an answer's runs of 3 tokens that it has said before, mean over the answers."""
    return sum(_repeated(answer) for answer in answers) / len(answers)


def sameness(answers: Sequence[Sequence[int]]) -> float:
    """Share of answers that are word for word the answer to an earlier prompt too."""
    return 1.0 - len({tuple(answer) for answer in answers}) / len(answers)


def mean_length(answers: Sequence[Sequence[int]]) -> float:
    """Tokens of an answer, its end included."""
    return sum(len(answer) for answer in answers) / len(answers)


def _repeated(answer: Sequence[int]) -> float:
    runs = [tuple(answer[i : i + _SPAN]) for i in range(len(answer) - _SPAN + 1)]
    return 1.0 - len(set(runs)) / len(runs) if runs else 0.0
