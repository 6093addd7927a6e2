"""Search in all conversations: type, narrow, choose, and land at the message.

Without words it lists conversations, so it is also the way to those that are archived or old.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.style import Style
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from chatapp.conversations.types import SearchFilters
from chatapp.tui.keys import key_for
from chatapp.tui.search_filter import SearchChoices
from chatapp.tui.text import counted, one_line
from chatapp.tui.theme import MUTED


@dataclass(frozen=True)
class Found:
    """A place to go to: a message, or a whole conversation when `message_id` is None."""

    conversation_id: str
    message_id: str | None
    title: str
    details: str
    snippet: str = ""


Search = Callable[[str, SearchFilters], Awaitable[Sequence[Found]]]


class SearchScreen(ModalScreen[Found | None]):
    """Returns what was chosen, or None."""

    DEFAULT_CSS = """
    SearchScreen {
        align: center top;
        & > Vertical {
            margin-top: 1;
            width: 90;
            max-width: 96%;
            height: 85%;
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
        & #search-filters {
            height: auto;
            padding: 0 1;
            margin-bottom: 1;
            color: $text-muted;
            link-style: none;
            link-color: $text-muted;
        }
        & OptionList {
            height: 1fr;
            padding: 0;
            border: none;
            background: transparent;
            scrollbar-size-vertical: 1;
        }
        & #search-state { height: 1; color: $text-muted; padding: 0 1; }
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Close", id="search.close"),
        Binding("down", "into_results", "Results", id="search.results"),
        Binding("f3", "narrow('role')", "Who", id="search.role", tooltip="Narrow: who wrote it"),
        Binding("f4", "narrow('since')", "When", id="search.since", tooltip="Narrow: how old"),
        Binding(
            "f5", "narrow('archived')", "Archive", id="search.archived", tooltip="Narrow: archived"
        ),
        Binding("f6", "narrow('tag')", "Tag", id="search.tag", tooltip="Narrow: by tag"),
        Binding(
            "f7", "narrow('grounding')", "Ground", id="search.grounding",
            tooltip="Narrow: what the answer stands on",
        ),
    ]  # fmt: skip

    def __init__(self, search: Search, choices: SearchChoices, text: str = "") -> None:
        super().__init__()
        self._search = search
        self._choices = choices
        self._text = text
        self._found: Sequence[Found] = ()

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Input(self._text, placeholder="Search all conversations")
            yield Static("", id="search-filters", markup=False)
            yield OptionList(markup=False)
            yield Static("", id="search-state", markup=False)

    def on_mount(self) -> None:
        self._draw_filters()
        self._find_again()

    @on(Input.Changed)
    def _find_again(self) -> None:
        self.run_worker(self._find(), exclusive=True, exit_on_error=False)

    async def _find(self) -> None:
        text = self.query_one(Input).value.strip()
        self._found = await self._search(text, self._choices.filters())
        options = self.query_one(OptionList)
        options.clear_options()
        options.add_options(Option(_entry(found, text)) for found in self._found)
        self.query_one("#search-state", Static).update(
            f"{_counted(self._found)}   ↓ results   Enter opens   Esc closes"
        )

    def action_into_results(self) -> None:
        self.query_one(OptionList).focus()

    def action_narrow(self, name: str) -> None:
        """Step to the next value of a filter and search again."""
        self._choices.choices[name].step()
        self._draw_filters()
        self._find_again()

    def _draw_filters(self) -> None:
        parts = []
        for name, choice in self._choices.choices.items():
            # Spaces that do not break: a key stays with what it narrows.
            key = Content(f"{key_for(self, f'search.{name}')}\xa0")
            value = Content(f"\xa0{choice.label}\xa0".replace(" ", "\xa0")).stylize(
                "bold reverse" if choice.at else ""
            )
            click = Style.from_meta({"@click": f"screen.narrow('{name}')"})
            parts.append((key + value).stylize(click))
        self.query_one("#search-filters", Static).update(Content("  ").join(parts))

    @on(Input.Submitted)
    def _first(self) -> None:
        self.run_worker(self._open_first(), exclusive=True, exit_on_error=False)

    async def _open_first(self) -> None:
        """Open the first place for what stands there now; a fast typist is ahead of the list."""
        await self._find()
        if self._found:
            self.dismiss(self._found[0])

    @on(OptionList.OptionSelected)
    def _chosen(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(self._found[event.option_index])


def _counted(found: Sequence[Found]) -> str:
    messages = sum(1 for each in found if each.message_id)
    chats = len(found) - messages
    said = [counted(chats, "chat")] * bool(chats) + [counted(messages, "message")] * bool(messages)
    return ", ".join(said) or "Nothing found"


def _entry(found: Found, text: str) -> Content:
    """Return title and details on one line and the words that were found below."""
    title = Content(one_line(found.title, 60)).stylize("bold")
    head = title + Content(f"  {found.details}").stylize(MUTED)
    if not found.snippet:
        return head
    snippet = Content(one_line(found.snippet, 200)).stylize(MUTED)
    for word in re.findall(r"\w+", text):
        for match in re.finditer(re.escape(word), snippet.plain, re.IGNORECASE):
            snippet = snippet.stylize("bold $accent", match.start(), match.end())
    return Content("\n").join([head, snippet])
