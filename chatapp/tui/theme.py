"""The colour themes of the app: dark and light, strong contrast, and the terminal's own 16 colours.

Every widget takes its colours from theme variables, so Textual's own themes work as well. Where
`NO_COLOR` is set no colour is sent at all; what is chosen is then bold and underlined: Textual
reverses by exchanging colours, of which there are none.
"""

from __future__ import annotations

import os

from textual.theme import BUILTIN_THEMES, Theme

MUTED = "$foreground 60%"
"""For parts of a text; `$text-muted` is worked out from a background that a part does not have."""


def _scrollbar(bar: str, ground: str) -> dict[str, str]:
    """Return the variables of a scrollbar that stays out of the way, and of a quiet cursor."""
    return {
        "scrollbar": bar,
        "scrollbar-background": ground,
        "scrollbar-background-hover": ground,
        "scrollbar-background-active": ground,
        "scrollbar-corner-color": ground,
        "block-cursor-text-style": "none",
        "block-cursor-blurred-text-style": "none",
    }


DARK = Theme(
    name="chatapp-dark",
    primary="#7fb8ad",
    secondary="#7fb8ad",
    accent="#7fb8ad",
    foreground="#d6d9de",
    background="#15171b",
    surface="#1b1e23",
    panel="#23272e",
    success="#8fbf7f",
    warning="#d9b36c",
    error="#d98080",
    variables=_scrollbar("#23272e", "#15171b"),
)

LIGHT = Theme(
    name="chatapp-light",
    primary="#1f6f63",
    secondary="#1f6f63",
    accent="#1f6f63",
    foreground="#24282e",
    background="#fafaf8",
    surface="#f1f1ee",
    panel="#e6e6e1",
    success="#3c7a2c",
    warning="#8a6112",
    error="#a33a3a",
    dark=False,
    variables=_scrollbar("#d9d9d3", "#fafaf8"),
)

# Its colours have at least 7 to 1 on its grounds (WCAG AAA); a test computes it.
CONTRAST = Theme(
    name="chatapp-contrast",
    primary="#ffd700",
    secondary="#ffd700",
    accent="#ffd700",
    foreground="#ffffff",
    background="#000000",
    surface="#1a1a1a",
    panel="#262626",
    success="#7dff7d",
    warning="#ffb84d",
    error="#ff9c9c",
    text_alpha=1.0,
    variables={
        **_scrollbar("#b0b0b0", "#000000"),
        "text-muted": "#e0e0e0",
        "text-disabled": "#c0c0c0",
        "block-cursor-text-style": "bold",
    },
)

ANSI = Theme(
    name="chatapp-ansi",
    primary="ansi_cyan",
    secondary="ansi_cyan",
    accent="ansi_cyan",
    foreground="ansi_default",
    background="ansi_default",
    surface="ansi_default",
    panel="ansi_default",
    boost="ansi_default",
    success="ansi_green",
    warning="ansi_yellow",
    error="ansi_red",
    ansi=True,
    variables={
        **BUILTIN_THEMES["ansi-dark"].variables,
        **_scrollbar("ansi_bright_black", "ansi_default"),
        "text-muted": "ansi_default",
        "block-cursor-foreground": "ansi_black",
        "block-cursor-background": "ansi_cyan",
        "block-cursor-text-style": "none",
        "input-cursor-background": "ansi_default",
        "input-cursor-foreground": "ansi_default",
        "input-cursor-text-style": "reverse",
        "input-selection-background": "ansi_bright_blue",
        "input-selection-foreground": "ansi_black",
        "screen-selection-background": "ansi_bright_blue",
        "screen-selection-foreground": "ansi_black",
    },
)

THEMES = (DARK, LIGHT, CONTRAST, ANSI)

COMMON_CSS = """
ModalScreen OptionList, ModalScreen OptionList:focus {
    border: none;
    background: transparent;
    scrollbar-size-vertical: 1;
    & > .option-list--option { padding: 0 1; }
    & > .option-list--option-highlighted { background: $accent 15%; color: $foreground; }
}
ModalScreen OptionList:focus > .option-list--option-highlighted { background: $accent 30%; }
CommandPalette SearchIcon { display: none; }
App:ansi, App:nocolor {
    & OptionList > .option-list--option-highlighted,
    & OptionList:focus > .option-list--option-highlighted {
        background: ansi_default;
        color: ansi_default;
        text-style: bold;
    }
    & OptionList:focus > .option-list--option-highlighted { text-style: bold underline; }
    & Button:focus { text-style: bold underline; }
}
"""
"""How lists look in every dialog; and, where there are few colours or none, what is chosen."""


def theme_to_use(wanted: str, known: set[str]) -> str:
    """Return the theme of the settings, the default if it is unknown, and ours without colours."""
    if os.environ.get("NO_COLOR"):
        return ANSI.name
    return wanted if wanted in known else DARK.name
