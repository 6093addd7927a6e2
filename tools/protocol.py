"""What a tool is: a name, a JSON Schema of its arguments, and a function from them to an output.

The thing to know: a tool is blocking and runs in a worker thread of `tools.registry`, which holds
it to its limits; a tool that takes long looks at `ToolContext.stop` or is given up on. Whoever
calls decides whether a tool that `needs_approval` may run; nothing here asks anybody.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol, TypeAlias

# A value that JSON can hold. Recursive aliases are beyond `Any`'s plainness for what they gain.
Json: TypeAlias = Any
OutputKind = Literal["text", "number", "time", "program", "file", "passages", "facts", "web"]


class ToolError(ValueError):
    """The tool cannot do what was asked; the message is written for the person who asked."""


@dataclass(frozen=True)
class Unavailable:
    """Why a tool cannot be used here, and what would change that."""

    reason: str
    fix: str

    def __str__(self) -> str:
        return f"{self.reason} (fix: {self.fix})"


@dataclass(frozen=True)
class CallLimits:
    """What one call may use: time by the clock, and characters of text given back."""

    seconds: float = 15.0
    output_characters: int = 16_000


class Stop:
    """A request to give up, made from any thread; what was registered with it is called once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._set = False
        self._callbacks: list[Callable[[], None]] = []

    def set(self) -> None:
        """Ask to give up; a second time does nothing."""
        with self._lock:
            callbacks, self._callbacks, self._set = self._callbacks, [], True
        for callback in callbacks:
            callback()

    def is_set(self) -> bool:
        """Say whether somebody asked."""
        return self._set

    def when_set(self, callback: Callable[[], None]) -> None:
        """Have `callback` called when somebody asks; at once if somebody has."""
        with self._lock:
            if not self._set:
                self._callbacks.append(callback)
                return
        callback()


def _local_now() -> datetime:
    return datetime.now().astimezone()


@dataclass(frozen=True)
class ToolContext:
    """What a call is given besides its arguments.

    `clock` returns the time with its zone; `deadline` is one of `time.monotonic()`, set by the
    registry from `limits`. `conversation` is the id of the one that it is called in; of a `private`
    one nothing may be kept.
    """

    limits: CallLimits = field(default_factory=CallLimits)
    clock: Callable[[], datetime] = _local_now
    stop: Stop = field(default_factory=Stop)
    deadline: float = math.inf
    conversation: str = ""
    private: bool = False

    def remaining(self) -> float:
        """Return the seconds left, never below 0."""
        return max(0.0, min(self.limits.seconds, self.deadline - time.monotonic()))


@dataclass(frozen=True)
class ToolOutput:
    """A result: `text` is what model and person read, `value` the same as typed JSON.

    `kind` says what `value` is: a calculated "number" or "time", how a "program" ended, a "file",
    "passages" of the index, "facts" from memory, "web" results, or nothing more than the "text".
    `truncated` is set where the output was cut to its limit.
    """

    text: str
    kind: OutputKind = "text"
    value: Json = None
    truncated: bool = False


class Tool(Protocol):
    """One tool. `schema` is the JSON Schema of the arguments that `run` takes: an object."""

    @property
    def name(self) -> str:
        """Return its name: letters, digits, `_` and `-`, at most 64."""
        ...

    @property
    def description(self) -> str:
        """Return what it does, written for a model."""
        ...

    @property
    def schema(self) -> Mapping[str, Json]:
        """Return the JSON Schema of its arguments."""
        ...

    @property
    def needs_approval(self) -> bool:
        """Say whether a person must agree before it runs."""
        ...

    def available(self) -> Unavailable | None:
        """Return why it cannot be used here, None when it can. May take a moment once."""
        ...

    def run(self, arguments: Mapping[str, Json], context: ToolContext) -> ToolOutput:
        """Return the result of arguments that the schema allows.

        Raises:
            ToolError: it cannot be done; nothing else.
        """
        ...
