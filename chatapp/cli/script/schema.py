"""The JSON Schema of scripts, and what it says of a value in words a person can use."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from chatapp.assistant.commands import COMMANDS, find_command
from chatapp.cli.script.operations import Schema, operation_schemas

if TYPE_CHECKING:
    from jsonschema import ValidationError
    from jsonschema.protocols import Validator


def script_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a script: the list of a YAML file.

    Each line of the JSONL form meets `#/$defs/operation`.
    """
    schemas = operation_schemas()
    alone = [
        name for name, schema in schemas.items() if {"type": "null"} in schema.get("anyOf", ())
    ]
    whole = {
        "type": "object",
        "properties": dict(schemas),
        "minProperties": 1,
        "maxProperties": 1,
        "additionalProperties": False,
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "chatapp script",
        "type": "array",
        "items": {"$ref": "#/$defs/operation"},
        "$defs": {"operation": {"anyOf": [whole, {"enum": alone}]}},
    }


def check_value(name: str, value: Any) -> None:
    """Raise ValueError when `value` does not meet the schema of the operation `name`."""
    error = mistake(value, _validator(name))
    if error is not None:
        raise ValueError(_in_words(name, error))


def mistake(value: Any, validator: Validator) -> ValidationError | None:
    """Return what most likely is wrong with a value, if anything is."""
    from jsonschema.exceptions import best_match

    found: ValidationError | None = best_match(validator.iter_errors(value))
    return found


def strict_validator(schema: Schema) -> Validator:
    """Return a validator to whom 3.0 is no integer: it is none to those who use the value."""
    from jsonschema import Draft202012Validator
    from jsonschema.validators import extend

    types = Draft202012Validator.TYPE_CHECKER.redefine(
        "integer", lambda checker, value: isinstance(value, int) and not isinstance(value, bool)
    )
    kind: type[Validator] = extend(Draft202012Validator, type_checker=types)  # type: ignore[no-untyped-call]
    return kind(schema)


@cache
def _validator(name: str) -> Validator:
    return strict_validator(operation_schemas()[name])


def _in_words(name: str, error: ValidationError) -> str:
    where = ".".join([name, *(str(step) for step in error.absolute_path)])
    known = operation_schemas()[name].get("properties", {})
    match error.validator:
        case "additionalProperties" if known:
            given: Any = error.instance
            extra = ", ".join(repr(key) for key in given if key not in known)
            return f"there is no {extra} in `{name}`; there are {', '.join(known)}"
        case "minProperties":
            return f"`{where}` takes an object with some of {', '.join(known)}"
        case "pattern":
            return f"`{where}` cannot be empty"
        case "anyOf" if name in {command.name for command in COMMANDS}:
            return f"`{name}` is used as {find_command(name).usage}"
        case _:
            return f"`{where}`: {error.message}"
