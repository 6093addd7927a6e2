"""The models to choose from: shipped, imported, adapters and remote ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from chatapp.assistant.models import ModelChoice
from chatapp.tui.text import one_line
from chatapp.tui.theme import MUTED
from chatapp.tui.widgets.key_hints import KeyHints


class ModelsScreen(ModalScreen[str | None]):
    """Returns the name of the chosen model; one with a problem cannot be chosen."""

    DEFAULT_CSS = """
    ModelsScreen {
        align: center middle;
        & > Vertical {
            width: 80;
            max-width: 94%;
            height: auto;
            max-height: 80%;
            background: $background;
            border: round $accent;
            border-title-color: $accent;
            padding: 1 1 0 1;
        }
        & OptionList {
            height: auto;
            max-height: 20;
            padding: 0;
            border: none;
            background: transparent;
            scrollbar-size-vertical: 1;
        }
        & KeyHints { padding: 0 1; margin-top: 1; }
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Keep", id="models.close"),
    ]

    def __init__(self, choices: Sequence[ModelChoice], current: str, where: str) -> None:
        super().__init__()
        self._choices = choices
        self._current = current
        self._where = where

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = f"Model {self._where}"
            yield OptionList(*(self._option(choice) for choice in self._choices), markup=False)
            yield KeyHints()

    def on_mount(self) -> None:
        names = [choice.name for choice in self._choices]
        options = self.query_one(OptionList)
        options.highlighted = names.index(self._current) if self._current in names else 0
        options.focus()

    def _option(self, choice: ModelChoice) -> Option:
        mark = "● " if choice.name == self._current else "  "
        head = Content(mark).stylize("$accent") + Content(choice.name).stylize("bold")
        head += Content(f"  {choice.kind}").stylize(MUTED)
        about = Content(f"  {one_line(choice.problem or choice.summary, 160)}")
        about = about.stylize("$text-warning" if choice.problem else MUTED)
        return Option(head + Content("\n") + about, disabled=bool(choice.problem))

    @on(OptionList.OptionSelected)
    def _chosen(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(self._choices[event.option_index].name)
