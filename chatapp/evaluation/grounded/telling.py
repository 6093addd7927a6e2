"""From quotes to an answer that can be judged: the app's own composition, read back as statements.

The thing to know: the short answer in front is a statement too, and the riskiest one. On its own it
is no sentence ("1867"), so what has to follow from the quote is the question together with it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from chatapp.assistant.composing import Found, Part, compose
from chatapp.evaluation.grounded.answers import Answer
from chatapp.evaluation.grounded.citations import Statement
from retrieval.quotes import short_answer

_MARK = re.compile(r"\s*\[(\d+)\]")


def told(question: str, found: Sequence[Found]) -> Answer:
    """Return the answer that the app makes of these quotes, best first; none is a refusal."""
    if not found:
        return Answer("")
    cited = {each.n: each.quote.text for each in found}
    best = found[0].quote
    statements = tuple(_statement(question, part, cited) for part in compose(question, found))
    return Answer(short_answer(question, best), statements, confidence=best.score)


def _statement(question: str, part: Part, quoted: Mapping[int, str]) -> Statement:
    numbers = dict.fromkeys(int(number) for number in _MARK.findall(part.text))
    said = " ".join(_MARK.sub("", part.text).split())
    lead = not part.citations
    return Statement(joined(question, said) if lead else said, tuple(quoted[n] for n in numbers))


def joined(question: str, short: str) -> str:
    """Return question and short answer as one statement, in the form the checker was taught."""
    return f"{question.rstrip('? ')} {short}"
