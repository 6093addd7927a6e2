"""The typed events that `Assistant.turn()` yields: the one stream every front end renders.

`envelope.Envelope` numbers and stamps events for `--output jsonl`.
"""

from __future__ import annotations

from chatapp.assistant.events.answer import (
    Citation,
    Error,
    MessageDelta,
    MessageDone,
    TurnEnd,
    TurnStart,
    Usage,
    Warning,
)
from chatapp.assistant.events.base import (
    Event,
    FinishReason,
    Grounding,
)
from chatapp.assistant.events.memory import (
    MemoryProposed,
    MemoryUsed,
    UsedMemory,
)
from chatapp.assistant.events.session import (
    CommandResult,
    ModelLoading,
    OperationStart,
    SessionEnd,
    SessionStart,
)
from chatapp.assistant.events.tools import (
    Browse,
    Retrieval,
    RetrievedPassage,
    ToolApproval,
    ToolCall,
    ToolResult,
    WebConsent,
)

__all__ = [
    "Browse",
    "Citation",
    "CommandResult",
    "Error",
    "Event",
    "FinishReason",
    "Grounding",
    "MemoryProposed",
    "MemoryUsed",
    "MessageDelta",
    "MessageDone",
    "ModelLoading",
    "OperationStart",
    "Retrieval",
    "RetrievedPassage",
    "SessionEnd",
    "SessionStart",
    "ToolApproval",
    "ToolCall",
    "ToolResult",
    "TurnEnd",
    "TurnStart",
    "Usage",
    "UsedMemory",
    "Warning",
    "WebConsent",
]
