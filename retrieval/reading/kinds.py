"""The kinds of question by number, as the network knows them; their order must not change."""

from __future__ import annotations

from retrieval.question import AnswerKind, analyse

_NUMBERS = {kind: number for number, kind in enumerate(AnswerKind)}
STATEMENT = len(_NUMBERS)  # what asks nothing and is judged by what it rests on
KINDS = STATEMENT + 1


def kind_number(kind: AnswerKind) -> int:
    """Return the number of a kind of question."""
    return _NUMBERS[kind]


def question_kind(text: str) -> int:
    """Return the number of the kind of answer that a question expects."""
    return kind_number(analyse(text).kind)
