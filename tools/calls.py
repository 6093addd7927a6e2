"""A call of a tool and how it ended, as values that can be stored and sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from tools.protocol import Json, ToolOutput

Failure = Literal["", "unknown", "arguments", "unavailable", "refused", "time", "stopped", "crash"]


@dataclass(frozen=True)
class ToolCall:
    """What somebody asks for; `id` pairs it with its result."""

    name: str
    arguments: Mapping[str, Json] = field(default_factory=dict)
    id: str = ""


@dataclass(frozen=True)
class ToolResult:
    """How a call ended.

    `failure` is empty for a result, and else names the way it failed: "unknown" tool, "arguments"
    that the schema forbids, a tool "unavailable" here, "refused" by the tool itself, out of
    "time", "stopped" by the caller, or a "crash" inside the tool. `output.text` then says so in
    words that the person and the model may read.
    """

    call: ToolCall
    output: ToolOutput
    failure: Failure = ""
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """Say whether the tool did what was asked."""
        return not self.failure

    @property
    def error(self) -> str:
        """Return what went wrong, empty when nothing did."""
        return self.output.text if self.failure else ""
