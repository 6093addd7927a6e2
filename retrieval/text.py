"""The one gate for text from outside: what passes is safe to store, log and paint on a terminal.

The thing to know: it removes *characters that act or hide* (controls, escape sequences' ESC, bidi
overrides, zero-width and tag characters) and nothing else. Markup stays as plain characters,
because nothing after this gate parses it.
"""

from __future__ import annotations

import html
import re

# Line ends of every platform become \n, so that offsets and paragraph rules see one kind.
_LINE_ENDS = re.compile("\r\n?|[\x0b\x0c\x85\u2028\u2029]")

# Explicit ranges rather than Unicode categories: one regular expression runs at disk speed, and a
# newer Unicode table cannot silently change what is let through. Kept from category Cf are the
# visible Arabic, Syriac and Kaithi number signs.
_FORBIDDEN = re.compile(
    "["
    "\x00-\x08\x0e-\x1f\x7f-\x9f"  # C0 (but \t \n), DEL, C1
    "\u00ad"  # soft hyphen: invisible, breaks exact quotes
    "\u034f\u061c\u115f\u1160\u17b4\u17b5\u3164\uffa0"  # joiner, Arabic mark, blank fillers
    "\u180b-\u180f\ufe00-\ufe0f"  # variation selectors: invisible, can carry hidden bytes
    "\u200b-\u200f\u202a-\u202e\u2060-\u206f"  # zero-width, bidi marks, overrides and isolates
    "\ufeff\ufff0-\ufffb"  # byte-order mark, annotations, specials
    "\ud800-\udfff"  # lone surrogates cannot be written as UTF-8
    "\U00013430-\U0001345f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"  # invisible formatters
    "\U000e0000-\U000e0fff"  # tag characters and more variation selectors
    "]"
)


MAX_TITLE = 300


def sanitize_text(text: str) -> str:
    """Return `text` without characters that act on a terminal or hide from a reader.

    Idempotent. The result encodes as UTF-8 and holds no control character but `\\n` and `\\t`.
    """
    return _FORBIDDEN.sub("", _LINE_ENDS.sub("\n", text))


def sanitize_title(text: str) -> str:
    """Return `text` as one clean line of at most `MAX_TITLE` characters.

    A title is repeated with each of its passages, and shown where only one line belongs.
    """
    # The cut before cleaning keeps a title of megabytes cheap.
    return " ".join(sanitize_text(text[: 10 * MAX_TITLE]).split())[:MAX_TITLE].rstrip()


# No character has a number so long, and Python refuses to read one of thousands of digits.
_NO_CHARACTER = re.compile(r"&(?=#[0-9]{9})")


def unescape(text: str) -> str:
    """Return `text` with the character references of HTML as characters."""
    return html.unescape(_NO_CHARACTER.sub("&amp;", text))


_POWER = re.compile(r"<sup\b[^<>]*>\s*([-−+]?\d+)\s*</sup>", re.IGNORECASE)


def with_powers(source: str) -> str:
    """Return HTML with its powers as 10^6, which without tags would be 106."""
    return _POWER.sub(r"^\1", source)
