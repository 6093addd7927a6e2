"""How the chat screen shares out its room: the style sheet, and what changes with the size."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from textual.geometry import Size

    from chatapp.tui.screens.chat import ChatScreen

WIDE = 100
"""From this width the conversations stand beside the transcript without being asked for."""

ROOMY = 120
"""From this width the sources stand beside the transcript, below it they share its height."""

TALL = 32
"""Below this height messages stand closer."""

LOW = 18
"""Below this height the title goes as well, and the input stays small."""

CSS = """
ChatScreen {
    layers: base over;
    & #body { layout: horizontal; height: 1fr; }
    & #centre { width: 1fr; height: 1fr; }
    & #reading { layout: horizontal; height: 1fr; }
    & #messages { width: 1fr; height: 1fr; }
    & #attached { display: none; height: auto; margin: 0 2; color: $text-muted; }
    & #composer { margin: 0 1; }
    &.-private Composer, &.-private Composer:focus { border: round $warning; }
    &.-narrow #reading { layout: vertical; }
    &.-narrow SourcesPanel {
        width: 1fr;
        height: 10;
        padding: 0 1;
        border-left: none;
        border-top: hkey $foreground 10%;
    }
    &.-narrow SourcesPanel > Static { margin-bottom: 0; }
    &.-small Sidebar { layer: over; dock: left; background: $background; }
    &.-compact UserMessage { padding: 0 2; }
    &.-low TitleLine, &.-low KeyHints { display: none; }
    &.-low.-private TitleLine { display: block; margin: 0 3; }
    &.-low Transcript { padding-top: 0; }
    &.-low Composer { max-height: 4; }
}
"""


def fit(chat: ChatScreen, size: Size, *, sidebar_wanted: bool | None) -> None:
    """Set the classes the style sheet goes by; None: the sidebar shows where there is room."""
    chat.set_class(size.width < ROOMY, "-narrow")
    chat.set_class(size.width < WIDE, "-small")
    chat.set_class(size.height < TALL, "-compact")
    chat.set_class(size.height < LOW, "-low")
    shown = sidebar_wanted if sidebar_wanted is not None else size.width >= WIDE
    chat.sidebar.set_class(not shown, "-hidden")
