"""How sure a reading of the memory's rules is: fits the gate, and says what a new hand may expect.

A set of messages that the rules were mended after says nothing of their errors any more. So
`readings.jsonl` keeps what the rules of the day read in each blind set when it was new, and the
gate is judged by leaving one hand out: fitted on the others, measured on what was read there.
More readings to learn from are those of today's rules without their rejectors, whose traps are
errors then; none of the hand that is left out. The words of a message's tone are counted without
that hand too, and for each reading that is learnt from without the hand it comes from: a sign that
knows its own message would be trusted too much.

    python benchmarks/extraction_gate.py [--write]
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # runs from a checkout

from benchmarks.peers import machine
from chatapp import resources
from chatapp.evaluation.estimates import Estimate, estimate
from chatapp.evaluation.memory.cases import BLIND, Message, messages, messages_in
from chatapp.evaluation.memory.extraction import is_right
from chatapp.memory.extract import blanked, readings
from chatapp.memory.gate import DIRECTORY, NEVER, TONE, Gate, Reading, load_gate, words_of
from chatapp.memory.rules_file import RuleSet, load_rules

HANDS = tuple(BLIND.values())
OWN = "tune"  # by the hand of the rules: to learn from only
UNMEANT = frozenset(("role_play", "pasted", "sarcasm", "hypothetical", "quote", "idiom"))
RARE = 3  # a word in fewer messages says nothing of their tone
DOUBT = 0.5  # messages more of either kind that every word is taken to stand in
PROVEN = 4  # times a rule has to have been right
TO_NOTHING = 0.3  # words that weigh less are left out of the file
PULL = 0.5  # of the weights towards nothing
BELIEVED_FROM = 0.95
LIMITS = (0.9, 0.93, 0.95, 0.96, 0.97, 0.98)  # what was looked at
STEPS = 40  # of Newton; a few are enough

Weights = NDArray[np.float64]


@dataclass(frozen=True)
class Row:
    """A reading with the signs it shows, whether it is right, whose message, and if it was new."""

    signs: Mapping[str, float]
    reading: Reading
    right: bool
    hand: str
    new: bool


def cases() -> dict[str, list[Message]]:
    """Return the messages of all hands, and those to tune on."""
    directory = resources.samples_dir() / "memory"
    return {**{hand: messages_in(directory / hand) for hand in HANDS}, OWN: messages("tune")}


def when_new(gate: Gate, rules: RuleSet) -> Iterator[Row]:
    """Yield what was read in each blind set when it was new."""
    path = resources.samples_dir() / "memory" / "readings.jsonl"
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        where = (*row["sentence"], *row["clause"], row["slot"], row["value"], row["rule"])
        others = tuple((found.start, found.end) for found, _ in readings(row["text"], rules))
        reading = Reading(blanked(row["text"]), *where, others)
        yield Row(gate.signs(reading, rules), reading, row["right"], row["set"], new=True)


def without_rejectors(
    of_hands: Mapping[str, Sequence[Message]], gate: Gate, rules: RuleSet
) -> Iterator[Row]:
    """Yield what today's rules would read in all sets if nothing were rejected."""
    nothing: tuple[()] = ()
    rejectors = replace(
        rules.reject,
        **dict.fromkeys(("message", "sentence", "clause", "unsettled", "reported"), nothing),
    )
    loose = replace(rules, reject=rejectors)
    for hand, said in of_hands.items():
        for message in said:
            for candidate, reading in readings(message.text, loose):
                fact = (candidate.slot, candidate.key, candidate.value)
                right = is_right(message, fact)
                if not candidate.closes and right is not None:
                    yield Row(gate.signs(reading, rules), reading, right, hand, new=False)


def seen_right(
    of_hands: Mapping[str, Sequence[Message]], rules: RuleSet
) -> dict[str, Counter[str]]:
    """Return how often each rule, as it is today, reads something right in the sets of each."""
    seen: dict[str, Counter[str]] = {hand: Counter() for hand in of_hands}
    for hand, said in of_hands.items():
        for message in said:
            for found, _ in readings(message.text, rules):
                if is_right(message, (found.slot, found.key, found.value)):
                    seen[hand][found.rule] += 1
    return seen


def proven(seen: Mapping[str, Counter[str]], left: str = "") -> frozenset[str]:
    """Return the rules that were right often enough in the sets of all hands but the one left."""
    total: Counter[str] = sum((seen[hand] for hand in seen if hand != left), Counter())
    return frozenset(rule for rule, count in total.items() if count >= PROVEN)


class Tones:
    """Words, weighed by how much oftener they stand in messages that are not meant, by hand."""

    def __init__(self, of_hands: Mapping[str, Sequence[Message]]) -> None:
        self._kinds = {
            hand: tuple(_counted(said, unmeant=unmeant) for unmeant in (True, False))
            for hand, said in of_hands.items()
        }

    def without(self, hands: Collection[str]) -> dict[str, float]:
        """Return the weights of words, log of how much oftener, counted without `hands`."""
        kept = [kinds for hand, kinds in self._kinds.items() if hand not in hands]
        unmeant, meant = (sum((kinds[place] for kinds in kept), Counter()) for place in (0, 1))
        of_unmeant, of_meant = (counts[""] + 2 * DOUBT for counts in (unmeant, meant))
        return {
            word: math.log((unmeant[word] + DOUBT) / of_unmeant * of_meant / (meant[word] + DOUBT))
            for word in unmeant | meant
            if word and unmeant[word] + meant[word] >= RARE
        }


def _counted(said: Sequence[Message], *, unmeant: bool) -> Counter[str]:
    """Count in how many messages of a kind a word stands; all of them under an empty one."""
    texts = [
        blanked(message.text)
        for message in said
        if (message.kind in UNMEANT if unmeant else message.facts)
    ]
    return Counter(word for text in texts for word in (*words_of(text), ""))


def toned(rows: Sequence[Row], gate: Gate, tones: Tones, left: Collection[str] = ()) -> list[Row]:
    """Return rows with their tone, by words counted without the hands `left` and their own."""
    words = {hand: tones.without({*left, hand}) for hand in {row.hand for row in rows}}
    return [
        replace(row, signs={**row.signs, TONE: gate.tone(row.reading, words[row.hand])})
        for row in rows
    ]


def fitted(rows: Sequence[Row], names: Sequence[str]) -> Weights:
    """Return bias and weights of a logistic regression, pulled towards nothing, hardly the bias."""
    right = np.array([row.right for row in rows], dtype=np.float64)
    signs = table(rows, names)
    weights = np.zeros(signs.shape[1])
    pull = np.full(signs.shape[1], PULL)
    pull[0] = 1e-3  # next to nothing; without it nothing holds where all are right
    for _ in range(STEPS):
        p = probabilities(weights, signs)
        slope = signs.T @ (right - p) - pull * weights
        curve = (signs * (p * (1 - p))[:, None]).T @ signs + np.diag(pull)
        weights += np.linalg.solve(curve, slope)
    return weights


def table(rows: Sequence[Row], names: Sequence[str]) -> NDArray[np.float64]:
    """Return (rows, 1 + names) of how much each sign shows, the first column all ones."""
    return np.array([[1.0, *(row.signs.get(name, 0.0) for name in names)] for row in rows])


def probabilities(weights: Weights, signs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how probably each row is right."""
    return np.asarray(1 / (1 + np.exp(-signs @ weights)))


@dataclass(frozen=True)
class LeftOut:
    """What a new hand may expect: how many are right of all, of the believed and of the asked."""

    read: Estimate
    believed: Estimate
    asked: Estimate
    share_of_right: Estimate


Judged = Sequence[tuple[bool, float]]
"""Readings when new: whether each is right, and how probable a gate of the other hands holds it."""


def judged(rows: Sequence[Row], names: Sequence[str], hand: str, known: Collection[str]) -> Judged:
    """Judge the readings of a hand when new by a gate that knows nothing of it.

    A rule that is gone since counts as one that is known: nothing is made better by that.
    """
    weights = fitted([row for row in rows if row.hand != hand], names)
    held = [row for row in rows if row.hand == hand and row.new]
    sure = probabilities(weights, table(held, names))
    trusted = [
        not NEVER & row.signs.keys()
        and (not row.reading.rule or row.reading.rule in known or "all there is" in row.signs)
        for row in held
    ]
    return [
        (row.right, float(p) if trust else 0.0)
        for row, p, trust in zip(held, sure, trusted, strict=True)
    ]


def left_out(found: Judged, believed_from: float) -> LeftOut:
    """Sum up what is believed of readings that were judged."""
    believed = [float(right) for right, p in found if p >= believed_from]
    asked = [float(right) for right, p in found if p < believed_from]
    kept = [float(p >= believed_from) for right, p in found if right]
    read = [float(right) for right, _ in found]
    return LeftOut(*map(estimate, (read, believed, asked, kept)))


def main() -> None:
    """Judge by leaving hands out, fit on all, print one JSON line; with `--write` keep the gate."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="keep the weights with the rules")
    options = parser.parse_args()
    gate, rules = load_gate("en"), load_rules("en")
    assert gate is not None, "the gate's signs come with the rules"
    of_hands = cases()
    tones = Tones(of_hands)
    rows = [*when_new(gate, rules), *without_rejectors(of_hands, gate, rules)]
    names = sorted({name for row in rows for name in row.signs})
    seen = seen_right(of_hands, rules)
    of_hand = {
        hand: judged(toned(rows, gate, tones, {hand}), names, hand, proven(seen, hand))
        for hand in HANDS
    }
    every = [one for found in of_hand.values() for one in found]
    groups = {hand: left_out(found, BELIEVED_FROM) for hand, found in of_hand.items()}
    groups |= {f"all, from {limit}": left_out(every, limit) for limit in LIMITS}
    weights = [round(float(weight), 3) for weight in fitted(toned(rows, gate, tones), names)]
    if options.write:
        values = {
            "fitted": f"benchmarks/extraction_gate.py, on {len(rows)} readings",
            "believed_from": BELIEVED_FROM,
            "bias": weights[0],
            "weights": dict(zip(names, weights[1:], strict=True)),
            "proven": sorted(proven(seen)),
            "words": {
                word: round(weight, 1)
                for word, weight in sorted(tones.without(()).items())
                if abs(weight) >= TO_NOTHING
            },
        }
        path = DIRECTORY / "en.json"
        path.write_text(json.dumps(values, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    line = {
        "metrics": {
            g: {k: round(e.mean, 4) for k, e in vars(j).items()} for g, j in groups.items()
        },
        "n": {g: {k: e.n for k, e in vars(j).items()} for g, j in groups.items()},
        "stderr": {
            g: {k: round(e.stderr, 4) for k, e in vars(j).items()} for g, j in groups.items()
        },
        "config": {"rows": len(rows), "pull": PULL, "believed_from": BELIEVED_FROM},
        "machine": machine(),
    }
    print(json.dumps(line))


if __name__ == "__main__":
    main()
