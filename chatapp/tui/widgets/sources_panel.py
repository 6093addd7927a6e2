"""The quotes of the selected answer, numbered as in its text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from chatapp.tui.addresses import domain_of
from chatapp.tui.text import one_line
from chatapp.tui.theme import MUTED

if TYPE_CHECKING:
    from textual.widgets import OptionList

    from chatapp.assistant.events import Citation

QUOTE_CHARACTERS = 160


class SourcesPanel(Vertical):
    """Lists `[n] title` with the start of the quote; Enter or a click opens the passage."""

    DEFAULT_CSS = """
    SourcesPanel {
        display: none;
        width: 36;
        height: 1fr;
        padding: 1 1 0 1;
        border-left: vkey $foreground 10%;
        & > Static { color: $text-muted; padding: 0 1; height: 1; margin-bottom: 1; }
        & > OptionList {
            height: 1fr;
            padding: 0;
            border: none;
            background: transparent;
            scrollbar-size-vertical: 1;
            &:focus { border: none; }
            & > .option-list--option { padding: 0 1; }
            & > .option-list--option-highlighted { background: transparent; color: $foreground; }
            &:focus > .option-list--option-highlighted { background: $accent 20%; }
        }
    }
    """

    class Opened(Message):
        """The person chose a quote."""

        def __init__(self, citation: Citation) -> None:
            super().__init__()
            self.citation = citation

    def __init__(self) -> None:
        super().__init__(id="sources")
        self.citations: list[Citation] = []

    def compose(self) -> ComposeResult:
        yield Static("Sources", markup=False)

    def show(self, citations: Sequence[Citation]) -> None:
        """List these quotes; an empty list says so."""
        from textual.widgets.option_list import Option

        self.citations = list(citations)
        options = self._options()
        options.clear_options()
        options.add_options(Option(_entry(c), id=f"source-{c.n}") for c in citations)
        count = len(self.citations)
        self.query_one(Static).update(f"Sources · {count}" if count else "No sources cited")

    def highlight(self, index: int) -> None:
        """Mark one of the quotes: it is the one being looked at."""
        self._options().highlighted = index

    def focus_list(self) -> None:
        """Go to the quotes."""
        self._options().focus()

    def _options(self) -> OptionList:
        """Return the list, made when it is first needed: the first frame does without it."""
        from textual.widgets import OptionList

        found = self.query(OptionList)
        if not found:
            self.mount(OptionList(markup=False))
        return self.query_one(OptionList)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.post_message(self.Opened(self.citations[event.option_index]))


def _entry(citation: Citation) -> Content:
    title = Content(f"[{citation.n}] ").stylize("$accent") + Content(
        one_line(citation.title or citation.uri, 60)
    ).stylize("bold")
    quote = Content(one_line(citation.quote, QUOTE_CHARACTERS)).stylize(MUTED)
    where = "  ·  ".join(filter(None, [domain_of(citation.uri), one_line(citation.date, 20)]))
    domain = Content(where).stylize(MUTED)
    return Content("\n").join([title, domain, quote, Content("")])
