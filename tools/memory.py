"""The tools `memory_search` and `memory_add`, over whatever remembers: see `Remembers`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Protocol

from tools.protocol import Json, ToolContext, ToolError, ToolOutput, Unavailable

_OFF = Unavailable("memory is switched off", "set memory.enabled = true.")


@dataclass(frozen=True)
class Remembered:
    """Something that is remembered: a fact or words of an earlier conversation.

    `id` finds it again, `when` is its date (ISO), `source` says where it came from.
    """

    id: str
    text: str
    when: str
    source: str


class Remembers(Protocol):
    """What the tools need of a memory. Blocking; called from any thread."""

    def search(self, query: str, limit: int) -> Sequence[Remembered]:
        """Return what fits the query best, best first."""
        ...

    def add(self, text: str) -> Remembered:
        """Store a fact about the person.

        Raises:
            ValueError: it must not be stored; the message is written for the person.
        """
        ...


class MemorySearch:
    """Finds facts about the person and words of earlier conversations."""

    name = "memory_search"
    description = "Find what the person said about themself or in an earlier conversation."
    schema: Mapping[str, Json] = {
        "type": "object",
        "properties": {
            "query": {"type": "string", "minLength": 1, "maxLength": 1000},
            "limit": {"type": "integer", "minimum": 1, "maximum": 20},
        },
        "required": ["query"],
        "additionalProperties": False,
    }
    needs_approval = False

    def __init__(self, memory: Remembers | None) -> None:
        """Without a memory the tool is off."""
        self._memory = memory

    def available(self) -> Unavailable | None:
        """It is where memory is on."""
        return None if self._memory else _OFF

    def run(self, arguments: Mapping[str, Json], context: ToolContext) -> ToolOutput:
        """See `Tool.run`."""
        assert self._memory is not None, "the registry asks available() first"
        found = self._memory.search(arguments["query"], arguments.get("limit", 5))
        if not found:
            return ToolOutput("Nothing about that is remembered.", "facts", [])
        lines = (f"{each.when[:10]} {each.text} ({each.source})" for each in found)
        return ToolOutput("\n".join(lines), "facts", [asdict(each) for each in found])


class MemoryAdd:
    """Remembers one more fact about the person, after they agreed."""

    name = "memory_add"
    description = "Remember a fact that the person stated about themself, such as: I live in Rome."
    schema: Mapping[str, Json] = {
        "type": "object",
        "properties": {"fact": {"type": "string", "minLength": 1, "maxLength": 500}},
        "required": ["fact"],
        "additionalProperties": False,
    }
    needs_approval = True

    def __init__(self, memory: Remembers | None) -> None:
        """Without a memory the tool is off."""
        self._memory = memory

    def available(self) -> Unavailable | None:
        """It is where memory is on."""
        return None if self._memory else _OFF

    def run(self, arguments: Mapping[str, Json], context: ToolContext) -> ToolOutput:
        """See `Tool.run`."""
        assert self._memory is not None, "the registry asks available() first"
        try:
            added = self._memory.add(arguments["fact"])
        except ValueError as error:
            raise ToolError(f"Not remembered: {error}") from error
        return ToolOutput(f"Remembered: {added.text}", "facts", [asdict(added)])
