"""The suite `preference`: does a judge agree with people, and which of two models does it prefer.

Agreement is the share of pairs in which the judge rates the chosen answer higher; a tie counts one
half. Beside a reward model stand two baselines that any reward model must beat: the policy's own
likelihood of the answers, and the rule that longer is better.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from chatapp.evaluation.estimates import Estimate, estimate
from chatapp.evaluation.likelihood import LikelihoodModel
from chatapp.evaluation.result import Metrics, Result
from chatapp.evaluation.schemas import Message, Preference
from chatapp.evaluation.suite import Done, present
from chatapp.evaluation.win_rate import Contest


@dataclass(frozen=True)
class Answer:
    """An answer to the turns before it."""

    messages: tuple[Message, ...]
    text: str


class Judge(Protocol):
    """Rates answers; higher is better, and only ratings of the same turns are compared."""

    name: str

    def rate(self, answers: Sequence[Answer], done: Done) -> Mapping[str, list[float]]:
        """Return ratings of the answers, in order, by the name of the accuracy they give."""
        ...


class LikelihoodJudge:
    """Takes what a model is likelier to say for better, as it stands and per byte."""

    name = "likelihood"

    def __init__(self, model: LikelihoodModel) -> None:
        self._model = model

    def rate(self, answers: Sequence[Answer], done: Done) -> Mapping[str, list[float]]:
        """See `Judge.rate`."""
        tokenizer = self._model.tokenizer
        requests = []
        for answer in answers:
            head = tokenizer.encode_prompt(answer.messages)
            text = tokenizer.encode(answer.text.strip())[: self._model.context_length]
            requests.append(self._model.fit([*head, *text], len(head)))
        values = [scored.log_prob for scored in self._model.score(requests, done)]
        sizes = [max(1, len(answer.text.strip().encode())) for answer in answers]
        per_byte = [value / size for value, size in zip(values, sizes, strict=True)]
        return {"accuracy": values, "accuracy_norm": per_byte}


class LengthJudge:
    """Takes the longer answer for the better one."""

    name = "length"

    def rate(self, answers: Sequence[Answer], done: Done) -> Mapping[str, list[float]]:
        """See `Judge.rate`."""
        done(len(answers))
        return {"accuracy": [float(len(answer.text.encode())) for answer in answers]}


class PreferenceSuite:
    """Pairs of answers put to judges and, if asked for, two models put to one of them.

    Args:
        judges: each is one variant of the result.
        contest: two models that answer the pairs' prompts, compared by a reward model.
    """

    name, unit = "preference", "answer"

    def __init__(
        self, pairs: Sequence[Preference], judges: Sequence[Judge], contest: Contest | None = None
    ) -> None:
        self._pairs, self._judges, self._contest = pairs, judges, contest

    def size(self) -> int:
        """Return how many answers are rated or written."""
        rated = 2 * len(self._pairs) * len(self._judges)
        return rated + (self._contest.size() if self._contest else 0)

    def run(self, done: Done) -> Result:
        """Put every pair to every judge, then hold the contest."""
        answers = [
            Answer(pair.messages, text)
            for pair in self._pairs
            for text in (pair.chosen, pair.rejected)
        ]
        variants: dict[str, Metrics] = {}
        for judge in self._judges:
            variants[judge.name] = self._agreement(judge.rate(answers, done))
        config: dict[str, object] = {"sources": sorted({pair.source for pair in self._pairs})}
        if self._contest:
            variants["win rate"] = self._contest.run(done)
            config |= self._contest.facts()
        return Result(variants, len(self._pairs), config)

    def _agreement(self, ratings: Mapping[str, list[float]]) -> Metrics:
        found: dict[str, Estimate | None] = {}
        for name, values in ratings.items():
            right = [_prefers(a, b) for a, b in zip(values[::2], values[1::2], strict=True)]
            found[name] = estimate(right, chance=0.5)
            for source, of_source in self._by_source(right).items():
                found[f"{name} [{source}]"] = estimate(of_source, chance=0.5)
        return present(found)

    def _by_source(self, values: Sequence[float]) -> dict[str, list[float]]:
        """Sort values of the pairs by source; nothing when there is one source only."""
        sorted_: dict[str, list[float]] = {}
        for pair, value in zip(self._pairs, values, strict=True):
            sorted_.setdefault(pair.source, []).append(value)
        return sorted_ if len(sorted_) > 1 else {}


def _prefers(chosen: float, rejected: float) -> float:
    return 0.5 if chosen == rejected else float(chosen > rejected)
