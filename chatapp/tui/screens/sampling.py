"""How the model chooses its words, in one conversation or in all: one line a setting."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from chatapp.settings import KEYS, SettingsError
from chatapp.settings.keys import Key
from chatapp.settings.values import convert
from chatapp.tui.text import plain
from chatapp.tui.widgets.key_hints import KeyHints


def _key(name: str, kind: type, help: str, high: float | None = None) -> Key:
    return Key(name, kind, None, help, low=0 if high else None, high=high, check="", secret=False)


_SWITCH_HELP = {
    "sources": "Answer from the index: true or false.",
    "memory": "Learn and recall: true or false.",
    "tools": "Compute and look up: true or false.",
}

FIELDS: dict[str, Key] = {
    **{
        name.removeprefix("generation."): key
        for name, key in KEYS.items()
        if name.startswith("generation.")
    },
    "seed": _key("seed", int, "Makes sampling repeatable.", 2**63 - 1),
    **{name: _key(name, bool, text) for name, text in _SWITCH_HELP.items()},
}
"""What can be set, by name; `generation.*` of the settings first, with their limits and help."""


class SamplingScreen(ModalScreen[dict[str, Any] | None]):
    """Returns every field with its value (None: not set here), or None when left with Esc."""

    DEFAULT_CSS = """
    SamplingScreen {
        align: center middle;
        & > Vertical {
            width: 90;
            max-width: 96%;
            height: auto;
            max-height: 94%;
            background: $background;
            border: round $accent;
            border-title-color: $accent;
            padding: 1 1 0 1;
        }
        & VerticalScroll { height: auto; max-height: 20; scrollbar-size-vertical: 1; }
        & Horizontal { height: 1; }
        & .name { width: 20; padding: 0 1; }
        & .help { width: 1fr; padding: 0 1; color: $text-muted; text-wrap: nowrap;
                  text-overflow: ellipsis; }
        & Input {
            width: 14;
            height: 1;
            border: none;
            background: $surface;
            padding: 0 1;
            &:focus { border: none; background: $panel; }
        }
        & #sampling-problem { height: auto; color: $text-error; padding: 1 1 0 1; display: none; }
        & KeyHints { padding: 0 1; margin-top: 1; }
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,ctrl+s", "save", "Save", id="sampling.save", priority=True),
        Binding("down", "app.focus_next", "Next", id="sampling.next", show=False),
        Binding("up", "app.focus_previous", "Previous", id="sampling.previous", show=False),
        Binding("escape", "dismiss(None)", "Cancel", id="sampling.cancel"),
    ]

    def __init__(self, own: Mapping[str, Any], inherited: Mapping[str, Any], where: str) -> None:
        super().__init__()
        self._own = own
        self._inherited = inherited
        self._where = where

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = f"Sampling {self._where}"
            with VerticalScroll(can_focus=False):
                for name, key in FIELDS.items():
                    with Horizontal():
                        yield Static(name, classes="name", markup=False)
                        yield Input(
                            _shown(self._own.get(name)),
                            placeholder=_shown(self._inherited.get(name)) or "any",
                            id=f"sampling-{name}",
                        )
                        yield Static(key.help, classes="help", markup=False)
            yield Static("", id="sampling-problem", markup=False)
            yield KeyHints()

    def action_save(self) -> None:
        """Return the values, or say which one cannot be used and why."""
        try:
            self.dismiss({name: self._value(name, key) for name, key in FIELDS.items()})
        except SettingsError as error:
            problem = self.query_one("#sampling-problem", Static)
            problem.update(plain(f"{error.message}: {error.hint}"))
            problem.display = True

    def _value(self, name: str, key: Key) -> Any:
        text = self.query_one(f"#sampling-{name}", Input).value.strip()
        return convert(replace(key, name=name), text, "Not saved") if text else None

    @on(Input.Changed)
    def _try_again(self) -> None:
        self.query_one("#sampling-problem").display = False


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)
