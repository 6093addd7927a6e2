"""Search in all conversations: type, choose a message, land in its conversation."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from chatapp.conversations.types import MessageHit
from chatapp.tui.text import one_line
from chatapp.tui.theme import MUTED

Search = Callable[[str], Awaitable[Sequence[MessageHit]]]


class SearchScreen(ModalScreen[str | None]):
    """Returns the id of the chosen conversation, or None."""

    DEFAULT_CSS = """
    SearchScreen {
        align: center top;
        & > Vertical {
            margin-top: 2;
            width: 80;
            max-width: 94%;
            height: auto;
            max-height: 80%;
            background: $background;
            border: round $accent;
            padding: 0 1;
        }
        & Input {
            border: none;
            background: transparent;
            height: 1;
            margin: 1 0;
            padding: 0 1;
            &:focus { border: none; }
        }
        & OptionList {
            height: auto;
            max-height: 1fr;
            padding: 0;
            border: none;
            background: transparent;
            scrollbar-size-vertical: 1;
        }
        & Static { color: $text-muted; padding: 0 1; margin-bottom: 1; }
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Close", id="search.close"),
        Binding("down", "into_results", "Results", show=False, id="search.results"),
    ]

    def __init__(self, search: Search, text: str = "") -> None:
        super().__init__()
        self._search = search
        self._text = text
        self._hits: Sequence[MessageHit] = ()

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Input(self._text, placeholder="Search all conversations")
            yield OptionList(markup=False)
            yield Static("Type to search   ↓ results   Enter open   Esc close", markup=False)

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        self.run_worker(self._find(event.value), exclusive=True, exit_on_error=False)

    async def _find(self, text: str) -> None:
        self._hits = await self._search(text) if text.strip() else ()
        options = self.query_one(OptionList)
        options.clear_options()
        options.add_options(Option(_entry(hit)) for hit in self._hits)
        if text.strip():
            found = len(self._hits)
            label = f"{found} message" + ("" if found == 1 else "s") if found else "Nothing found"
            self.query_one(Static).update(label)

    def action_into_results(self) -> None:
        self.query_one(OptionList).focus()

    @on(Input.Submitted)
    def _first(self) -> None:
        if self._hits:
            self.dismiss(self._hits[0].conversation_id)

    @on(OptionList.OptionSelected)
    def _chosen(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(self._hits[event.option_index].conversation_id)


def _entry(hit: MessageHit) -> Content:
    title = Content(one_line(hit.conversation_title, 70)).stylize("bold")
    return title + Content("\n" + one_line(hit.snippet, 140)).stylize(MUTED)
