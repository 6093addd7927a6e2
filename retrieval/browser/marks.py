"""The browser's own marks, and how text from outside is kept from forging them.

`【id†text†domain】` is a link and `♦` opens a field of the state (WebGPT, appendix A). Where such a
character stands in a page, a title or a question, a look-alike is shown; each is one character for
one, so offsets hold.
"""

from __future__ import annotations

import re

FIELD = "♦"
END_OF_EXTRACT = "■"
_LOOK_ALIKES = {"【": "〖", "】": "〗", "♦": "⬧", "━": "─", "■": "▪"}
_MARKS = re.compile(f"[{''.join(_LOOK_ALIKES)}]")
_NAMES = "Question|Quotes|Past actions|Title|Scrollbar|Text|Actions left|Next action"
_FORGED = re.compile(rf"^[^\S\n]*{FIELD}\s*(?:{_NAMES})\b.*$", re.MULTILINE)
_LINK = re.compile(r"【\d+†([^【】]*?)(?:†[^【】†]*)?】")


def neutral(text: str) -> str:
    """Return `text` with look-alikes in place of the browser's marks; its length stays."""
    return _MARKS.sub(
        lambda mark: _LOOK_ALIKES[mark[0]], text
    )  # `translate` takes 50 times as long


def without_fields(text: str) -> str:
    """Return `text` with blanks in place of lines that pose as fields of the state.

    Whatever such a line says, it is there to be taken for something else; its length stays.
    """
    return _FORGED.sub(lambda found: " " * len(found[0]), text)


def link_mark(number: int, text: str, domain: str, page_domain: str) -> str:
    """Return the mark of a link; the domain is left out where the link stays on the page's own."""
    shown = " ".join(neutral(text).split())
    where = f"†{neutral(domain)}" if domain and domain != page_domain else ""
    return f"【{number}†{shown}{where}】"


def without_marks(text: str) -> str:
    """Return `text` with the marks of links replaced by what the links say."""
    return _LINK.sub(r"\1", text)
