"""From preference and rating records to prompts with compared answers.

All comparisons of a prompt stay together, whatever file they come from: they share a batch, and
fall on one side of the held-out split, which is made by the prompt and not by the record.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterable
from dataclasses import dataclass

from chatapp.training.records import RatingRecord
from chatapp.training.shards import is_validation


@dataclass(frozen=True)
class Comparison:
    """One answer preferred to another; `margin` is how much better it was graded (0 to 1)."""

    messages: tuple[tuple[str, str], ...]
    better: str
    worse: str
    source: str
    margin: float = 0.0


@dataclass(frozen=True)
class RankedPrompt:
    """A prompt with answers, and pairs of them: (better, worse, margin), indices into `answers`."""

    key: str
    source: str
    messages: tuple[tuple[str, str], ...]
    answers: tuple[str, ...]
    pairs: tuple[tuple[int, int, float], ...]

    def held_out(self, permille: int) -> bool:
        """Whether the prompt is kept for measuring."""
        return is_validation(self.key, permille)

    def half(self) -> int:
        """Return 0 or 1, evenly and by the prompt alone: for models that must share no prompt."""
        return hashlib.sha256(f"half {self.key}".encode()).digest()[0] & 1


def prompt_key(messages: Iterable[tuple[str, str]]) -> str:
    """Name a prompt by its text."""
    text = json.dumps([list(message) for message in messages], ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def compare_ratings(
    ratings: Iterable[RatingRecord], source: str, *, answers: int, seed: int
) -> list[Comparison]:
    """Pair the graded answers of each prompt: the better against every one graded lower.

    A prompt's answers are first dealt into hands of `answers`, as labellers get them, so that their
    number of pairs grows with the number of answers and not with its square.
    """
    by_prompt: dict[str, list[RatingRecord]] = {}
    for rating in ratings:
        by_prompt.setdefault(prompt_key(rating.messages), []).append(rating)
    found: list[Comparison] = []
    for key, group in by_prompt.items():
        distinct = list({rating.response.strip(): rating for rating in group}.values())
        random.Random(f"{seed} {key}").shuffle(distinct)
        for start in range(0, len(distinct), answers):
            found += _hand(distinct[start : start + answers], source)
    return found


def _hand(ratings: list[RatingRecord], source: str) -> list[Comparison]:
    return [
        Comparison(high.messages, high.response, low.response, source, high.reward - low.reward)
        for high in ratings
        for low in ratings
        if high.reward > low.reward
    ]


def rank(comparisons: Iterable[Comparison], *, answers: int) -> list[RankedPrompt]:
    """Gather the comparisons of each prompt and source into groups of at most `answers` answers.

    Groups are in the order in which their prompts first appear; a pair given twice counts once.
    """
    drafts: dict[tuple[str, str], list[_Draft]] = {}
    for comparison in comparisons:
        place = (prompt_key(comparison.messages), comparison.source)
        groups = drafts.setdefault(place, [])
        fitting = next((draft for draft in groups if draft.takes(comparison, answers)), None)
        if fitting is None:
            fitting = _Draft(comparison.messages, {}, {})
            groups.append(fitting)
        fitting.add(comparison)
    return [
        RankedPrompt(key, source, draft.messages, tuple(draft.answers), draft.compared())
        for (key, source), groups in drafts.items()
        for draft in groups
    ]


@dataclass
class _Draft:
    """A group in the making: answers in order, and the margin of each pair."""

    messages: tuple[tuple[str, str], ...]
    answers: dict[str, int]
    pairs: dict[tuple[int, int], float]

    def takes(self, comparison: Comparison, limit: int) -> bool:
        return len({*self.answers, comparison.better, comparison.worse}) <= limit

    def add(self, comparison: Comparison) -> None:
        better, worse = (
            self.answers.setdefault(answer, len(self.answers))
            for answer in (comparison.better, comparison.worse)
        )
        self.pairs[better, worse] = comparison.margin

    def compared(self) -> tuple[tuple[int, int, float], ...]:
        return tuple((better, worse, margin) for (better, worse), margin in self.pairs.items())


def shuffle_labels(prompts: Iterable[RankedPrompt], seed: int) -> list[RankedPrompt]:
    """Turn every pair round with probability one half: the control that can learn nothing true."""
    shuffled = []
    for prompt in prompts:
        rng = random.Random(f"{seed} {prompt.key} {prompt.answers[0]}")
        pairs = tuple(
            (worse, better, margin) if rng.random() < 0.5 else (better, worse, margin)
            for better, worse, margin in prompt.pairs
        )
        shuffled.append(
            RankedPrompt(prompt.key, prompt.source, prompt.messages, prompt.answers, pairs)
        )
    return shuffled
