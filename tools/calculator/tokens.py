"""What was typed, as a row of tokens: numbers, dates, times of day, words and signs.

Only the digits 0 to 9 are digits here: those of other scripts are refused, not guessed at.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from tools.protocol import ToolError

LONGEST_EXPRESSION = 1_000  # characters
Kind = Literal["number", "date", "clock", "word", "sign", "end"]

_AS_TYPED = str.maketrans({"^": "**", "×": "*", "·": "*", "÷": "/", "−": "-", "–": "-", "π": "pi"})
_NUMBER = (
    r"0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO][0-7]+"
    r"|(?:[0-9]+(?:_[0-9]+)*(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
)
_ALWAYS: list[tuple[Kind, re.Pattern[str]]] = [
    ("number", re.compile(_NUMBER)),
    ("word", re.compile(r"(?:log10|log2|atan2)\b|[A-Za-z]+")),
    ("sign", re.compile(r"\*\*|//|[-+*/%(),!]")),
]
_TIMES: list[tuple[Kind, re.Pattern[str]]] = [
    (
        "date",
        re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2})?)?(?![0-9-])"),
    ),
    ("clock", re.compile(r"[0-9]{1,2}:[0-9]{2}(?::[0-9]{2})?(?![0-9:])")),
]
# Commas part thousands, but arguments where there are any.
_GROUPED: tuple[Kind, re.Pattern[str]] = (
    "number",
    re.compile(r"[0-9]{1,3}(?:,[0-9]{3})+(?![0-9,])(?:\.[0-9]+)?"),
)
_SPACE = re.compile(r"\s*")


@dataclass(frozen=True)
class Token:
    """A token and its text; the last one of every row is an `end`."""

    kind: Kind
    text: str


def tokens(expression: str, *, with_times: bool) -> list[Token]:
    """Return the tokens of an expression.

    Args:
        expression: as typed; a last `=` or `?` is let go.
        with_times: read 2026-11-22 as a date and 14:30 as a time, not as a difference.

    Raises:
        ToolError: it is empty, too long, or has characters that mean nothing here.
    """
    if len(expression) > LONGEST_EXPRESSION:
        raise ToolError(f"Expressions may have at most {LONGEST_EXPRESSION} characters.")
    text = expression.strip().rstrip("=?").translate(_AS_TYPED).strip()
    if not text:
        raise ToolError("Give an expression, such as 2 * (3 + 4).")
    found: list[Token] = []
    calls: list[bool] = []  # of each open parenthesis: does it hold arguments?
    at = 0
    while at < len(text):
        patterns = [
            *(_TIMES if with_times else ()),
            *(() if any(calls) else (_GROUPED,)),
            *_ALWAYS,
        ]
        token = _next(text, at, patterns)
        if token.text == "(":
            calls.append(bool(found) and found[-1].kind == "word")
        elif token.text == ")" and calls:
            calls.pop()
        found.append(token)
        space = _SPACE.match(text, at + len(token.text))
        at = space.end() if space else len(text)
    return [*found, Token("end", "the end")]


def _next(text: str, at: int, patterns: list[tuple[Kind, re.Pattern[str]]]) -> Token:
    for kind, pattern in patterns:
        match = pattern.match(text, at)
        if match:
            return Token(kind, match[0])
    hint = "write numbers with 0 to 9" if text[at].isnumeric() else "it means nothing here"
    raise ToolError(f"This cannot be calculated: {text[at]!r} ({hint}).")
