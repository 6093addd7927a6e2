"""Finds tools by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tools.protocol import Tool, ToolError


class ToolRegistry:
    """Tools by name, in the order they were given."""

    def __init__(self, tools: Iterable[Tool]) -> None:
        self._tools: dict[str, Tool] = {}
        for tool in tools:
            if tool.name in self._tools:
                raise ValueError(f"two tools are named {tool.name!r}")
            self._tools[tool.name] = tool

    def names(self) -> list[str]:
        """Return the names of all tools."""
        return list(self._tools)

    def run(self, name: str, arguments: Mapping[str, Any]) -> str:
        """Run one tool and return its result.

        Raises:
            ToolError: there is no such tool, or it cannot use the arguments.
        """
        if name not in self._tools:
            raise ToolError(f"There is no tool {name!r}. There are: {', '.join(self._tools)}.")
        return self._tools[name].run(arguments)
