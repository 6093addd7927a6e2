"""A wiki table as lines: one a row, ` | ` between cells.

The thing to know: rows of numbers are worth little in a text that is searched by words, so a table
gives at most `MAX_ROWS` rows, and layout tables (one cell a row) give their cells as paragraphs.
"""

from __future__ import annotations

import re

MAX_ROWS = 200

_ROW = re.compile(r"^[ ]*\|-.*$", re.MULTILINE)
_CELL = re.compile(r"^[ ]*[|!](?!\+)|\|\||!!", re.MULTILINE)
_CAPTION = re.compile(r"^[ ]*\|\+(?:[^|\n]*\|)?(.*)$", re.MULTILINE)
# `style="…" | text`: what stands before the bar is for the browser.
_ATTRIBUTES = re.compile(r"^[^|\n\[{=]*+=[^|\n]*+\|(?!\|)")


def table_text(inner: str) -> str:
    """Return the text between `{|` and `|}` as lines, set apart from what is around them."""
    _, _, body = inner.partition("\n")  # the first line holds the table's own attributes
    captions = [found.strip() for found in _CAPTION.findall(body)]
    rows = [_cells(row) for row in _ROW.split(_CAPTION.sub("", body))[: MAX_ROWS + 1]]
    lines = [" | ".join(row) for row in rows if row]
    shown = [line for line in [*captions, *lines[:MAX_ROWS]] if line]
    return "\n\n" + "\n".join(shown) + "\n\n"


def _cells(row: str) -> list[str]:
    found = (_ATTRIBUTES.sub("", cell, count=1) for cell in _CELL.split(row)[1:])
    cells = (" ".join(cell.strip().strip("|").split()) for cell in found)
    return [cell for cell in cells if cell]
