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
from retrieval.text import unescape, with_powers

if TYPE_CHECKING:
    from markdown_it.token import Token

_FRONT_MATTER = re.compile(
    r"\A---[ \t]*\r?\n(.{0,20000}?)\r?\n(?:---|\.\.\.)[ \t]*(?:\r?\n|\Z)", re.S
)
_BREAK = re.compile(r"<br\b[^<>]*>", re.IGNORECASE)
_UNSEEN = re.compile(r"<!--.*?(?:-->|\Z)|<(script|style)\b.*?(?:</\1\s*>|\Z)", re.S | re.IGNORECASE)
_WITHIN_LINES = re.compile(
    r"</?(?:a|abbr|b|code|em|font|i|img|kbd|mark|s|small|span|strong|sub|sup|u|wbr)\b[^<>]*>",
    re.IGNORECASE,
)
_TAG = re.compile(r"<[/!?]?[a-zA-Z][^<>]*>")


def read_markdown(path: Path) -> Parsed:
    """Return a page. Its title is the one its front matter states, else the first level-one
    heading, else the file's name; date and language are those of the front matter.
    """
    source = read_text(path)
    stated = _front_matter(source)
    blocks = list(blocks_of(_FRONT_MATTER.sub("", source, count=1)))
    first = next((block for block in blocks if block.startswith("# ")), "")
    title = str(stated.get("title") or first[2:] or path.stem)
    # It is told as the title; any other heading is text, and so is one that is all there is.
    if first[2:] == title and len(blocks) > 1:
        blocks.remove(first)
    return Parsed(
        title=title,
        text="\n\n".join(blocks),
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


def blocks_of(source: str) -> Iterator[str]:
    """Yield the titles, paragraphs, list items, code blocks and table rows of `source`."""
    from markdown_it import MarkdownIt

    prefix = ""
    row: list[str] | None = None
    numbers: list[int | None] = []  # of the next item of each open list, None where there are none
    for token in MarkdownIt("commonmark").enable("table").parse(source):
        if token.type == "heading_open":
            prefix = "#" * int(token.tag[1]) + " "
        elif token.type == "bullet_list_open":
            numbers.append(None)
        elif token.type == "ordered_list_open":
            start = token.attrGet("start")
            numbers.append(1 if start is None else int(start))
        elif token.type in ("bullet_list_close", "ordered_list_close"):
            numbers.pop()
        elif token.type == "list_item_open":
            number = numbers[-1]
            prefix = "- " if number is None else f"{number}{token.markup} "
            numbers[-1] = None if number is None else number + 1
        elif token.type == "tr_open":
            row = []
        elif token.type == "tr_close" and row:
            yield " | ".join(row)
            row = None
        elif token.type == "inline" and row is not None:
            row.append(_inline_text(token))
        elif token.type == "inline":
            text = _inline_text(token)
            yield prefix + (" ".join(text.split()) if prefix.startswith("#") else text)
            prefix = ""
        elif token.type in ("fence", "code_block"):
            yield "\n".join(f"    {line}" for line in token.content.splitlines())
        elif token.type == "html_block":
            for paragraph in _paragraphs(token.content):
                yield prefix + paragraph
                prefix = ""


def _inline_text(token: Token) -> str:
    """Return what a reader sees of one inline token: no emphasis marks, no link targets.

    Lines stay apart: in notes "Label: value" is one, and to a quote a line end is a space.
    """
    parts: list[str] = []
    children = token.children or []
    for number, child in enumerate(children):
        if child.type in ("softbreak", "hardbreak"):
            parts.append("\n")
        elif child.type in ("text", "code_inline", "image"):
            parts.append(child.content)
        elif child.type == "html_inline" and _BREAK.fullmatch(child.content):
            parts.append(" ")
        elif child.type == "html_inline":
            around = "".join(each.content for each in children[number : number + 3])
            parts.append("^" if with_powers(around) != around else "")
    return "".join(parts).strip()


def _paragraphs(source: str) -> Iterator[str]:
    """Yield what a reader sees of a block of HTML."""
    text = _WITHIN_LINES.sub("", _BREAK.sub(" ", with_powers(_UNSEEN.sub("", source))))
    for part in _TAG.split(text):
        if paragraph := " ".join(unescape(part).split()):
            yield paragraph
