"""What a tool is: a name, a JSON Schema for its arguments, and a function from them to text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol


class ToolError(ValueError):
    """The tool cannot do what was asked; the message is written for the person who asked."""


class Tool(Protocol):
    """One tool. `parameters` is the JSON Schema of the arguments that `run` takes."""

    name: str
    description: str
    parameters: Mapping[str, Any]

    def run(self, arguments: Mapping[str, Any]) -> str:
        """Return the result as text.

        Raises:
            ToolError: the arguments cannot be used.
        """
        ...
