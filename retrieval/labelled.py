"""Labelled lines, as fact books, data sheets and notes have them: "Population: total: 364,036".

The thing to know: such a line answers "What is the population of Iceland?" under the title or
heading Iceland and no other, so label and subject must be the whole of what is asked. A network
that learnt from sentences is of little help here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

Stem = Callable[[str], Sequence[str]]

_LONGEST = 100  # characters of a value that is a short answer
_MOST = 120  # characters of a question that is read so
_QUESTION = re.compile(
    r"\A(?:(?:what|who|when|where)(?: is| are| was| were|'s) )?(?:the )?", re.IGNORECASE
)
_JOINT = re.compile(r" (?:of|in|for) (?:the )?", re.IGNORECASE)
_OWNED = re.compile(r"(?:'s|(?<=s)') ", re.IGNORECASE)
# Labels that people seldom ask for by their names.
_OTHERWISE = (
    (
        r"how many (?:people (?:live|are living|are there)|inhabitants are there) in (.+)",
        "population",
    ),
    (r"how many (?:people|inhabitants) does (.+) have", "population"),
    (r"how much (?:does|do|did) (.+) cost", "price"),
    (r"how much (?:does|do) (.+) weigh", "weight"),
    (r"how heavy (?:is|are) (.+)", "weight"),
)
_HEAD = re.compile(r"\s*(?:[-*•] )?\s*(?P<label>[^\W\d_][^:;.?!\n]{0,60}?) ?: +(?=\S)")
_ENDS = re.compile(r" \(|\.?\s*\Z")
_ASIDE = re.compile(r"\s*\([^()]*\)")


class Label(NamedTuple):
    """What a question wants to know of what, as stems."""

    label: frozenset[str]
    subject: frozenset[str]


def asked_labels(question: str, stem: Stem) -> list[Label]:
    """Return what "What is the LABEL of SUBJECT?" or "SUBJECT's LABEL" may ask for; mostly [].

    Several where "of" stands twice: "the head of government of France".
    """
    text = " ".join(question.replace("’", "'").split()).rstrip("?!. ")
    if len(text) > _MOST:
        return []
    for form, label in _OTHERWISE:
        if said := re.fullmatch(form, text, re.IGNORECASE):
            text = f"{label} of {said[1]}"
    text = _QUESTION.sub("", text)
    pairs = [(text[: at.start()], text[at.end() :]) for at in _JOINT.finditer(text)]
    pairs += [(text[at.end() :], text[: at.start()]) for at in _OWNED.finditer(text)]
    asked = (Label(frozenset(stem(one)), frozenset(stem(other))) for one, other in pairs)
    return [one for one in asked if one.label and one.subject]


def is_about(asked: Label, title: str, stem: Stem) -> bool:
    """Say whether a title or heading names the subject and nothing else, but for what is in ()."""
    return frozenset(stem(_ASIDE.sub("", title))) == asked.subject


def value_of(asked: Label, sentence: str, stem: Stem) -> str:
    """Return the value that stands under the label in a labelled line, verbatim; "" if none does.

    A line may hold several, "Elevation: highest point: Mont Blanc 4,810 m; lowest point: …". Labels
    of one word do not count there: "Constitution: history: …" is not the history of a country.
    """
    return next((value for value in _values(asked, sentence, stem) if value), "")


def _values(asked: Label, sentence: str, stem: Stem) -> Iterator[str]:
    for line in sentence.splitlines():
        for place, part in enumerate(line.split(";")):
            wanted, inside, rest = False, place > 0, part
            while head := _HEAD.match(rest):
                same = frozenset(stem(_ASIDE.sub("", head["label"]))) == asked.label
                wanted = wanted or (same and (len(asked.label) > 1 or not inside))
                inside, rest = True, rest[head.end() :]
            if wanted and len(value := _ENDS.split(rest, 1)[0].strip()) <= _LONGEST:
                yield value
