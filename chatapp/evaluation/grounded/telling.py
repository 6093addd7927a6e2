"""From quotes to an answer that can be judged: the app's own composition, read back as statements.

The thing to know: the short answer in front is a statement too, and the riskiest one. On its own it
is no sentence ("1867"), so what has to follow from the quote is the question together with it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from chatapp.assistant.composing import DISAGREE, Found, Part, Supports, as_statement, compose
from chatapp.evaluation.grounded.answers import Answer
from chatapp.evaluation.grounded.citations import Statement
from retrieval.quotes import short_answer

_MARK = re.compile(r"\s*\[(\d+)\]")
_CITED = re.compile(r"[,. ]*(?P<said>.*?)\s*\[(?P<n>\d+)\]")


def told(question: str, found: Sequence[Found], supports: Supports | None = None) -> Answer:
    """Return the answer that the app makes of these quotes, best first; none is a refusal.

    `supports` is the app's checker of short answers.
    """
    if not found:
        return Answer("")
    cited = {each.n: each.quote.text for each in found}
    best = found[0].quote
    statements = tuple(
        statement
        for part in compose(question, found, supports)
        for statement in _statements(question, part, cited)
    )
    return Answer(short_answer(question, best), statements, confidence=best.score)


def _statements(question: str, part: Part, quoted: Mapping[int, str]) -> Iterator[Statement]:
    """Yield what a part says: a quote as it is; of a lead, each short answer with its source."""
    if part.citations:
        numbers = dict.fromkeys(int(number) for number in _MARK.findall(part.text))
        said = " ".join(_MARK.sub("", part.text).split())
        yield Statement(said, tuple(quoted[n] for n in numbers))
        return
    leads = list(_CITED.finditer(part.text.removeprefix(DISAGREE)))
    for lead in leads:
        yield Statement(as_statement(question, lead["said"]), (quoted[int(lead["n"])],))
    if not leads:
        yield Statement(" ".join(part.text.split()))
