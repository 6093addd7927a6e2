"""The two colour themes of the app: quiet greys and one accent, dark and light.

Every widget takes its colours from theme variables, so Textual's own themes work as well.
"""

from __future__ import annotations

from textual.theme import Theme

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

THEMES = (DARK, LIGHT)
