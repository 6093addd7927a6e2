"""What a request says about tools that the client runs, as what a reply may be.

`chatapp.inference.tool_calls` tells the model of them, holds it to them and understands it; a tiny
model may still choose a pointless call.
"""

from __future__ import annotations

from typing import Any

from chatapp.inference.masks.grammar import JsonSchema
from chatapp.inference.masks.protocol import Constraint
from chatapp.inference.tool_calls import ToolUse, compact
from chatapp.server.errors import ApiError


def tool_use(body: dict[str, Any]) -> ToolUse | None:
    """Return which tools a checked request allows, None for none.

    Raises:
        ApiError: it insists on a tool that it does not describe.
    """
    tools = tuple(tool["function"] for tool in body.get("tools") or ())
    choice = body.get("tool_choice", "auto")
    if isinstance(choice, dict):
        wanted = choice["function"]["name"]
        tools = tuple(tool for tool in tools if tool["name"] == wanted)
    if choice in ("none", "auto") and (choice == "none" or not tools):
        return None
    if not tools:
        raise ApiError(
            400,
            "tool_choice asks for a tool that is not in tools",
            code="invalid_request",
            param="tool_choice",
        )
    return ToolUse(tools, choice != "auto", body.get("parallel_tool_calls", True))


def constraint(body: dict[str, Any], tools: ToolUse | None) -> Constraint | None:
    """Return the mask that tools and `response_format` of a checked request make together."""
    schema = _reply_schema(body.get("response_format") or {"type": "text"})
    if tools is not None:
        if schema is None:
            return tools.constraint()
        return tools.constraint(f"%json {compact(schema)}")
    return None if schema is None else JsonSchema.of(schema)


def _reply_schema(wanted: dict[str, Any]) -> dict[str, Any] | None:
    if wanted["type"] == "json_schema":
        schema: dict[str, Any] = wanted["json_schema"]["schema"]
        return schema
    return {"type": "object"} if wanted["type"] == "json_object" else None
