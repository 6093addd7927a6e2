"""Tools that do what a test says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tools.protocol import Json, ToolContext, ToolOutput, Unavailable


@dataclass(frozen=True)
class FakeTool:
    """A tool whose work is a function of the test's."""

    work: Callable[[Mapping[str, Json], ToolContext], ToolOutput]
    name: str = "fake"
    description: str = "Does what a test says."
    schema: Mapping[str, Json] = field(default_factory=lambda: {"type": "object"})
    needs_approval: bool = False
    off: Unavailable | None = None

    def available(self) -> Unavailable | None:
        """See `Tool.available`."""
        return self.off

    def run(self, arguments: Mapping[str, Json], context: ToolContext) -> ToolOutput:
        """See `Tool.run`."""
        return self.work(arguments, context)


def saying(text: str) -> FakeTool:
    """Return a tool that always says the same."""
    return FakeTool(lambda arguments, context: ToolOutput(text))
