"""What a search is narrowed to: a few values a filter, stepped through by a key or a click."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from chatapp.conversations.types import SearchFilters

Value = str | bool | None


@dataclass
class Choice:
    """One filter: its field of SearchFilters, and (label, value) pairs; the first lets all in."""

    name: str
    values: Sequence[tuple[str, Value]]
    at: int = 0

    @property
    def label(self) -> str:
        return self.values[self.at][0]

    @property
    def value(self) -> Value:
        return self.values[self.at][1]

    def step(self) -> None:
        """Go to the next value, around the end."""
        self.at = (self.at + 1) % len(self.values)


@dataclass
class SearchChoices:
    """All filters of the search, by name; `filters` is what the store takes."""

    choices: dict[str, Choice] = field(default_factory=dict)

    @property
    def narrowed(self) -> bool:
        """True when any filter is set."""
        return any(choice.at for choice in self.choices.values())

    def filters(self) -> SearchFilters:
        """Return the filters as they are set."""
        return SearchFilters(**{c.name: c.value for c in self.choices.values()})  # type: ignore[arg-type]


def search_choices(tags: Sequence[str], now: datetime) -> SearchChoices:
    """Return the filters with nothing narrowed; `tags` are those in use."""
    day = timedelta(days=1)
    since = [("today", now - day), ("7 days", now - 7 * day), ("30 days", now - 30 * day)]
    rows = [
        Choice("role", [("anyone", None), ("you", "user"), ("answers", "assistant")]),
        Choice("since", [("any time", None), *((n, t.isoformat()) for n, t in since)]),
        Choice("archived", [("all chats", None), ("not archived", False), ("archived", True)]),
        Choice("tag", [("any tag", None), *((f"#{tag}", tag) for tag in tags)]),
        Choice(
            "grounding",
            [
                ("any answer", None),
                ("grounded", "grounded"),
                ("from memory", "memory"),
                ("model alone", "model"),
                ("written reply", "written"),
                ("computed", "tool"),
                ("worked out", "worked_out"),
                ("not found", "not_found"),
            ],
        ),
    ]
    return SearchChoices({choice.name: choice for choice in rows})
