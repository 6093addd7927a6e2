"""Follow-up questions: a question that leans on the one before it → the question alone.

The pairs are made, not collected: a question whose text names its article gets a pronoun in the
name's place, behind another question about the article, so the question as it was is the answer.
Which pronoun fits is read off the article's paragraphs, where people write "he" of a man.
"""

from __future__ import annotations

import random
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from chatapp.teaching.questions import Taught

INSTRUCTIONS = "Write the last question so that it can be understood alone."
# Subject, object and possessive.
_FORMS = {
    "he": ("he", "him", "his"),
    "she": ("she", "her", "her"),
    "it": ("it", "it", "its"),
    "they": ("they", "them", "their"),
}
# Where a name stands for the thing itself: behind such a word it is the subject
_SUBJECT = r"\b(?:did|does|do|has|had|was|were|is|are|can|could|will|would|when|where|that) "
_WORD = re.compile(r"[a-z]+")


def follow_up_records(taught: Sequence[Taught], seed: int = 0) -> Iterator[dict[str, Any]]:
    """Yield a chat record for each question that names its article and has one before it."""
    by_title: dict[str, list[Taught]] = defaultdict(list)
    for one in taught:
        by_title[one.title].append(one)
    for title, about in by_title.items():
        name = title.replace("_", " ")
        pronoun = _pronoun({one.context for one in about})
        naming = [one for one in about if _leaning(one.question, name, pronoun) is not None]
        for one in naming:
            others = [other for other in naming if other.answers and other is not one]
            follow_up = _leaning(one.question, name, pronoun)
            if others and follow_up is not None:
                before = random.Random(f"{seed} {one.id}").choice(others)
                yield _record(one, before, follow_up)


def _pronoun(texts: set[str]) -> str:
    """Return the pronoun that the texts use most."""
    counts = Counter(word for text in texts for word in _WORD.findall(text.lower()))
    return max(_FORMS, key=lambda pronoun: counts[pronoun])


def _leaning(question: str, name: str, pronoun: str) -> str | None:
    """Return the question with a pronoun for the name, or None where none would be right.

    A name before a noun ("the first Huguenot settlement") has no pronoun.
    """
    if not name or question.count(name) != 1:
        return None
    subject, object_, possessive = _FORMS[pronoun]
    escaped = re.escape(name)
    for pattern, form in (
        (rf"\b{escaped}'s\b", possessive),
        (rf"(?<=[a-z] )(?<!the ){escaped}(?=[?,.]|$)", object_),
        (rf"({_SUBJECT}){escaped}(?= [a-z]+)", rf"\g<1>{subject}"),
    ):
        leaning, changed = re.subn(pattern, form, question)
        if changed:
            return leaning[:1].upper() + leaning[1:]
    return None


def _record(one: Taught, before: Taught, follow_up: str) -> dict[str, Any]:
    asked = "\n".join([before.question, before.answers[0], follow_up])
    return {
        "id": f"follow-up-{one.id}",
        "messages": [
            {"role": "system", "content": INSTRUCTIONS},
            {"role": "user", "content": asked},
            {"role": "assistant", "content": one.question},
        ],
        "source": "follow-up",
    }
