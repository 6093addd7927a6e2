"""The fitting of the gate: it learns which signs are bad and judges a hand by the others."""

from __future__ import annotations

import numpy as np

from benchmarks.extraction_gate import BELIEVED_FROM, Row, fitted, left_out, probabilities, table

NAMES = ["led", "place"]


def rows(hand: str, led_is_right: bool, new: bool = True) -> list[Row]:
    plain = [Row(frozenset({"place"}), True, hand, new)] * 40
    return plain + [Row(frozenset({"led", "place"}), led_is_right, hand, new)] * 20


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
    judged = left_out(both, NAMES, ["two"])
    assert judged.read.mean == judged.believed.mean == 40 / 60  # its errors look right to "one"
    judged = left_out(both, NAMES, ["one"])
    assert (judged.believed.mean, judged.believed.n) == (1.0, 40)
    assert judged.share_of_right.mean == 40 / 60  # the rest is asked about


def test_readings_of_today_teach_and_are_not_measured() -> None:
    both = [*rows("one", led_is_right=False, new=False), *rows("two", led_is_right=False)]
    assert left_out(both, NAMES, ["two"]).believed.mean == 1.0
    assert left_out(both, NAMES, ["two"]).read.n == 60
