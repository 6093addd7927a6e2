"""GPT-1's input transformations: structured tasks as token sequences (Radford et al. 2018, 3.3).

    classification    <start> text <extract>
    entailment        <start> premise <delimiter> hypothesis <extract>
    paraphrase        both orders, <start> one <delimiter> other <extract>, whose states are added
    multiple choice   for each choice <start> question <delimiter> choice <extract>, one score each

The chat template's own special tokens stand for the three: text can never spell them, and the
model's vocabulary stays what it is. Start is `<|endoftext|>`, delimiter `<|end|>`, extract
`<|assistant|>`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from chatapp.model.tokenizer import ChatTokenizer

TASKS = ("classification", "entailment", "paraphrase", "choice")


@dataclass(frozen=True)
class TaskExample:
    """One labelled example.

    Args:
        id: names it, and decides whether it is held out.
        first: the text, premise, one of two sentences, or question.
        others: nothing, the hypothesis, the other sentence, or the choices.
        label: index of the class or of the right choice.
    """

    id: str
    first: str
    others: tuple[str, ...]
    label: int


@dataclass(frozen=True)
class TaskRows:
    """The sequences of one example; each ends with the token whose state the head reads.

    One row for classification and entailment, two for paraphrase, one a choice for choices.
    """

    rows: tuple[tuple[int, ...], ...]
    label: int


def task_rows(tokenizer: ChatTokenizer, task: str, example: TaskExample, limit: int) -> TaskRows:
    """Lay an example out; a first part that is too long loses its beginning.

    Args:
        task: one of `TASKS`.
        limit: longest sequence in tokens.
    """
    first = tokenizer.encode(example.first)
    others = [tokenizer.encode(other) for other in example.others]
    match task:
        case "classification":
            rows = [_sequence(tokenizer, [first], limit)]
        case "paraphrase":
            rows = [
                _sequence(tokenizer, pair, limit)
                for pair in ([first, others[0]], [others[0], first])
            ]
        case _:
            rows = [_sequence(tokenizer, [first, other], limit) for other in others]
    return TaskRows(tuple(rows), example.label)


def _sequence(
    tokenizer: ChatTokenizer, parts: Sequence[Sequence[int]], limit: int
) -> tuple[int, ...]:
    last = list(parts[1]) if len(parts) > 1 else None
    tail = [tokenizer.end_of_turn, *last] if last is not None else []
    start = [tokenizer.end_of_text, *tokenizer.prefix]
    room = max(1, limit - len(start) - len(tail) - 1)
    ids = [*start, *parts[0][-room:], *tail][: limit - 1]
    return (*ids, tokenizer.role_token("assistant"))
