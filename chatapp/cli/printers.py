"""How a headless session is shown: as text, as one JSON object, or as JSON lines.

stdout carries the answer or the data, stderr carries warnings and errors; nothing is coloured.
"""

from __future__ import annotations

import json
from typing import Any, Protocol

import click

from chatapp.assistant.events import (
    Citation,
    CommandResult,
    Error,
    Event,
    MessageDelta,
    MessageDone,
    SessionEnd,
    TurnStart,
    Warning,
    WebConsent,
)
from chatapp.conversations import StoredCitation
from retrieval.text import sanitize_text


class Printer(Protocol):
    """Shows one event; `line` is its envelope form."""

    def show(self, event: Event, line: dict[str, Any]) -> None: ...


class TextPrinter:
    """The answer as it is made, then its sources.

    `quiet` leaves warnings out; `transcript` puts each question before its answer, and
    shows what commands say.
    """

    def __init__(self, *, quiet: bool = False, transcript: bool = False) -> None:
        self._quiet = quiet
        self._transcript = transcript
        self._line_is_open = False
        self._citations: list[StoredCitation] = []

    def show(self, event: Event, line: dict[str, Any]) -> None:
        """Print what a person wants to see of this event."""
        match event:
            case TurnStart(text=text) if self._transcript:
                self._write("> " + text.replace("\n", "\n> ") + "\n")
            case MessageDelta(text=text):
                self._write(text)
            case Citation():
                self._citations.append(event)
            case MessageDone():
                self._end_line()
                self._write(sources_list(self._citations))
                self._citations = []
            case CommandResult(text=text) if text and self._transcript:
                self._write(text + "\n")
            case Error():
                self._end_line()
                show_problem(event, quiet=self._quiet)
            case _:
                show_problem(event, quiet=self._quiet)

    def _write(self, text: str) -> None:
        if text:
            _write(sanitize_text(text))
            self._line_is_open = not text.endswith("\n")

    def _end_line(self) -> None:
        if self._line_is_open:
            self._write("\n")


class JsonlPrinter:
    """Every event as one line. Warnings and errors are events, so stderr stays empty."""

    def show(self, event: Event, line: dict[str, Any]) -> None:
        """Print the envelope."""
        _write(json.dumps(line, ensure_ascii=False) + "\n")


class JsonPrinter:
    """Only the last event, which holds the last answer. `quiet` leaves warnings out."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet = quiet

    def show(self, event: Event, line: dict[str, Any]) -> None:
        """Print the envelope of `session.end`."""
        show_problem(event, quiet=self._quiet)
        if isinstance(event, SessionEnd):
            _write(json.dumps(line, ensure_ascii=False) + "\n")


def make_printer(output: str, *, quiet: bool, transcript: bool = False) -> Printer:
    """Return the printer for `--output`; `transcript` is for text only."""
    if output == "jsonl":
        return JsonlPrinter()
    if output == "json":
        return JsonPrinter(quiet=quiet)
    return TextPrinter(quiet=quiet, transcript=transcript)


def sources_list(citations: list[StoredCitation]) -> str:
    """Return the `Sources:` list of an answer; empty when it has no citations."""
    if not citations:
        return ""
    lines = ["", "Sources:"]
    for citation in citations:
        title = " ".join(citation.title.split())
        dated = f" ({citation.date})" if citation.date else ""
        lines.append(f"[{citation.n}] {title}{dated} — {citation.uri}")
        lines.append(f"    “{' '.join(citation.quote.split())}”")
    return "\n".join(lines) + "\n"


def show_problem(event: Event, *, quiet: bool) -> None:
    """Print a warning or an error with its fix to stderr; other events are passed over."""
    match event:
        case Warning(message=message, hint=hint) if not quiet:
            kind = "warning"
        case WebConsent(decision="denied", why=why) if not quiet:
            kind, message, hint = "note", f"the web was not searched. {why}", ""
        case Error(message=message, hint=hint):
            kind = "error"
        case _:
            return
    fix = f"\n  fix: {hint}" if hint else ""
    click.echo(sanitize_text(f"{kind}: {message}{fix}"), err=True)


def _write(text: str) -> None:
    click.echo(text, nl=False)  # it flushes, and a closed stdout takes nothing
