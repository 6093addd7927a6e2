"""Text as data: nothing shown by this package is ever parsed as markup.

Stored text is already sanitised; it is cleaned once more here because the screen is the last door
that a terminal escape could leave through.
"""

from __future__ import annotations

from textual.content import Content

from chatapp.assistant.text import sanitize_text


def plain(text: str) -> Content:
    """Return `text` as literal content: no markup, no escape sequences."""
    return Content(sanitize_text(text))


def one_line(text: str, limit: int) -> str:
    """Return `text` on one line of at most `limit` characters."""
    line = " ".join(sanitize_text(text).split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def shortened(text: str, limit: int) -> str:
    """Return the first `limit` characters and say how many more are stored."""
    if len(text) <= limit:
        return text
    return f"{text[:limit]}\n\n… {len(text) - limit:,} more characters are stored, not shown"
