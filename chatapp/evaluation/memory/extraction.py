"""How well rules read facts: precision over what they read, recall over what was stated.

A fact counts as right when slot, key and value agree after folding; facts a reader might add
(`also`) are neither asked for nor wrong. Every fact read from an adversarial message is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from chatapp.evaluation.estimates import Estimate, estimate, ratio
from chatapp.evaluation.memory.cases import Message, Statement
from chatapp.evaluation.result import Metrics
from chatapp.evaluation.suite import present
from chatapp.memory.normal import normalised

Extract = Callable[[str], Sequence[Statement]]


@dataclass(frozen=True)
class Judged:
    """One message judged: facts read rightly and wrongly, and facts that were missed."""

    message: Message
    right: tuple[Statement, ...]
    wrong: tuple[Statement, ...]
    missed: tuple[Statement, ...]


def read_facts(text: str) -> list[Statement]:
    """Return the facts that the app's own rules believe; what a message ends is no fact."""
    return _read(text, doubtful=False)


def doubted_facts(text: str) -> list[Statement]:
    """Return the facts that the app would ask about instead of believing them."""
    return _read(text, doubtful=True)


def _read(text: str, *, doubtful: bool) -> list[Statement]:
    from chatapp.memory.extract import extract

    found = (c for c in extract(text) if not c.closes and c.doubtful is doubtful)
    return [(c.slot, c.key, c.value) for c in found]


def judge(message: Message, read: Sequence[Statement]) -> Judged:
    """Compare what was read from a message with what it states."""
    missed = list(message.facts)
    right, wrong = [], []
    for fact in read:
        hit = next((stated for stated in missed if _same(stated, fact)), None)
        if hit is not None:
            missed.remove(hit)
            right.append(fact)
        elif not any(_same(stated, fact) for stated in (*message.facts, *message.also)):
            wrong.append(fact)
    return Judged(message, tuple(right), tuple(wrong), tuple(missed))


def is_right(message: Message, fact: Statement) -> bool | None:
    """Say whether a message states a fact; None when it may be read and need not."""
    if any(_same(stated, fact) for stated in message.facts):
        return True
    return None if any(_same(stated, fact) for stated in message.also) else False


def score(
    judged: Sequence[Judged], doubted: Sequence[Judged] = (), together: Sequence[Judged] = ()
) -> Metrics:
    """Return precision and recall, overall and on real messages, and how many traps were hit.

    `doubted` judges what is asked about instead of believed, `together` both as if all were
    believed; their figures stand by themselves.
    """
    real = [j for j in judged if j.message.kind == "real"]
    traps = [j for j in judged if j.message.adversarial]
    return present(
        {
            "precision": _precision(judged),
            "recall": _recall(judged),
            "precision [real messages]": _precision(real),
            "recall [real messages]": _recall(real),
            "asked about, precision": _precision(doubted),
            "precision [asked about too]": _precision(together),
            "recall [asked about too]": _recall(together),
            "adversarial messages left alone": estimate([float(not j.wrong) for j in traps]),
        }
    )


def _precision(judged: Sequence[Judged]) -> Estimate | None:
    read = [j for j in judged if j.right or j.wrong]
    right = [float(len(j.right)) for j in read]
    return ratio(right, [float(len(j.right) + len(j.wrong)) for j in read])


def _recall(judged: Sequence[Judged]) -> Estimate | None:
    stated = [j for j in judged if j.message.facts]
    right = [float(len(j.right)) for j in stated]
    return ratio(right, [float(len(j.right) + len(j.missed)) for j in stated])


def _same(stated: Statement, read: Statement) -> bool:
    slot, key, value = stated
    return (
        slot == read[0]
        and (key == "*" or normalised(read[1]) in map(normalised, key.split("~")))
        and normalised(read[2]) in map(normalised, value.split("~"))
    )
