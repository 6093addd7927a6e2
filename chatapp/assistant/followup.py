"""Makes a follow-up question searchable: "and who painted it?" needs the topic asked about before.

The rule is plain: a short question that leans on a pronoun or opens with "and", "what about", …
is searched together with the key words of the last question that stood on its own.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

LONGEST_FOLLOW_UP = 9  # words; a longer question names its own topic
MOST_KEY_TERMS = 8

_OPENINGS = re.compile(r"^\s*(and|but|so|also|what about|how about|then)\b", re.IGNORECASE)
_PRONOUNS = frozenset(
    re.findall(
        r"\w+",
        "it its he she him his her hers they them their theirs that this those these there",
    )
)
_FILLER = frozenset(
    re.findall(
        r"\w+",
        """
        a about an and any are as at be but by can could describe did do does explain for from
        had has have how i if in is know many me much my of on or please so tell than the then to
        us want was we were what when where which who whom whose why will with would you your
        """,
    )
)


def search_query(text: str, earlier: Sequence[str]) -> str:
    """Return what to search for `text`; `earlier` holds the questions before it, oldest first."""
    if not is_follow_up(text):
        return text
    topic = next((question for question in reversed(earlier) if not is_follow_up(question)), "")
    return " ".join([*key_terms(topic), text])


def is_follow_up(text: str) -> bool:
    """Return whether a question leans on what was asked before."""
    words = _words(text)
    if not words or len(words) > LONGEST_FOLLOW_UP:
        return False
    leans = any(word.lower() in _PRONOUNS for word in words)
    return leans or bool(_OPENINGS.match(text))


def key_terms(question: str) -> list[str]:
    """Return the words of a question that carry its topic, in order, each once."""
    terms = (word for word in _words(question) if word.lower() not in _FILLER | _PRONOUNS)
    return list(dict.fromkeys(terms))[:MOST_KEY_TERMS]


def _words(text: str) -> list[str]:
    return re.findall(r"\w+(?:['’-]\w+)*", text)
