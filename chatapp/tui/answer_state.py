"""What is known about one answer, live or stored. The screen draws this; events change it.

A running answer outlives its widget: the person may open another conversation and come back.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import cast

from chatapp.assistant import events
from chatapp.assistant.events import Citation, FinishReason, Grounding, Usage
from chatapp.assistant.web_access import PREFIX as WEB
from chatapp.conversations.types import Message
from chatapp.tui.text import one_line
from chatapp.tui.trace import Trace


@dataclass(eq=False)
class AnswerState:
    """One answer. `activity` says what is being done for it and is empty when nothing is.

    `memories` are the ids of what was remembered or used, `remembered` the same in words.
    """

    message_id: str = ""
    text: str = ""
    activity: str = ""
    grounding: Grounding | None = None
    finish_reason: FinishReason | None = None
    citations: list[Citation] = field(default_factory=list)
    usage: Usage | None = None
    seconds: float = 0.0
    notes: list[str] = field(default_factory=list)
    remembered: list[str] = field(default_factory=list)
    trace: Trace = field(default_factory=Trace)
    memories: list[str] = field(default_factory=list)
    siblings: tuple[str, ...] = ()
    copied_block: int = -1
    complete: bool = True

    @property
    def running(self) -> bool:
        """True until the turn has ended."""
        return bool(self.activity)

    @property
    def from_web(self) -> bool:
        """True where what it quotes stands on pages of the web."""
        return any(citation.document.startswith(WEB) for citation in self.citations)

    @property
    def failed(self) -> bool:
        return self.finish_reason == "error"

    @property
    def interrupted(self) -> bool:
        return self.finish_reason == "interrupted"

    def resume(self) -> None:
        """Get ready to go on with a cut-off answer."""
        self.activity = "continuing"
        self.finish_reason = None
        self.notes.clear()

    def follow(self, message: Message, activity: str) -> None:
        """Take in how far another window is; `activity` says so while it goes on."""
        stored = stored_answer(message)
        self.text, self.grounding, self.usage = stored.text, stored.grounding, stored.usage
        self.finish_reason, self.seconds = stored.finish_reason, stored.seconds
        self.activity = activity if message.status == "streaming" else ""
        self.trace.steps.clear()
        self.complete = False  # its citations and steps may have come

    def apply(self, event: events.Event) -> None:
        """Take in one event of the turn's stream."""
        self.trace.apply(event)
        match event:
            case events.TurnStart(assistant_message=message_id):
                self.message_id = message_id
            case events.Retrieval(passages=passages):
                self.activity = f"reading {len(passages)} passages"
            case events.Browse(text=text):
                self.activity = one_line(text, 80)
            case events.ToolCall(name=name):
                self.activity = f"using {one_line(name, 40)}"
            case events.ToolApproval(name=name, decision="asked"):
                self.activity = f"{one_line(name, 40)} waits for your approval"
            case events.WebConsent(decision="asked"):
                self.activity = "a search of the web waits for your approval"
            case events.MemoryUsed(items=items):
                self.remembered += [f"used: {item.text}" for item in items]
                self.memories += [item.id for item in items]
            case events.MemoryProposed(memory=memory, text=text, closed=closed, status=status):
                said = "is it right? /confirm" if status == "review" else "remembered"
                self.remembered += [f"{said}: {text}"] if text else []
                self.memories += [memory] if memory else []
                self.remembered += [f"no longer: {ended}" for ended in closed]
            case events.MessageDelta(text=text):
                self.text += text
                self.activity = "answering"
            case events.Citation():
                self.citations.append(event)
            case events.MessageDone():
                self._finish(event)
            case events.Warning(message=message, hint=hint):
                self.notes.append(_sentence(message, hint))
            case events.Error(message=message, hint=hint):
                self.finish_reason = "error"
                self.notes.append(_sentence(message, hint))
            case events.TurnEnd(status=status):
                self.activity = ""
                if status == "interrupted":
                    self.finish_reason = "interrupted"
            case _:
                pass

    def _finish(self, event: events.MessageDone) -> None:
        self.message_id, self.text = event.message, event.text
        self.grounding, self.finish_reason = event.grounding, event.finish_reason
        self.usage, self.seconds = event.usage, event.seconds


def stored_answer(message: Message) -> AnswerState:
    """Return the state of an answer as stored; `Library.complete` adds its citations and rest."""
    cut_off = message.status in ("interrupted", "error")
    reason = message.status if cut_off else message.finish_reason or "stop"
    return AnswerState(
        message_id=message.id,
        text=message.text,
        grounding=cast("Grounding | None", message.grounding),
        finish_reason=cast("FinishReason", reason),
        usage=Usage(**message.usage) if message.usage else None,
        seconds=message.seconds,
        complete=False,
    )


def _sentence(message: str, hint: str) -> str:
    return f"{message}\n{hint}" if hint else message
