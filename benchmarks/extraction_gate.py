"""How sure a reading of the memory's rules is: fits the gate, and says what a new hand may expect.

A set of messages that the rules were mended after says nothing of their errors any more. So
`readings.jsonl` keeps what the rules of the day read in each blind set when it was new, and the
gate is judged by leaving one hand out: fitted on the others, measured on what was read there.
More readings to learn from are those of today's rules without their rejectors, whose traps are
errors then; none of the hand that is left out.

    python benchmarks/extraction_gate.py [--write]
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # runs from a checkout

from benchmarks.peers import machine
from chatapp import resources
from chatapp.evaluation.estimates import Estimate, estimate
from chatapp.evaluation.memory.cases import messages_in
from chatapp.evaluation.memory.extraction import is_right
from chatapp.memory.extract import blanked, readings
from chatapp.memory.gate import DIRECTORY, Gate, Reading, load_gate
from chatapp.memory.rules_file import RuleSet, load_rules

HANDS = ("extraction-blind.jsonl", "extraction-blind-2.jsonl", "extraction-blind-3.jsonl")
OWN = ("extraction-dev.jsonl", "extraction.jsonl")  # by the hand of the rules: to learn from only
PULL = 0.5  # of the weights towards nothing
BELIEVED_FROM = 0.9
STEPS = 40  # of Newton; a few are enough

Weights = NDArray[np.float64]


@dataclass(frozen=True)
class Row:
    """A reading's signs, whether it is right, in whose message, and whether the set was new."""

    signs: frozenset[str]
    right: bool
    hand: str
    new: bool


def when_new(gate: Gate, rules: RuleSet) -> Iterator[Row]:
    """Yield what was read in each blind set when it was new."""
    path = resources.samples_dir() / "memory" / "readings.jsonl"
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        where = (*row["sentence"], *row["clause"], row["slot"], row["value"])
        signs = gate.signs(Reading(blanked(row["text"]), *where), rules)
        yield Row(signs, row["right"], row["set"], new=True)


def without_rejectors(gate: Gate, rules: RuleSet) -> Iterator[Row]:
    """Yield what today's rules would read in all sets if nothing were rejected."""
    nothing: tuple[()] = ()
    rejectors = replace(
        rules.reject,
        **dict.fromkeys(("message", "sentence", "clause", "unsettled", "reported"), nothing),
    )
    loose = replace(rules, reject=rejectors)
    for hand in (*HANDS, *OWN):
        for message in messages_in(resources.samples_dir() / "memory" / hand):
            for candidate, reading in readings(message.text, loose):
                fact = (candidate.slot, candidate.key, candidate.value)
                right = is_right(message, fact)
                if not candidate.closes and right is not None:
                    yield Row(gate.signs(reading, rules), right, hand, new=False)


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
    """Return (rows, 1 + names) of ones and noughts, the first column all ones."""
    return np.array([[1.0, *(float(name in row.signs) for name in names)] for row in rows])


def probabilities(weights: Weights, signs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how probably each row is right."""
    return np.asarray(1 / (1 + np.exp(-signs @ weights)))


@dataclass(frozen=True)
class LeftOut:
    """What a hand that was left out may expect: precision of all readings, and of the believed."""

    read: Estimate
    believed: Estimate
    share_of_right: Estimate


def left_out(rows: Sequence[Row], names: Sequence[str], hands: Sequence[str]) -> LeftOut:
    """Judge the readings of `hands` when new, each by a gate fitted on the other hands."""
    right: list[float] = []
    sure: list[bool] = []
    for hand in hands:
        weights = fitted([row for row in rows if row.hand != hand], names)
        held = [row for row in rows if row.hand == hand and row.new]
        right += [float(row.right) for row in held]
        sure += list(probabilities(weights, table(held, names)) >= BELIEVED_FROM)
    believed = [value for value, is_sure in zip(right, sure, strict=True) if is_sure]
    kept = [float(is_sure) for value, is_sure in zip(right, sure, strict=True) if value]
    return LeftOut(estimate(right), estimate(believed), estimate(kept))


def main() -> None:
    """Judge by leaving hands out, fit on all, print one JSON line; with `--write` keep the gate."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="keep the weights with the rules")
    options = parser.parse_args()
    gate, rules = load_gate("en"), load_rules("en")
    assert gate is not None, "the gate's signs come with the rules"
    rows = [*when_new(gate, rules), *without_rejectors(gate, rules)]
    names = sorted({name for row in rows for name in row.signs})
    groups = {**{hand: (hand,) for hand in HANDS}, "all": HANDS}
    judged = {group: left_out(rows, names, hands) for group, hands in groups.items()}
    weights = [round(float(weight), 3) for weight in fitted(rows, names)]
    if options.write:
        values = {
            "fitted": f"benchmarks/extraction_gate.py, on {len(rows)} readings",
            "believed_from": BELIEVED_FROM,
            "bias": weights[0],
            "weights": dict(zip(names, weights[1:], strict=True)),
        }
        path = DIRECTORY / "en.json"
        path.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")
    line = {
        "metrics": {
            g: {k: round(e.mean, 4) for k, e in vars(j).items()} for g, j in judged.items()
        },
        "n": {g: {k: e.n for k, e in vars(j).items()} for g, j in judged.items()},
        "stderr": {
            g: {k: round(e.stderr, 4) for k, e in vars(j).items()} for g, j in judged.items()
        },
        "config": {"rows": len(rows), "pull": PULL, "believed_from": BELIEVED_FROM},
        "machine": machine(),
    }
    print(json.dumps(line))


if __name__ == "__main__":
    main()
