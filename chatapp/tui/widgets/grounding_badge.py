"""The one line that says what an answer stands on. The words carry it; colour only helps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.widgets import Static

if TYPE_CHECKING:
    from chatapp.assistant.events import Grounding

_LABELS: dict[Grounding, str] = {
    "grounded": "✓ grounded",
    "partly": "◐ partly grounded",
    "tool": "✓ computed",
    "worked_out": "◐ worked out, check the steps",
    "memory": "● from what you told me",
    "written": "○ a written reply, no sources",
    "model": "○ from the model, no sources",
    "not_found": "∅ not found in the sources",
}


class GroundingBadge(Static):
    """Shows what the answer stands on; empty while unknown."""

    DEFAULT_CSS = """
    GroundingBadge {
        width: auto;
        height: 1;
        color: $text-muted;
        &.-grounded, &.-memory, &.-tool { color: $accent; }
        &.-not_found, &.-partly, &.-worked_out { color: $text-warning; }
    }
    """

    def __init__(self) -> None:
        super().__init__("", markup=False)

    def show(self, grounding: Grounding | None, sources: int = 0, *, web: bool = False) -> None:
        """Display the grounding; `sources` counts the quotes it cites, `web`: from pages there."""
        self.set_classes(f"-{grounding}" if grounding else "")
        label = _LABELS[grounding] if grounding else ""
        if grounding in ("grounded", "partly") and sources:
            label += f" in {sources} quote" + ("s" if sources > 1 else "")
            label += " from the web" if web else ""
        self.update(label)
