"""What was done for an answer, step by step: searched, opened, quoted, computed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from chatapp.assistant import events
from chatapp.assistant.steps import kept_steps
from chatapp.conversations.types import Part
from chatapp.tui.text import one_line


@dataclass(frozen=True)
class Browsed:
    """One step of looking something up; `text` is what a person reads.

    `domain` is where a page of the web lies; `place` tells the web from the person's own sources.
    """

    action: str
    text: str
    detail: str
    place: str = "index"
    domain: str = ""

    @property
    def kind(self) -> str:
        """What it counts as in the summary."""
        return "web search" if (self.action, self.place) == ("search", "web") else self.action


@dataclass
class ToolUse:
    """One use of a tool; `done` once it has given a result, an error or nothing at all."""

    id: str
    name: str
    arguments: Mapping[str, Any]
    decision: str = ""
    why: str = ""
    text: str = ""
    error: str = ""
    seconds: float = 0.0
    done: bool = False


Step: TypeAlias = "Browsed | ToolUse"

_COUNTED = {
    "search": ("search", "searches"),
    "web search": ("web search", "web searches"),
    "open": ("page opened", "pages opened"),
    "quote": ("quote", "quotes"),
    "tool": ("tool used", "tools used"),
}


@dataclass
class Trace:
    """The steps in the order in which they were taken."""

    steps: list[Step] = field(default_factory=list)

    def apply(self, event: events.Event) -> None:
        """Take in an event that is a step, or the outcome of one; others change nothing."""
        match event:
            case events.Browse():
                self.steps.append(_browsed(event))
            case events.ToolCall(id=call, name=name, arguments=arguments):
                self.steps.append(ToolUse(call, name, arguments))
            case events.ToolApproval(id=call, decision=decision, why=why):
                if (use := self._use(call)) is not None:
                    use.decision, use.why = decision, why
            case events.ToolResult(id=call, text=text, error=error, seconds=seconds):
                self._finish(call, text, error, seconds)
            case _:
                pass

    def summary(self) -> str:
        """Return one line such as `1 search, 2 quotes`; empty without steps."""
        kinds = [step.kind if isinstance(step, Browsed) else "tool" for step in self.steps]
        counts = [(kinds.count(kind), *words) for kind, words in _COUNTED.items()]
        return ", ".join(f"{n} {one if n == 1 else many}" for n, one, many in counts if n)

    def _use(self, call: str) -> ToolUse | None:
        found = (step for step in reversed(self.steps) if isinstance(step, ToolUse))
        return next((use for use in found if use.id == call), None)

    def _finish(self, call: str, text: str, error: str, seconds: float) -> None:
        if (use := self._use(call)) is not None:
            use.text, use.error, use.seconds, use.done = text, error, seconds, True


def stored_trace(parts: Iterable[Part], citations: Iterable[events.Citation]) -> Trace:
    """Return the steps and the uses of tools that a stored answer keeps.

    Of an answer from before steps were kept: the pages and quotes that it cites.
    """
    parts = list(parts)
    trace = Trace([_browsed(step) for step in kept_steps(parts)])
    if not trace.steps:
        trace.steps += _cited(citations)
    for part in parts:
        data = part.data
        if part.kind == "tool_call":
            arguments = data.get("arguments")
            known = arguments if isinstance(arguments, Mapping) else {}
            trace.steps.append(
                ToolUse(str(data.get("id", "")), str(data.get("name", "")), known, done=True)
            )
        elif part.kind == "tool_result":
            text, error = str(data.get("text", "")), str(data.get("error", ""))
            trace._finish(str(data.get("id", "")), text, error, float(data.get("seconds", 0.0)))
    return trace


def _browsed(step: events.Browse) -> Browsed:
    return Browsed(step.action, step.text, step.detail, step.place, step.domain)


def _cited(citations: Iterable[events.Citation]) -> Iterator[Browsed]:
    opened: set[str] = set()
    for citation in citations:
        if citation.document not in opened:
            opened.add(citation.document)
            yield Browsed("open", f"Opened: {citation.title}", citation.uri)
        yield Browsed("quote", f"Quoted: {one_line(citation.quote, 80)}", citation.quote)
