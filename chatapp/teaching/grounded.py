"""Grounded answers: numbered passages and a question → a short answer with `[n]`, or "not found".

The thing to know: the system message is the one that the app sends (`Shown.instructions`), so what
is learnt here is what is asked there. The passages besides the right one are paragraphs of the same
article first: they share its words and do not answer.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from chatapp.assistant.evidence import Shown
from chatapp.assistant.prompt import NOT_FOUND
from chatapp.teaching.questions import Taught
from retrieval.sentences import sentence_spans
from retrieval.types import Passage

_MOST_PASSAGES = 4
_LONGEST = 700  # characters of a passage: about what the index cuts
_ABSENT = 0.15  # share of answerable questions whose right passage is left out


def grounded_records(taught: Sequence[Taught], seed: int = 0) -> Iterator[dict[str, Any]]:
    """Yield a chat record for each question that has a paragraph."""
    with_context = [one for one in taught if one.context]
    by_title: dict[str, list[str]] = defaultdict(list)
    for one in with_context:
        by_title[one.title].append(one.context)
    everywhere = [one.context for one in with_context]
    for one in with_context:
        dice = random.Random(f"{seed} {one.id}")
        cut = _cut(one)
        others = _others(one, by_title[one.title], everywhere, dice)
        absent = bool(one.answers) and dice.random() < _ABSENT
        shown = others if absent else [*others, cut]
        dice.shuffle(shown)
        reply = NOT_FOUND if absent else _reply(one, cut, shown.index(cut) + 1)
        yield {
            "id": f"grounded-{one.id}",
            "messages": [
                {"role": "system", "content": _instructions(one.title, shown)},
                {"role": "user", "content": one.question},
                {"role": "assistant", "content": reply},
            ],
            "source": "grounded",
        }


def _cut(one: Taught) -> str:
    """Return the part of the paragraph that a passage would hold, with the answer in it."""
    if len(one.context) <= _LONGEST:
        return one.context
    place = max(one.context.find(one.answers[0]) if one.answers else 0, 0)
    start = next((s for s, e in sentence_spans(one.context) if e > place), 0)
    start = max(0, min(start, len(one.context) - _LONGEST))
    return one.context[start : start + _LONGEST].strip()


def _others(
    one: Taught, same: Sequence[str], everywhere: Sequence[str], dice: random.Random
) -> list[str]:
    """Return one to three passages without an answer, of the same article where it has some."""
    wanted = dice.randint(1, _MOST_PASSAGES - 1)
    near = list(dict.fromkeys(text for text in same if text != one.context))
    dice.shuffle(near)
    candidates = [*near, *dice.sample(everywhere, min(len(everywhere), 2 * _MOST_PASSAGES))]
    lowered = [answer.lower() for answer in one.answers]
    fit = [
        text[:_LONGEST]
        for text in dict.fromkeys(candidates)
        if text != one.context and not any(answer in text.lower() for answer in lowered)
    ]
    return fit[:wanted]


def _reply(one: Taught, cut: str, number: int) -> str:
    if not one.answers:
        return NOT_FOUND
    answer = one.answers[0].strip()
    sentence = next((cut[s:e] for s, e in sentence_spans(cut) if answer in cut[s:e]), "")
    # The short answer first, then the sentence that bears it out.
    return f"{answer} [{number}]. {sentence} [{number}]" if sentence else f"{answer} [{number}]."


def _instructions(title: str, texts: Iterable[str]) -> str:
    passages = (
        Passage(str(n), str(n), "", title.replace("_", " "), "", text, 0, len(text))
        for n, text in enumerate(texts, 1)
    )
    return Shown(tuple(passages)).instructions
