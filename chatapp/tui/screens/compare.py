"""Two answers to one question side by side: the person picks the better one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.events import Resize
from textual.screen import ModalScreen
from textual.widgets import Static

from chatapp.conversations.types import Message
from chatapp.tui.text import plain, shortened
from chatapp.tui.widgets.key_hints import KeyHints

SHOWN_CHARACTERS = 20_000
SIDE_BY_SIDE = 70
"""Below this width the two answers stand one above the other."""


class CompareScreen(ModalScreen[tuple[str, str] | None]):
    """Returns the ids of the better and of the worse answer, or None."""

    DEFAULT_CSS = """
    CompareScreen {
        align: center middle;
        & > Vertical {
            width: 96%;
            height: 92%;
            background: $background;
            border: round $accent;
            border-title-color: $accent;
            padding: 0 1;
        }
        & Horizontal { height: 1fr; }
        &.-narrow Horizontal { layout: vertical; }
        & VerticalScroll {
            width: 1fr;
            height: 1fr;
            border: round $foreground 25%;
            padding: 0 1;
            scrollbar-size-vertical: 1;
            &:focus { border: round $accent; }
        }
        & VerticalScroll Static { height: auto; }
        & KeyHints { padding: 0 1; }
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("1,l", "pick(0)", "Left is better", id="compare.left"),
        Binding("2,r", "pick(1)", "Right is better", id="compare.right"),
        Binding("n,right", "other(1)", "Next answer", id="compare.next",
                tooltip="Another answer on the right"),
        Binding("p,left", "other(-1)", "Answer before", id="compare.previous", show=False),
        Binding("escape", "dismiss(None)", "Neither", id="compare.close"),
    ]  # fmt: skip

    def __init__(self, answers: Sequence[Message], shown: str) -> None:
        super().__init__()
        self._answers = list(answers)
        ids = [answer.id for answer in answers]
        self._left = max(0, ids.index(shown) - 1) if shown in ids else 0
        self._right = self._left + 1

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = "Which answer is better?"
            with Horizontal():
                for side in ("left", "right"):
                    with VerticalScroll(id=f"compare-{side}"):
                        yield Static("", markup=False)
            yield KeyHints()

    def on_mount(self) -> None:
        self._draw()

    def on_resize(self, event: Resize) -> None:
        self.set_class(event.size.width < SIDE_BY_SIDE, "-narrow")

    def _draw(self) -> None:
        for side, number in (("left", self._left), ("right", self._right)):
            answer = self._answers[number]
            box = self.query_one(f"#compare-{side}")
            box.border_title = f"{number + 1} of {len(self._answers)} · {answer.model or 'sources'}"
            text = shortened(answer.text, SHOWN_CHARACTERS)
            box.query_one(Static).update(plain(text))
            box.scroll_home(animate=False)

    def action_other(self, step: int) -> None:
        """Put another answer on the right."""
        count = len(self._answers)
        self._right = (self._right + step) % count
        if self._right == self._left:
            self._right = (self._right + step) % count
        self._draw()

    def action_pick(self, side: int) -> None:
        ids = [self._answers[self._left].id, self._answers[self._right].id]
        better = ids.pop(side)
        self.dismiss((better, ids[0]))
