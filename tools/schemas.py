"""JSON Schema: are these arguments allowed, and what does a call of these tools look like?

The thing to know: schemas may come from a stranger (an MCP server), so nothing in one is fetched
(`$ref` stays inside it) and no regular expression of it is run, for one can take for ever.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from retrieval.text import sanitize_title
from tools.protocol import Json, Tool

LONGEST_ARGUMENTS = 200_000  # characters of JSON


def problem(schema: Mapping[str, Json], arguments: object) -> str:
    """Return why `schema` forbids the arguments, in one line; empty when it allows them."""
    import jsonschema

    if not isinstance(arguments, Mapping):
        return "arguments must be a JSON object"
    try:
        if len(json.dumps(dict(arguments))) > LONGEST_ARGUMENTS:
            return f"arguments may have at most {LONGEST_ARGUMENTS:,} characters"
        errors = _validator()(dict(schema), registry=_no_documents()).iter_errors(dict(arguments))
        found = jsonschema.exceptions.best_match(errors)
    except RecursionError:
        return "arguments are nested too deeply"
    except (TypeError, ValueError) as error:
        return f"arguments are no JSON: {error}"
    except Exception as error:  # noqa: BLE001 - a stranger's schema can break in any way
        return f"the tool's own schema cannot be used: {sanitize_title(str(error))}"
    if found is None:
        return ""
    where = "".join(f"[{at!r}]" if isinstance(at, int) else f".{at}" for at in found.absolute_path)
    return sanitize_title(f"{where.lstrip('.')}: {found.message}" if where else found.message)


def plain(value: Json) -> Json:
    """Return a value with `2.0` as 2: to JSON Schema it is an integer, to Python only then."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [plain(each) for each in value]
    if isinstance(value, Mapping):
        return {name: plain(each) for name, each in value.items()}
    return value


def function_spec(tool: Tool) -> dict[str, Json]:
    """Return a tool as chat templates and OpenAI's API describe one."""
    return {
        "type": "function",
        "function": {
            "name": tool.name,
            "description": tool.description,
            "parameters": dict(tool.schema),
        },
    }


def call_schema(tools: Iterable[Tool]) -> dict[str, Json]:
    """Return the JSON Schema of `{"name": …, "arguments": {…}}` for a call of one of the tools."""
    return {
        "anyOf": [
            {
                "type": "object",
                "properties": {"name": {"const": tool.name}, "arguments": dict(tool.schema)},
                "required": ["name", "arguments"],
                "additionalProperties": False,
            }
            for tool in tools
        ]
    }


@cache
def _validator() -> Any:
    from jsonschema import Draft202012Validator, validators

    def ignored(*arguments: object) -> None:
        """Accept everything: what a stranger's regular expression would say is not asked."""

    extend: Any = validators.extend  # its stubs leave it untyped
    return extend(Draft202012Validator, {"pattern": ignored, "patternProperties": ignored})


@cache
def _no_documents() -> Any:
    from referencing import Registry

    return Registry()
