"""The fitting of the gate: it learns which signs are bad and judges a hand by the others."""

from __future__ import annotations

import numpy as np

from benchmarks.extraction_gate import (
    BELIEVED_FROM,
    Row,
    fitted,
    judged,
    left_out,
    probabilities,
    table,
)
from chatapp.memory.gate import Reading

NAMES = ["led", "place"]
READING = Reading("I live in Rome", 0, 14, 0, 14, "home", "Rome", "en.home.living")
RULES = frozenset({READING.rule})


def rows(hand: str, led_is_right: bool, new: bool = True) -> list[Row]:
    plain = [Row({"place": 1.0}, READING, True, hand, new)] * 400
    return plain + [Row({"led": 1.0, "place": 1.0}, READING, led_is_right, hand, new)] * 200


def test_what_stands_with_errors_weighs_against_a_reading() -> None:
    weights = fitted(rows("one", led_is_right=False), NAMES)
    led, plain = probabilities(
        weights, table([*rows("one", led_is_right=False)[-1:], *rows("", True)[:1]], NAMES)
    )
    assert led < 0.3 < BELIEVED_FROM < plain
    assert np.isfinite(weights).all()


def test_a_hand_is_judged_by_what_the_others_taught() -> None:
    """The hand left out writes what the others never do, and the figure shows it."""
    both = [*rows("one", led_is_right=True), *rows("two", led_is_right=False)]
    found = left_out(judged(both, NAMES, "two", RULES), BELIEVED_FROM)
    assert found.read.mean == found.believed.mean == 40 / 60  # its errors look right to "one"
    found = left_out(judged(both, NAMES, "one", RULES), BELIEVED_FROM)
    assert (found.believed.mean, found.believed.n) == (1.0, 400)
    assert found.share_of_right.mean == 40 / 60  # the rest is asked about


def test_readings_of_today_teach_and_are_not_measured() -> None:
    both = [*rows("one", led_is_right=False, new=False), *rows("two", led_is_right=False)]
    found = left_out(judged(both, NAMES, "two", RULES), BELIEVED_FROM)
    assert (found.believed.mean, found.read.n) == (1.0, 600)


def test_a_rule_that_was_never_proven_is_only_asked_about() -> None:
    both = [*rows("one", led_is_right=True), *rows("two", led_is_right=True)]
    found = left_out(judged(both, NAMES, "two", frozenset({"en.home.other"})), BELIEVED_FROM)
    assert found.believed is None
