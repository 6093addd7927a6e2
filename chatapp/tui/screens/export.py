"""Where a conversation is written to, and in which form."""

from __future__ import annotations

import re
from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from chatapp import paths
from chatapp.tui.theme import MUTED
from chatapp.tui.widgets.key_hints import KeyHints

FORMATS = {
    ".md": ("Markdown", "the branch being read, to read, print and share"),
    ".html": ("Web page", "one file that opens in any browser, with nothing to download"),
    ".json": ("JSON", "everything, all branches; chatapp can import it again"),
}

_NO_NAME = f"The name must end in {', '.join(FORMATS)}."


class ExportScreen(ModalScreen[Path | None]):
    """Returns the file to write; its ending says the form."""

    DEFAULT_CSS = """
    ExportScreen {
        align: center middle;
        & > Vertical {
            width: 80;
            max-width: 94%;
            height: auto;
            background: $background;
            border: round $accent;
            border-title-color: $accent;
            padding: 1 1 0 1;
        }
        & OptionList {
            height: auto;
            padding: 0;
            border: none;
            background: transparent;
        }
        & Input {
            border: none;
            background: $surface;
            height: 1;
            margin: 1 1 0 1;
            padding: 0 1;
            &:focus { border: none; }
        }
        & #export-state { height: auto; padding: 0 2; color: $text-warning; }
        & KeyHints { padding: 0 1; margin-top: 1; }
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "tab", "app.focus_next", "File", id="export.file", tooltip="To the name of the file"
        ),
        Binding("escape", "dismiss(None)", "Cancel", id="export.cancel"),
    ]

    def __init__(self, title: str, folder: Path) -> None:
        super().__init__()
        self._title = title
        self._file = folder / _slug(title)
        self._asked_twice: Path | None = None

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = "Export this conversation"
            yield OptionList(*(_option(suffix) for suffix in FORMATS), markup=False)
            yield Input(str(self._file.with_suffix(".md")))
            yield Static("", id="export-state", markup=False)
            yield KeyHints()

    def on_mount(self) -> None:
        self.query_one(OptionList).highlighted = 0
        self.query_one(OptionList).focus()

    @on(OptionList.OptionHighlighted)
    def _change_ending(self, event: OptionList.OptionHighlighted) -> None:
        name = self.query_one(Input)
        try:
            name.value = str(Path(name.value).with_suffix(str(event.option_id)))
        except ValueError:  # there is no name yet
            self._say(_NO_NAME)

    @on(OptionList.OptionSelected)
    @on(Input.Submitted)
    def _write(self) -> None:
        """Return the file; one that exists is asked about once."""
        file = paths.expanded(self.query_one(Input).value.strip())
        try:
            exists = file.exists()
        except (OSError, ValueError) as error:  # too long a name, a folder that cannot be read
            reason = error.strerror if isinstance(error, OSError) else error
            self._say(f"This file cannot be written: {reason}.")
            return
        if file.suffix not in FORMATS:
            self._say(_NO_NAME)
        elif exists and self._asked_twice != file:
            self._asked_twice = file
            self._say("This file exists. Enter again replaces it.")
        else:
            self.dismiss(file)

    def _say(self, text: str) -> None:
        self.query_one("#export-state", Static).update(text)


def _option(suffix: str) -> Option:
    name, about = FORMATS[suffix]
    row = Content(f"{name:<10}").stylize("bold") + Content(about).stylize(MUTED)
    return Option(row, id=suffix)


def _slug(title: str) -> str:
    """Return a file name for a title: `Where is it?` becomes `where-is-it`."""
    return "-".join(re.findall(r"\w+", title.casefold()))[:60] or "conversation"
