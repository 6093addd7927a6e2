"""Tools that the client runs: how the model is told of them, held to them, and understood.

A call is written `<tool_call>{"name": …, "arguments": …}</tool_call>`, as Qwen and Hermes models
learn it. A token mask holds the model to that form and the arguments to the tool's JSON Schema, so
whatever it writes can be parsed; a tiny model may still choose a pointless call.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from chatapp.inference.masks.grammar import Grammar, JsonSchema
from chatapp.inference.masks.protocol import Constraint
from chatapp.server.errors import ApiError

OPEN, CLOSE = "<tool_call>", "</tool_call>"


@dataclass(frozen=True)
class ToolUse:
    """Which tools a reply may call.

    Attributes:
        tools: name, description and schema of each, as the request has them.
        required: the reply must be a call.
        parallel: it may be several.
    """

    tools: tuple[dict[str, Any], ...]
    required: bool = False
    parallel: bool = True

    def prompt(self) -> str:
        """Return what the model is told."""
        lines = [json.dumps(tool, ensure_ascii=False) for tool in self.tools]
        return "\n".join(
            [
                "You can call these tools:",
                *lines,
                f"To call one, write only: {written_call('name', {'argument': 'value'})}",
            ]
        )

    def constraint(self, text: str) -> Grammar:
        """Return the mask of a reply: calls, or, where none is required, a text.

        Args:
            text: what a text may be, as the right side of a rule of the grammar.
        """
        calls = "call+" if self.parallel else "call"
        start = calls if self.required else f"{calls} | text"
        schema = _compact({"anyOf": [_call_schema(tool) for tool in self.tools]} | self._shared())
        rules = [f"start: {start}", f'call: "{OPEN}" json "{CLOSE}"', f"json: %json {schema}"]
        if not self.required:
            rules.append(f"text: {text}")
        return Grammar("\n".join(rules))

    def _shared(self) -> dict[str, Any]:
        """Return the definitions that tools' schemas refer to, which must stand at the root."""
        schemas = [tool.get("parameters") or {} for tool in self.tools]
        return {
            word: {name: each for schema in schemas for name, each in schema.get(word, {}).items()}
            for word in ("$defs", "definitions")
            if any(word in schema for schema in schemas)
        }


_ANY_TEXT = r"/([^<](.|\n)*)?/"  # a reply that begins like a call is one


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
        text = _ANY_TEXT
        if schema is not None:
            text = f"%json {_compact(schema)}"
        return tools.constraint(text)
    return None if schema is None else JsonSchema.of(schema)


def _reply_schema(wanted: dict[str, Any]) -> dict[str, Any] | None:
    if wanted["type"] == "json_schema":
        schema: dict[str, Any] = wanted["json_schema"]["schema"]
        return schema
    return {"type": "object"} if wanted["type"] == "json_object" else None


def written_call(name: str, arguments: object) -> str:
    """Return a call as the model writes it."""
    call = {"name": name, "arguments": arguments}
    return f"{OPEN}{json.dumps(call, ensure_ascii=False, separators=(',', ':'))}{CLOSE}"


def read_calls(text: str) -> list[dict[str, Any]]:
    """Return name and arguments of the whole calls in a reply; a cut one at its end is left out."""
    calls, place = [], text.find(OPEN)
    while place >= 0:
        try:
            call, end = json.JSONDecoder().raw_decode(text, place + len(OPEN))
        except ValueError:
            break
        calls.append(call)
        place = text.find(OPEN, end)
    return calls


def _compact(schema: dict[str, Any]) -> str:
    """Return a schema in a grammar whose JSON has no white space; see `JsonSchema`."""
    return json.dumps(schema | {"x-guidance": {"whitespace_flexible": False}})


def _call_schema(tool: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {
            "name": {"const": tool["name"]},
            "arguments": tool.get("parameters") or {"type": "object"},
        },
        "required": ["name", "arguments"],
        "additionalProperties": False,
    }
