"""The passage viewer: a quote highlighted where it stands in its document."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from chatapp.assistant.events import Citation
from chatapp.tui.addresses import domain_of
from chatapp.tui.errors import Problem
from chatapp.tui.text import one_line, plain
from chatapp.tui.theme import MUTED

AROUND = 3_000
"""Characters of the document shown before and after the quote."""


@dataclass(frozen=True)
class Source:
    """A document as stored; `verified` says whether the quote stands there, at its offsets."""

    title: str
    uri: str
    text: str
    verified: bool


OpenSource = Callable[[Citation], Awaitable[Source | Problem]]


class PassageScreen(ModalScreen[None]):
    """Left and right walk through the quotes of the same answer."""

    DEFAULT_CSS = """
    PassageScreen {
        align: center middle;
        & > Vertical {
            width: 90%;
            max-width: 110;
            height: 90%;
            background: $background;
            border: round $foreground 25%;
            padding: 0 2;
        }
        & #passage-head { height: auto; padding: 1 0; }
        & #passage-scroll { height: 1fr; scrollbar-size-vertical: 1; }
        & #passage-text { height: auto; padding: 0 1 0 0; }
        & #passage-keys { height: 1; color: $text-muted; }
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss", "Close", id="passage.close"),
        Binding("left,p", "walk(-1)", "Previous quote", id="passage.previous"),
        Binding("right,n", "walk(1)", "Next quote", id="passage.next"),
        Binding("c", "copy", "Copy the quote", id="passage.copy"),
        Binding("o", "visit", "Open the page in a browser", id="passage.visit"),
    ]

    def __init__(
        self,
        citations: Sequence[Citation],
        index: int,
        open_source: OpenSource,
        *,
        copy: Callable[[str], Awaitable[object]],
        visit: Callable[[str], Awaitable[object]],
    ) -> None:
        super().__init__()
        self._copy = copy
        self._visit = visit
        self._citations = citations
        self._index = index
        self._open_source = open_source

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Static("", id="passage-head", markup=False)
            with VerticalScroll(id="passage-scroll"):
                yield Static("", id="passage-text", markup=False)
            several = "←/→ other quotes   " if len(self._citations) > 1 else ""
            keys = f"{several}↑/↓ scroll   c copy   o browser   Esc close"
            yield Static(keys, id="passage-keys", markup=False)

    def on_mount(self) -> None:
        self.action_walk(0)

    def action_walk(self, step: int) -> None:
        """Show the quote `step` places further, around the ends."""
        self._index = (self._index + step) % len(self._citations)
        self.run_worker(self._load(), exclusive=True, exit_on_error=False)

    async def action_copy(self) -> None:
        """Copy the quote with its source."""
        citation = self._citations[self._index]
        await self._copy(f"{citation.quote}\n\n{citation.title}\n{citation.uri}".rstrip())

    async def action_visit(self) -> None:
        await self._visit(self._citations[self._index].uri)

    async def _load(self) -> None:
        citation = self._citations[self._index]
        source = await self._open_source(citation)
        head = self.query_one("#passage-head", Static)
        text = self.query_one("#passage-text", Static)
        if isinstance(source, Problem):
            head.update(_problem_head(citation, source))
            text.update(_marked(citation.quote))
            return
        head.update(_head(citation, source))
        before, quote, after = around(source, citation)
        text.update(plain(before) + _marked(quote) + plain(after))
        self.call_after_refresh(self._scroll_past, before)

    def _scroll_past(self, before: str) -> None:
        """Bring the quote near the top: a few rows of what stands before it stay in sight."""
        text = self.query_one("#passage-text", Static)
        rows = len(plain(before).wrap(max(1, text.content_size.width)))
        self.query_one("#passage-scroll").scroll_to(y=max(0, rows - 4), animate=False)


def around(source: Source, citation: Citation) -> tuple[str, str, str]:
    """Split the document's text near the quote into before, quote and after.

    A quote that does not verify is not marked: everything is then in the first part.
    """
    start, end = max(0, citation.start - AROUND), citation.end + AROUND
    text = source.text
    if not source.verified:
        return text[start:end], "", ""
    before = ("… " if start else "") + text[start : citation.start]
    after = text[citation.end : end] + (" …" if end < len(text) else "")
    return before, text[citation.start : citation.end], after


def _head(citation: Citation, source: Source) -> Content:
    span = f"characters {citation.start:,} to {citation.end:,}"
    if source.verified:
        check = Content(f"✓ the quote stands in the stored text, {span}").stylize("$text-success")
    else:
        check = Content(f"✕ the stored text does not hold this quote at {span}").stylize(
            "$text-error"
        )
    title = Content(f"[{citation.n}] ").stylize("$accent") + Content(
        one_line(source.title or source.uri, 200)
    ).stylize("bold")
    domain = Content(f"{domain_of(source.uri)}  ")
    uri = domain + Content(one_line(source.uri, 300)).stylize(MUTED)
    return Content("\n").join([title, uri, check])


def _problem_head(citation: Citation, problem: Problem) -> Content:
    title = Content(f"[{citation.n}] {one_line(citation.title, 200)}").stylize("bold")
    message = plain(problem.message).stylize("$text-error")
    return Content("\n").join([title, message, plain(problem.hint).stylize(MUTED)])


def _marked(quote: str) -> Content:
    return plain(quote).stylize("bold $background on $accent")
