"""Markdown of an answer: `[n]` opens source n, HTML stays text, other links open once confirmed.

Every block is a widget, and every line that is added lays out all widgets. So the blocks far above
what is read are folded: one empty widget of the same height takes their place until it is needed.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from textual import events
from textual.content import Content
from textual.message import Message
from textual.widgets import Markdown
from textual.widgets._markdown import MarkdownParagraph  # Textual is pinned exactly
from textual.widgets.markdown import MarkdownBlock

from chatapp.tui.math import LONGEST, readable

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.rules_core import StateCore
    from markdown_it.rules_inline import StateInline
    from markdown_it.token import Token

CITATION = re.compile(r"\[(\d{1,3})\]")
CITE_SCHEME = "cite:"


class Paragraph(MarkdownParagraph):
    """Lays the conversation out anew only when it grows by a line, not with every word."""

    def set_content(self, content: Content) -> None:
        self._content = content
        width, height = self.content_size
        self.update(content, layout=not width or len(content.wrap(width)) != height)


class Folded(MarkdownBlock):
    """Keeps the place of the blocks of the first `lines` lines of the source, `height` rows."""

    def __init__(self, markdown: Markdown, lines: int, height: int) -> None:
        from markdown_it.token import Token

        super().__init__(markdown, Token("folded", "", 0), (0, lines))
        self.styles.height = height
        self.lines = lines


class AnswerMarkdown(Markdown):
    """Is written to by a `MarkdownWriter`; `settle()` ends that (see `Answer.finish`)."""

    DEFAULT_CSS = """
    AnswerMarkdown {
        padding: 0;
        background: transparent;
        MarkdownBlock {
            link-color: $accent;
            link-style: none;
            link-background-hover: $accent;
            link-color-hover: $background;
            link-style-hover: none;
        }
        MarkdownParagraph { margin: 0 0 1 0; }
        MarkdownBlock:last-child { margin-bottom: 0; }
        MarkdownH1, MarkdownH2, MarkdownH3 {
            color: $foreground;
            text-style: bold;
            content-align: left middle;
            margin: 1 0;
        }
        MarkdownFence { background: $panel; margin: 0 0 1 0; }
        MarkdownBlockQuote { background: transparent; border-left: outer $panel; margin: 0 0 1 0; }
    }
    """

    class CitationClicked(Message):
        """`[n]` in the text was clicked."""

        def __init__(self, n: int) -> None:
            super().__init__()
            self.n = n

    class LinkChosen(Message):
        """A link was clicked; nothing opens it unasked."""

        def __init__(self, href: str) -> None:
            super().__init__()
            self.href = href

    def __init__(self, text: str = "", **options: Any) -> None:
        super().__init__(text, parser_factory=make_parser, open_links=False, **options)
        self._folded_width = 0

    def get_block_class(self, block_name: str) -> type[MarkdownBlock]:
        """Return our paragraph for paragraphs, else what Textual takes."""
        return Paragraph if block_name == "paragraph_open" else super().get_block_class(block_name)

    async def fold(self, rows: int) -> None:
        """Fold what stands more than `rows` rows above the end; those below stay widgets."""
        async with self.lock:
            blocks = [child for child in self.children if isinstance(child, MarkdownBlock)]
            # The region of a block that is not laid out yet is empty.
            top = self.size.height - rows
            above = [n for n, b in enumerate(blocks) if b.size and b.virtual_region.y <= top]
            if not above or above[-1] == 0:
                return
            first = blocks[above[-1]]
            height = first.virtual_region.y - first.styles.margin.top
            folded = Folded(self, first.source_range[0], height)
            self._folded_width = self.size.width
            with self.app.batch_update():
                await self.mount(folded, before=0)
                await self.remove_children(blocks[: above[-1]])

    async def unfold(self) -> None:
        """Make widgets of what is folded; nothing moves, for they are as high together."""
        async with self.lock:
            if (folded := self.folded) is None:
                return
            lines = self.source.splitlines(keepends=True)[: folded.lines]
            blocks = self._build_from_source("".join(lines))
            with self.app.batch_update():
                await folded.remove()
                await self.mount_all(blocks, before=0)

    async def settle(self, text: str) -> None:
        """Draw the whole text anew, but for what is folded and the same as before."""
        kept = self.folded.lines if self.folded else 0
        lines = text.splitlines(keepends=True)
        if not kept or lines[:kept] != self.source.splitlines(keepends=True)[:kept]:
            await self.update(text)
            return
        async with self.lock:
            blocks = self._build_from_source("".join(lines[kept:]))
            for block in blocks:
                start, end = block.source_range
                block.source_range = (start + kept, end + kept)
            with self.app.batch_update():
                await self.remove_children(self.children[1:])
                await self.mount_all(blocks)
            self._markdown = text
            self._last_parsed_line = blocks[-1].source_range[0] if blocks else kept

    @property
    def folded(self) -> Folded | None:
        """What stands for blocks that are folded, if any are."""
        first = self.children[0] if self.children else None
        return first if isinstance(first, Folded) else None

    def on_resize(self, event: events.Resize) -> None:
        """In another width the folded blocks would have another height."""
        if event.size.width != self._folded_width:
            self.run_worker(self.unfold(), exit_on_error=False)

    def on_markdown_link_clicked(self, event: Markdown.LinkClicked) -> None:
        """Tell a citation from a link of the outside world."""
        event.stop()
        cited = re.fullmatch(rf"{CITE_SCHEME}(\d{{1,3}})", event.href)
        if cited is not None:
            self.post_message(self.CitationClicked(int(cited[1])))
        else:
            self.post_message(self.LinkChosen(event.href))


def make_parser() -> MarkdownIt:
    """Return the parser: GitHub flavour, HTML kept as text, bare addresses not made links."""
    from markdown_it import MarkdownIt

    parser = MarkdownIt("gfm-like", {"html": False, "linkify": False})
    parser.core.ruler.push("citations", _link_citations)
    parser.inline.ruler.before("escape", "math", _math)
    return parser


_MATH = re.compile(
    r"""\$\$(.+?)\$\$ | \\\((.+?)\\\) | \\\[(.+?)\\\]
    | \$(?![\s$])([^$\n]*[^\s$\\])\$(?!\d)  # one dollar sign may be a price: $5 and $10""",
    re.DOTALL | re.VERBOSE,
)


def _math(state: StateInline, silent: bool) -> bool:
    """Inline rule: a formula is text, readable and safe from the rules of Markdown."""
    if state.src[state.pos] not in "$\\":
        return False
    match = _MATH.match(state.src, state.pos, min(state.posMax, state.pos + LONGEST))
    if match is None:
        return False
    if not silent:
        token = state.push("text", "", 0)
        token.content = readable(next(formula for formula in match.groups() if formula))
    state.pos = match.end()
    return True


def _link_citations(state: StateCore) -> None:
    """Core rule: turn `[n]` in running text (not in code) into a link to `cite:n`."""
    for token in state.tokens:
        if token.type == "inline" and token.children:
            token.children = [part for child in token.children for part in _split(child)]


def _split(token: Token) -> list[Token]:
    from markdown_it.token import Token

    if token.type != "text" or not CITATION.search(token.content):
        return [token]
    parts: list[Token] = []
    position = 0
    for match in CITATION.finditer(token.content):
        parts.append(Token("text", "", 0, content=token.content[position : match.start()]))
        href = {"href": CITE_SCHEME + match[1]}
        parts.append(Token("link_open", "a", 1, attrs=dict(href)))
        parts.append(Token("text", "", 0, content=match[0]))
        parts.append(Token("link_close", "a", -1))
        position = match.end()
    parts.append(Token("text", "", 0, content=token.content[position:]))
    return parts
