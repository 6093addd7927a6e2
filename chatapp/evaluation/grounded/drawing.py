"""Best-of-n: how much better an answer gets when several are drawn and a reward chooses.

One run of N draws gives the whole curve, by WebGPT's unbiased estimator (arXiv:2112.09332,
appendix I), which is `chatapp.training.best_of_n`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from chatapp.evaluation.estimates import Estimate, estimate
from chatapp.evaluation.grounded.answers import Answer, Sampler
from chatapp.evaluation.metrics import exact_match, f1
from chatapp.evaluation.result import Metrics
from chatapp.evaluation.schemas import Question
from chatapp.evaluation.suite import Done, present


@dataclass(frozen=True)
class Draws:
    """Who is drawn from, and how often for each question."""

    sampler: Sampler
    count: int


Drawn = Sequence[tuple[Question, Sequence[Answer]]]


def best_of_n_curve(draws: Draws, questions: Sequence[Question], done: Done) -> Metrics:
    """Return EM and F1 of the best of 1, 2, 4 … draws, as the reward chooses.

    Only questions with an answer count. Each draw is reported to `done`.
    """
    drawn: list[tuple[Question, Sequence[Answer]]] = []
    for question in questions:
        if question.answerable:
            drawn.append((question, draws.sampler.draw(question, draws.count)))
        done(draws.count)
    figures: dict[str, Estimate | None] = {}
    for n in sizes(draws.count):
        figures[f"em@best_of_{n}"] = _mean(drawn, n, exact_match)
        figures[f"f1@best_of_{n}"] = _mean(drawn, n, f1)
    return present(figures)


def sizes(count: int) -> list[int]:
    """Return 1, 2, 4 … up to `count`, which is the last."""
    powers = [2**power for power in range(count.bit_length()) if 2**power < count]
    return [*powers, count]


def _mean(drawn: Drawn, n: int, measure: Callable[[str, Sequence[str]], float]) -> Estimate | None:
    import torch

    from chatapp.training.best_of_n import best_of_n

    if not drawn:
        return None
    rewards = [[answer.reward or 0.0 for answer in answers] for _, answers in drawn]
    values = [
        [measure(answer.short, question.answers) for answer in answers]
        for question, answers in drawn
    ]
    estimates = best_of_n(torch.tensor(rewards), torch.tensor(values), n)
    return estimate([float(value) for value in estimates])
