"""Says in words what happens: answers and results on stdout, everything about them on stderr.

Text is passed on by the sentence, not by the word: a screen reader starts anew with every piece.
"""

from __future__ import annotations

import re
import sys

from chatapp.assistant import events
from retrieval.text import sanitize_text

GROUNDINGS = {
    "grounded": "Grounded in the sources below.",
    "partly": "Only partly grounded in the sources below.",
    "memory": "From what you told me.",
    "written": "A reply that was written beforehand, no sources.",
    "worked_out": "Worked out by a solver: check the steps.",
    "model": "From the model alone, no sources.",
    "not_found": "Not found in the sources.",
}
LONGEST_WAIT = 80
"""Characters of an unfinished sentence that are held back at most."""

_SENTENCE_END = re.compile(r"[.!?:][\"”’')\]]*\s+|\n")


class Speaker:
    """Renders the events of a turn; `spoken` adds the words that a pipe has no use for."""

    def __init__(self, *, spoken: bool) -> None:
        self._spoken = spoken
        self._pending = ""
        self._open = False
        self._citations: list[events.Citation] = []

    def say(self, text: str) -> None:
        """Print a line of the conversation: an answer or what a command gave back."""
        self._finish_line()
        print(sanitize_text(text), flush=True)

    def aside(self, text: str) -> None:
        """Print a line about the conversation; a pipe gets it on stderr only."""
        self._finish_line()
        print(sanitize_text(text), file=sys.stderr, flush=True)

    def show(self, event: events.Event) -> None:
        """Put one event into words."""
        match event:
            case events.TurnStart():
                self._citations = []
            case events.Retrieval(passages=passages) if self._spoken:
                self.aside(f"Reading {_count(len(passages), 'passage')}.")
            case events.ModelLoading(fraction=fraction) if self._spoken and fraction in (0, 1):
                self.aside("The model is loaded." if fraction else "Loading the model.")
            case events.ToolResult(name=name, text=text, error=error) if self._spoken:
                self.aside(f"{name} failed: {error}" if error else f"{name} gave: {text}")
            case events.ToolApproval(name=name, decision="denied", why=why):
                self.aside(f"The tool {name} was not run: {why}")
            case events.Browse(text=text, domain=domain, place="web") if self._spoken:
                self.aside(f"{text} ({domain})." if domain else f"{text}.")
            case events.WebConsent(decision="denied", why=why):
                self.aside(f"The web was not searched: {why}")
            case events.MessageDelta(text=text):
                self._add(text)
            case events.Citation():
                self._citations.append(event)
            case events.MessageDone():
                self._finish_answer(event)
            case events.MemoryUsed(items=items):
                for item in items:
                    self.aside(f"Used from memory: {item.text}")
            case events.MemoryProposed(text=text, closed=closed, status=status):
                said = "Is it right? /confirm" if status == "review" else "Remembered"
                for line in [f"{said}: {text}"] * bool(text):
                    self.aside(line)
                for ended in closed:
                    self.aside(f"No longer: {ended}")
            case events.Warning(message=message, hint=hint):
                self.aside(f"Warning: {message} {hint}".rstrip())
            case events.Error(message=message, hint=hint):
                self.aside(f"Error: {message} {hint}".rstrip())
            case _:
                pass

    def _add(self, text: str) -> None:
        """Print the whole sentences there are and keep the rest for later."""
        self._pending += sanitize_text(text)
        end = max((match.end() for match in _SENTENCE_END.finditer(self._pending)), default=0)
        if len(self._pending) - end > LONGEST_WAIT:
            end = self._pending.rfind(" ") + 1 or len(self._pending)
        self._write(self._pending[:end])
        self._pending = self._pending[end:]

    def _finish_answer(self, done: events.MessageDone) -> None:
        self._finish_line()
        if done.finish_reason == "interrupted":
            self.aside("Interrupted; the text is kept. /continue goes on with it.")
        if self._spoken and done.grounding in GROUNDINGS and done.finish_reason != "error":
            self.aside(GROUNDINGS[done.grounding])
        for citation in self._citations:
            where = ", ".join(filter(None, [citation.title, citation.date, citation.uri]))
            self.say(f"Source {citation.n}: {where}. Quote: “{' '.join(citation.quote.split())}”")

    def _finish_line(self) -> None:
        """Print what is pending and end its line."""
        self._write(self._pending)
        self._pending = ""
        if self._open:
            print(flush=True)
            self._open = False

    def _write(self, text: str) -> None:
        if text:
            print(text, end="", flush=True)
            self._open = not text.endswith("\n")


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}" + ("" if number == 1 else "s")
