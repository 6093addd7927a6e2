"""Markdown to plain paragraphs: titles kept as `## Title` lines, links and emphasis to their text.

The thing to know: quotes are shown to people, so the stored text is what a reader of the rendered
page would see. Code is indented by four spaces, so a `# comment` in it is never taken for a title.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from retrieval.loaders.dates import iso_date, language_code
from retrieval.loaders.plain import read_text
from retrieval.loaders.types import Parsed

if TYPE_CHECKING:
    from markdown_it.token import Token

_FRONT_MATTER = re.compile(
    r"\A---[ \t]*\r?\n(.{0,20000}?)\r?\n(?:---|\.\.\.)[ \t]*(?:\r?\n|\Z)", re.S
)


def read_markdown(path: Path) -> Parsed:
    """Return a page. Its title is the one its front matter states, else the first level-one
    heading, else the file's name; date and language are those of the front matter.
    """
    source = read_text(path)
    stated = _front_matter(source)
    blocks = list(_blocks(_FRONT_MATTER.sub("", source, count=1)))
    first = next((block[2:] for block in blocks if block.startswith("# ")), "")
    return Parsed(
        title=str(stated.get("title") or first or path.stem),
        text="\n\n".join(block for block in blocks if block != f"# {first}"),
        date=next(filter(None, (iso_date(stated.get(name, "")) for name in _DATES)), ""),
        language=language_code(stated.get("lang") or stated.get("language") or ""),
    )


_DATES = ("date", "updated", "modified", "created")


def _front_matter(source: str) -> dict[str, object]:
    """Return the YAML between `---` lines at the beginning, {} if there is none that is whole."""
    import yaml

    found = _FRONT_MATTER.match(source)
    if not found:
        return {}
    try:
        stated = yaml.safe_load(found[1])
    except (yaml.YAMLError, ValueError, RecursionError):  # ValueError: the 31st of February
        return {}
    return stated if isinstance(stated, dict) else {}


def _blocks(source: str) -> Iterator[str]:
    """Yield the titles, paragraphs, list items, code blocks and table rows of `source`."""
    from markdown_it import MarkdownIt

    prefix = ""
    row: list[str] | None = None
    for token in MarkdownIt("commonmark").enable("table").parse(source):
        if token.type == "heading_open":
            prefix = "#" * int(token.tag[1]) + " "
        elif token.type == "list_item_open":
            prefix = "- "
        elif token.type == "tr_open":
            row = []
        elif token.type == "tr_close" and row:
            yield " | ".join(row)
            row = None
        elif token.type == "inline" and row is not None:
            row.append(_inline_text(token))
        elif token.type == "inline":
            yield prefix + _inline_text(token)
            prefix = ""
        elif token.type in ("fence", "code_block"):
            yield "\n".join(f"    {line}" for line in token.content.splitlines())


def _inline_text(token: Token) -> str:
    """Return what a reader sees of one inline token: no emphasis marks, no link targets."""
    parts: list[str] = []
    for child in token.children or []:
        if child.type in ("softbreak", "hardbreak"):
            parts.append(" ")
        elif child.type in ("text", "code_inline", "image"):
            parts.append(child.content)
    return "".join(parts).strip()
