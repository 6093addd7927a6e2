"""What there is to know about one message, as rows of (name, value)."""

from __future__ import annotations

from collections.abc import Sequence

from chatapp.conversations.types import Message, Turn
from chatapp.tui.entries import Entry, Question, place_of
from chatapp.tui.text import one_line

Row = tuple[str, str]


def details_of(entry: Entry, message: Message, turns: Sequence[Turn]) -> list[Row]:
    """Return the facts of a stored message; for an answer also what each model call cost."""
    place, count = place_of(entry)
    rows = [
        ("Written", message.created_at.replace("T", " ")),
        ("Version", f"{place} of {count}"),
        ("Length", f"{len(message.text):,} characters"),
    ]
    if isinstance(entry, Question):
        rows += [("Attached", name) for name in entry.attachments]
    else:
        rows.append(("Ended", message.finish_reason or message.status))
        rows += [row for turn in turns for row in _call(turn)] or [("Model", "took no part")]
        rows += [(f"Source {c.n}", one_line(c.title or c.uri, 120)) for c in entry.citations]
        rows += [("Memory", one_line(line, 160)) for line in entry.remembered]
    return [*rows, ("Id", message.id)]


def _call(turn: Turn) -> list[Row]:
    speed = turn.completion_tokens / turn.seconds if turn.seconds > 0 else 0.0
    tokens = f"{turn.prompt_tokens:,} read, {turn.completion_tokens:,} written"
    took = f"{turn.seconds:.2f} s, {speed:.1f} tokens a second"
    if turn.first_token_seconds is not None:
        took += f", the first after {turn.first_token_seconds:.2f} s"
    sampling = ", ".join(f"{name} {value}" for name, value in turn.sampling.items())
    rows = [("Model", turn.model), ("Tokens", tokens), ("Time", took), ("Sampling", sampling)]
    return [(name, one_line(value, 400)) for name, value in rows if value]
