"""A tree of a page to plain text, with the links' offsets in that very text.

The thing to know: text is cleaned piece by piece as it is written, never afterwards, so that
nothing can shift an offset. It takes trafilatura's tree and a plain HTML tree alike.
"""

from __future__ import annotations

import re
from typing import Any

from retrieval.text import sanitize_text
from retrieval.web import preformatted
from retrieval.web.pages import PageLink
from retrieval.web.urls import BadUrl, WebUrl, join, shown_domain

_SPACES = re.compile(r"\s+")
_POWER = re.compile(r"[-−+]?\d+")
_HEADS = {"head", "h1", "h2", "h3", "h4", "h5", "h6"}
_LINES = {"item", "li", "row", "tr", "dt", "dd"}
_PARAGRAPHS = {
    "p", "list", "ul", "ol", "dl", "table", "quote", "blockquote", "div", "main", "section",
    "article", "figcaption",
}  # fmt: skip


def write(tree: Any, url: WebUrl) -> tuple[str, tuple[PageLink, ...]]:
    """Return the text of an lxml tree and its links, which are relative to `url`."""
    writer = _Writer(url)
    writer.element(tree)
    return "".join(writer.parts), tuple(writer.links)


def _is_labelled(row: Any) -> bool:
    """Say whether a row is one value behind its label, as in an infobox."""
    heads = [cell.tag == "th" or cell.get("role") == "head" for cell in row]
    return heads == [True, False]


class _Writer:
    def __init__(self, url: WebUrl) -> None:
        self._url = url
        self.parts: list[str] = []
        self.links: list[PageLink] = []
        self._length = 0
        self._gap = ""  # what stands before the next word
        self._space: str | None = None  # in preformatted text: what came since its last word
        self._in_link = self._in_row = False

    def element(self, node: Any) -> None:
        name = node.tag if isinstance(node.tag, str) else ""
        if name in ("ref", "a"):
            self._link(node, node.get("target" if name == "ref" else "href"))
        elif name in ("hi", "sup"):
            self._raised(node)
        elif self._space is not None:
            self._inside(node)
        elif preformatted.is_marked(node):
            self._preformatted(node)
        elif name in ("row", "tr"):
            self._row(node)
        elif name in _HEADS:
            self._block(node, "\n\n", "## ")
        elif name in _LINES:
            self._block(node, "\n", "- ")
        elif name in _PARAGRAPHS:
            self._block(node, "\n\n")
        elif name in ("lb", "br"):
            self._need("\n")
        elif name:
            self._inside(node)

    def _inside(self, node: Any) -> None:
        self._words(node.text)
        for child in node:
            self.element(child)
            self._words(child.tail)

    def _block(self, node: Any, gap: str, mark: str = "") -> None:
        self._need(gap)
        before = len(self.parts)
        self._words(mark)
        self._inside(node)
        if mark and len(self.parts) == before + 2:  # nothing came after the mark
            self._take_back()
        self._need(gap)

    def _preformatted(self, node: Any) -> None:
        """Write a block with its own lines and indents, but for empty lines around it."""
        self._need("\n\n")
        self._space = ""
        self._inside(node)
        self._space = None
        self._need("\n\n")

    def _row(self, row: Any) -> None:
        self._need("\n")
        self._in_row = True
        for number, cell in enumerate(row):
            if number:
                self._words(": " if _is_labelled(row) else " | ")
            self._inside(cell)
        self._in_row = False
        self._need("\n")

    def _raised(self, node: Any) -> None:
        raised = node.tag == "sup" or node.get("rend") == "#sup"
        if raised and _POWER.fullmatch((node.text or "").strip()) and not len(node):
            self._words(f"^{node.text.strip()}")  # 10^6 is not 106
        else:
            self._inside(node)

    def _link(self, node: Any, target: str | None) -> None:
        if self._in_link or not target:
            self._inside(node)
            return
        before, length = len(self.parts), self._length
        self._in_link = True
        self._inside(node)
        self._in_link = False
        if len(self.parts) == before:
            return
        try:
            url = join(self._url, target)
        except BadUrl:
            return  # mail addresses, scripts, and what is no address at all stay plain text
        start = length + len(self.parts[before])
        self.links.append(PageLink(start, self._length, str(url), shown_domain(url)))

    def _need(self, gap: str) -> None:
        """Say that a line, or a paragraph, ends here."""
        wanted = " " if self._in_row else gap
        if self.parts and wanted.count("\n") >= self._gap.count("\n"):
            self._gap = wanted

    def _words(self, text: str | None) -> None:
        clean = sanitize_text(preformatted.unmarked(text or ""))  # marks are where a block was lost
        if self._space is not None:
            self._as_it_stands(self._space + clean)
            return
        clean = _SPACES.sub(" ", clean)
        if clean.startswith(" ") and self.parts:
            self._gap = self._gap or " "
        if words := clean.strip(" "):
            self._add(words)
        if clean.endswith(" ") and self.parts:
            self._gap = self._gap or " "

    def _as_it_stands(self, text: str) -> None:
        """Add preformatted text; the space at its end waits for the next words."""
        rest = text.lstrip()
        words, space = rest.rstrip(), text[: len(text) - len(rest)]
        if not words:
            self._space = text
            return
        if self._gap or not self.parts:  # the first words: of their own space only the indent
            space = space.rpartition("\n")[2]
        self._gap += space
        self._add(words)
        self._space = rest[len(words) :]

    def _add(self, words: str) -> None:
        for piece in (self._gap, words):
            self.parts.append(piece)
            self._length += len(piece)
        self._gap = ""

    def _take_back(self) -> None:
        for _ in range(2):
            self._length -= len(self.parts.pop())
