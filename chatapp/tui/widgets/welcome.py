"""What an empty conversation shows: what this is and three things to try."""

from __future__ import annotations

from textual.content import Content
from textual.widgets import Static

EXAMPLES = (
    "What can chatapp do?",
    "How do I add my own files?",
    "Where are my conversations stored?",
)


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

    def __init__(self) -> None:
        lines = [
            Content("Ask a question").stylize("bold $accent"),
            Content("Answers quote your sources; open a quote by its number."),
            Content(""),
            *(Content(f"  {example}").stylize("$foreground") for example in EXAMPLES),
            Content(""),
            Content("Everything stays on this machine."),
        ]
        super().__init__(Content("\n").join(lines), markup=False)
