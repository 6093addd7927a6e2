"""The kinds of question by number, as the network knows them; their order must not change."""

from __future__ import annotations

from retrieval.question import AnswerKind

_NUMBERS = {kind: number for number, kind in enumerate(AnswerKind)}
STATEMENT = len(_NUMBERS)  # what asks nothing and is judged by what it rests on
KINDS = STATEMENT + 1


def kind_number(kind: AnswerKind) -> int:
    """Return the number of a kind of question."""
    return _NUMBERS[kind]
