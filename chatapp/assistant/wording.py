"""The words of a question as rules read them: spelled out, in small letters but for names.

The thing to know: a capital makes a name of a pronoun. "Who wrote It?" asks for a novel, and no
more points at what was said before than "Who directed Rogue One?" does.
"""

from __future__ import annotations

import re

WORD = re.compile(r"\w+(?:['’-]\w+)*")
_NAME = re.compile(
    r"(?<=\w )(?:It|IT|Her|She|Them|There|They|These|This|That|Those|Their|WHO)\b"
    r"|\b(?!(?:Another|Any|First|Last|Next|Only|Other|Second|That|The|Third|This|Which)\b)"
    r"[A-Z]\w* (?P<one>Ones?)\b"
)
_CONTRACTED = re.compile(
    r"\b(who|what|when|where|why|how|which|i|you|he|she|it|we|they|this|that|these|those|there|here)"
    r"['’](s|re|d|ll|ve|m)\b|\b(who|what|when|where|how|that)(s)\b",
    re.IGNORECASE,
)
_MEANT = {"s": "is", "re": "are", "d": "would", "ll": "will", "ve": "have", "m": "am"}
_NEGATED = re.compile(
    r"\b(is|are|was|were|do|does|did|has|have|had|can|could|would|should|must)n?['’]t\b",
    re.IGNORECASE,
)


def spelled_out(text: str) -> str:
    """Return a text with "what is" for "what's", and "did" for "didn't"."""
    text = _CONTRACTED.sub(
        lambda found: f"{found[1] or found[3]} {_MEANT[(found[2] or found[4]).lower()]}", text
    )
    return _NEGATED.sub(r"\1", text)


def folded(text: str) -> list[str]:
    """Return the words of a text in small letters, but those that are a name."""
    words = list(WORD.finditer(text))
    # where all words begin with a capital it says nothing
    mixed = any(word[0][0].islower() for word in words[1:])
    names = {found.start(found.lastgroup or 0) for found in _NAME.finditer(text)} if mixed else ()
    return [word[0] if word.start() in names else word[0].lower() for word in words]
