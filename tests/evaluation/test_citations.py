"""The measures of `eval grounded`, each against values worked out by hand or by another way."""

from __future__ import annotations

import random

import pytest

from chatapp.evaluation.grounded.citations import CitationScore, Statement, score_citations
from chatapp.evaluation.grounded.risk import auroc, kappa, risk_coverage


def holds(statement: str, text: str) -> bool:
    """Support is that every letter of the statement stands in the text."""
    return set(statement) <= set(text)


@pytest.mark.parametrize(
    ("statements", "recall", "precision"),
    [
        ([Statement("ab", ("ab",))], 1, 1),
        ([Statement("ab", ("a", "b"))], 1, 1),  # only both together support it: both are needed
        ([Statement("ab", ("ab", "c"))], 1, 0.5),  # the second adds nothing
        ([Statement("ab", ("ab", "abc"))], 1, 1),  # each supports it alone
        ([Statement("ab", ("a",))], 0, 0),
        ([Statement("ab", ()), Statement("a", ("a",))], 0.5, 1),
        ([Statement("ab", ())], 0, 0),
        ([Statement("d", ("a", "b", "c", "d"))], 0, 0),  # more than three do not count
    ],
)
def test_recall_and_precision_are_those_of_alce(
    statements: list[Statement], recall: float, precision: float
) -> None:
    """Each case of its definitions."""
    assert score_citations(statements, holds) == CitationScore(recall, precision)


def test_an_answer_without_statements_has_no_score() -> None:
    """A refusal cites nothing and claims nothing."""
    assert score_citations([], holds) is None


def test_auroc_is_the_share_of_pairs_in_the_right_order() -> None:
    """Counted pair by pair, ties as one half."""
    draw = random.Random(1)
    confidences = [draw.choice([0.1, 0.2, 0.5, 0.7]) for _ in range(60)]
    right = [draw.random() < 0.4 for _ in confidences]
    pairs = [
        (a > b) + 0.5 * (a == b)
        for a, good in zip(confidences, right, strict=True)
        for b, other in zip(confidences, right, strict=True)
        if good and not other
    ]
    found = auroc(confidences, right)
    assert found is not None
    assert found.mean == pytest.approx(sum(pairs) / len(pairs))
    assert 0 < found.stderr < 0.2
    assert auroc([0.5], [True]) is None


def test_risk_falls_where_confidence_knows_something() -> None:
    """The most confident answers come first, and the curve ends where nobody was answered."""
    confidences, right = [0.9, 0.8, 0.3, 0.2], [True, True, False, False]
    curve = risk_coverage(confidences, right, asked=5)
    assert curve[:4] == [(0.1, 0), (0.2, 0), (0.3, 0), (0.4, 0)]
    assert curve[-1] == (0.8, 0.5)
    assert risk_coverage([], [], asked=5) == []


def test_kappa_is_agreement_beyond_chance() -> None:
    """Cohen's own example in small, perfect agreement, and none beyond chance."""
    a = [True] * 25 + [True] * 10 + [False] * 15
    b = [True] * 20 + [False] * 5 + [True] * 10 + [False] * 15
    found = kappa(a, b)
    assert found is not None
    agreed, expected = 45 / 50, (35 / 50) * (30 / 50) + (15 / 50) * (20 / 50)
    assert found.mean == pytest.approx((agreed - expected) / (1 - expected))
    both = kappa([True, False], [True, False])
    assert both is not None
    assert both.mean == 1
    none = kappa([True, True, False, False], [True, False, True, False])
    assert none is not None
    assert none.mean == pytest.approx(0)
