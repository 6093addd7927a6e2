"""Citation recall and precision as ALCE defines them (Gao et al. 2023, arXiv:2305.14627, sec. 4).

A statement is *recalled* when everything it cites together supports it. A citation of a recalled
statement is *precise* when it supports the statement alone, or when the others do not without it.
Both say nothing about being right: copying any passage and citing it scores 1, so they are only
ever printed in one row with correctness.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

MOST_CITATIONS = 3  # of one statement that count, as in ALCE

Supports = Callable[[str, str], bool]
"""Whether a statement (first) follows from a text (second)."""


@dataclass(frozen=True)
class Statement:
    """A sentence of an answer, and the quoted texts that it cites."""

    text: str
    cited: tuple[str, ...] = ()


@dataclass(frozen=True)
class CitationScore:
    """Of one answer: the share of statements recalled and of citations precise, 0 to 1."""

    recall: float
    precision: float


def score_citations(statements: Sequence[Statement], supports: Supports) -> CitationScore | None:
    """Return recall and precision of an answer; None for one without statements.

    An answer that cites nothing has a precision of 0, as in ALCE's own program.
    """
    if not statements:
        return None
    recalled = precise = total = 0
    for statement in statements:
        cited = statement.cited[:MOST_CITATIONS]
        total += len(cited)
        if cited and supports(statement.text, _joined(cited)):
            recalled += 1
            precise += _precise(statement.text, cited, supports)
    return CitationScore(recalled / len(statements), precise / total if total else 0.0)


def _precise(statement: str, cited: Sequence[str], supports: Supports) -> int:
    """Count the citations of a recalled statement that are not irrelevant."""
    if len(cited) == 1:
        return 1
    count = 0
    for place, text in enumerate(cited):
        others = [*cited[:place], *cited[place + 1 :]]
        count += supports(statement, text) or not supports(statement, _joined(others))
    return count


def _joined(texts: Sequence[str]) -> str:
    return "\n".join(texts)
