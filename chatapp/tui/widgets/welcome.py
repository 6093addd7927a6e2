"""What an empty conversation shows: what this is, three things to try, and where words may go."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content
from textual.widgets import Static

if TYPE_CHECKING:
    from chatapp.settings import Settings

EXAMPLES = (
    "What can chatapp do?",
    "How do I add my own files?",
    "Where are my conversations stored?",
)


_WEB = {
    "never": "Everything stays on this machine.",
    "ask": "Everything stays on this machine, unless you allow a search of the web.",
    "always": "Searches of the web leave this machine without asking; all else stays.",
}


def promise(settings: Settings, model: str) -> str:
    """Return in one line what leaves this machine while `model` answers."""
    if model in settings.remotes:
        return f"What you write is sent to the remote model {model}."
    return _WEB[settings.web.consent]


class Welcome(Static):
    """Centred, quiet, gone with the first message."""

    DEFAULT_CSS = """
    Welcome {
        width: 100%;
        height: auto;
        padding: 1 2;
        color: $text-muted;
    }
    """

    def __init__(self, promise: str) -> None:
        lines = [
            Content("Ask a question").stylize("bold $accent"),
            Content("Answers quote your sources; open a quote by its number."),
            Content(""),
            *(Content(f"  {example}").stylize("$foreground") for example in EXAMPLES),
            Content(""),
            Content(promise),
        ]
        super().__init__(Content("\n").join(lines), markup=False)
