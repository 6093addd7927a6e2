"""The keys of the chat screen, those used most first: the footer shows as many as fit."""

from __future__ import annotations

from textual.binding import Binding, BindingType

CHAT_KEYS: list[BindingType] = [
    Binding(
        "ctrl+t",
        "approval",
        "Decide",
        id="chat.approval",
        priority=True,
        tooltip="Decide about the tool or the query that asks",
    ),
    Binding(
        "escape",
        "run('stop')",
        "Stop",
        id="chat.stop",
        tooltip="Stop the answer, or back to the input",
    ),
    Binding(
        "ctrl+f",
        "run('search')",
        "Search",
        id="chat.search",
        priority=True,
        tooltip="Search all conversations",
    ),
    Binding("ctrl+n", "run('new')", "New", id="chat.new", tooltip="New conversation"),
    Binding(
        "ctrl+b", "run('sidebar')", "List", id="chat.sidebar", tooltip="Conversations on or off"
    ),
    Binding("ctrl+o", "run('sources')", "Sources", id="chat.sources", tooltip="Sources on or off"),
    Binding(
        "ctrl+r",
        "run('regenerate')",
        "Again",
        id="chat.regenerate",
        tooltip="Regenerate the answer",
    ),
    Binding(
        "ctrl+y",
        "run('copy')",
        "Copy",
        id="chat.copy",
        priority=True,
        tooltip="Copy the answer",
    ),
    Binding(
        "ctrl+g",
        "run('continue')",
        "Continue",
        id="chat.continue",
        tooltip="Continue a cut answer",
    ),
    Binding("f2", "run('rename')", "Rename", id="chat.rename", tooltip="Rename the conversation"),
    Binding("f1", "run('help')", "Help", id="chat.help"),
    # Priority, so that keys typed right after it already go to the answer.
    Binding(
        "shift+tab",
        "last_answer",
        "Answer",
        id="chat.answer",
        priority=True,
        tooltip="Select the last answer, then earlier ones",
    ),
    Binding("pageup", "page(-1)", "Scroll up", id="chat.page_up", priority=True, show=False),
    Binding("pagedown", "page(1)", "Scroll down", id="chat.page_down", priority=True, show=False),
]

ENTER_IS_NEWLINE = {
    "composer.newline": "enter,ctrl+j,shift+enter",
    "composer.send": "alt+enter,ctrl+enter,ctrl+s",
}
"""Keys of the input where Enter begins a new line: Alt+Enter and Ctrl+S reach every program."""


def enter_keys(does: str) -> dict[str, str]:
    """Return the key map for the setting `ui.enter`: `send` or `newline`."""
    return dict(ENTER_IS_NEWLINE) if does == "newline" else {}
