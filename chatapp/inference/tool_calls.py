"""Tools a model may call: how it is told of them, held to them, and understood.

A model whose chat template knows tools is told by that template and writes calls in its own way;
`read_calls` understands the common ones. Any other model is told in words and held by a token mask
to `<tool_call>{"name": …, "arguments": …}</tool_call>`, as Qwen and Hermes models learn it, with
arguments by the tool's JSON Schema: whatever it writes can be parsed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from chatapp.inference.masks.grammar import Grammar

OPEN, CLOSE = "<tool_call>", "</tool_call>"
_MISTRAL = "[TOOL_CALLS]"
_PYTHON_TAG = "<|python_tag|>"  # Llama 3 puts it before a call
_BEGINNINGS = (
    *(OPEN, _MISTRAL, _PYTHON_TAG),
    *('{"name"', '{ "name"', '{"type"', '[{"name"', '```json\n{"name"', '```\n{"name"'),
)
_FENCE = re.compile(r"```(?:json)?\s*\n(.*?)(?:\n```\s*)?", re.DOTALL)
_ANY_TEXT = r"/([^<](.|\n)*)?/"  # a reply that begins like a call is one


@runtime_checkable
class KnowsTools(Protocol):
    """A generator that says whether its chat template can offer tools."""

    knows_tools: bool


@dataclass(frozen=True)
class ToolUse:
    """Which tools a reply may call.

    Attributes:
        tools: name, description and parameters (a JSON Schema) of each.
        required: the reply must be a call.
        parallel: it may be several.
    """

    tools: tuple[dict[str, Any], ...]
    required: bool = False
    parallel: bool = True

    def prompt(self) -> str:
        """Return what a model without a template for tools is told."""
        lines = [json.dumps(tool, ensure_ascii=False) for tool in self.tools]
        return "\n".join(
            [
                "You can call these tools:",
                *lines,
                f"To call one, write only: {written_call('name', {'argument': 'value'})}",
            ]
        )

    def constraint(self, text: str = _ANY_TEXT) -> Grammar:
        """Return the mask of a reply: calls, or, where none is required, a text.

        Args:
            text: what a text may be, as the right side of a rule of the grammar.
        """
        from chatapp.inference.masks.grammar import Grammar  # torch comes with it

        calls = "call+" if self.parallel else "call"
        start = calls if self.required else f"{calls} | text"
        schema = compact({"anyOf": [_call_schema(tool) for tool in self.tools]} | self._shared())
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


def written_call(name: str, arguments: object) -> str:
    """Return a call as the model writes it."""
    call = {"name": name, "arguments": arguments}
    return f"{OPEN}{json.dumps(call, ensure_ascii=False, separators=(',', ':'))}{CLOSE}"


def may_be_call(text: str) -> bool:
    """Return whether a reply that begins with `text` may turn out to be calls."""
    begun = text.lstrip()
    return any(begun.startswith(mark) or mark.startswith(begun) for mark in _BEGINNINGS)


def read_calls(text: str, names: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Return name and arguments of the whole calls in a reply; a cut one at its end is left out.

    Args:
        text: the reply, in any of the forms that models are trained on: Hermes and Qwen, Mistral,
            or bare JSON objects as Llama 3 writes them.
        names: the tools that exist; bare JSON that names another is no call. Empty: no bare JSON.
    """
    if OPEN in text:
        return [_call(value) for value in _after_each(text, OPEN) if _is_call(value)]
    if _MISTRAL in text:
        values: Any = next(iter(_after_each(text, _MISTRAL)), [])
        listed = values if isinstance(values, list) else [values]
        return [_call(value) for value in listed if _is_call(value)]
    found = [_call(value) for value in _objects(_bare(text)) if _is_call(value)]
    return [call for call in found if call["name"] in names]


def compact(schema: dict[str, Any]) -> str:
    """Return a schema in a grammar whose JSON has no white space; see `JsonSchema`."""
    return json.dumps(schema | {"x-guidance": {"whitespace_flexible": False}})


def _after_each(text: str, mark: str) -> list[Any]:
    """Return the JSON values that follow each mark."""
    values: list[Any] = []
    place = text.find(mark)
    while place >= 0:
        start = place + len(mark)
        start += len(text[start:]) - len(text[start:].lstrip())
        try:
            value, end = json.JSONDecoder().raw_decode(text, start)
        except (ValueError, RecursionError):
            break
        values.append(value)
        place = text.find(mark, end)
    return values


def _bare(text: str) -> str:
    """Return what stands inside a code fence, or behind Llama's mark."""
    text = text.strip().removeprefix(_PYTHON_TAG).strip()
    fenced = _FENCE.fullmatch(text)
    return fenced[1].strip() if fenced else text


def _objects(text: str) -> list[Any]:
    """Return JSON values one after the other, parted by white space or semicolons; lists opened."""
    values: list[Any] = []
    while text:
        try:
            value, end = json.JSONDecoder().raw_decode(text)
        except (ValueError, RecursionError):
            break
        values += value if isinstance(value, list) else [value]
        text = text[end:].lstrip("; \n\t")
    return values


def _is_call(value: object) -> bool:
    return isinstance(value, dict) and isinstance(value.get("name"), str)


def _call(value: dict[str, Any]) -> dict[str, Any]:
    """Return a call with its arguments as an object, whatever a model called or wrapped them."""
    arguments = value.get("arguments", value.get("parameters", {}))
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments)
        except (ValueError, RecursionError):
            arguments = {}
    return {"name": value["name"], "arguments": arguments}


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
