"""Text as data: nothing shown by this package is ever parsed as markup.

Stored text is already sanitised; it is cleaned once more here because the screen is the last door
that a terminal escape could leave through.
"""

from __future__ import annotations

import re
import unicodedata

from textual.content import Content

from chatapp.assistant.text import sanitize_text

MOST_MARKS = 8
"""Combining characters on one letter; no script needs more, and thousands choke a terminal."""

_MAYBE_MARKS = re.compile(f"[\u0300-\U0010ffff]{{{MOST_MARKS + 1},}}")


def clean(text: str) -> str:
    """Return `text` without what acts on a terminal, and with few marks on each letter."""
    return _MAYBE_MARKS.sub(_few_marks, sanitize_text(text))


def plain(text: str) -> Content:
    """Return `text` as literal content: no markup, no escape sequences."""
    return Content(clean(text))


def one_line(text: str, limit: int) -> str:
    """Return `text` on one line of at most `limit` characters."""
    # Cut before cleaning: a line of megabytes is as cheap as a short one.
    line = " ".join(clean(text[: 10 * limit]).split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def counted(number: int, thing: str, things: str = "") -> str:
    """Return `1 chat`, `2 chats`; `things` where the plural takes more than an s."""
    return f"{number:,} {thing if number == 1 else things or thing + 's'}"


def shortened(text: str, limit: int) -> str:
    """Return the first `limit` characters and say how many more are stored."""
    if len(text) <= limit:
        return text
    return f"{text[:limit]}\n\n… {len(text) - limit:,} more characters are stored, not shown"


def _few_marks(run: re.Match[str]) -> str:
    """Drop the combining characters of a run that follow MOST_MARKS others."""
    kept, marks = [], 0
    for character in run[0]:
        marks = marks + 1 if unicodedata.category(character) in ("Mn", "Me") else 0
        if marks <= MOST_MARKS:
            kept.append(character)
    return "".join(kept)
