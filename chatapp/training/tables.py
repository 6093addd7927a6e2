"""From TOML tables to frozen dataclasses: every key and value checked, every fault named.

The type annotations of the dataclass are the schema. Numbers, text, booleans, `Literal` choices,
tuples (lists in TOML), nested dataclasses (tables) and `X | None` are understood; a dataclass
checks what types cannot say in its `__post_init__`, by raising `ValueError`.
"""

from __future__ import annotations

import dataclasses
import difflib
import types
from collections.abc import Iterable, Mapping
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints


class RecipeError(ValueError):
    """A recipe that cannot be run; the message names the key and the fix."""


class MissingFile(RecipeError):
    """A recipe, or data that a recipe names, that is not there."""


_T = TypeVar("_T")


def build(kind: type[_T], values: Mapping[str, Any], where: str) -> _T:
    """Fill the dataclass `kind` from a table that the person knows as `where`.

    Raises:
        RecipeError: a key is unknown or missing, or a value is of another type or impossible.
    """
    fields = {field.name: field for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    for key in values:
        if key not in fields:
            raise RecipeError(f"[{where}]: {unknown(key, fields)}")
    for name, field in fields.items():
        if name not in values and _required(field):
            raise RecipeError(f"[{where}]: the key {name!r} is missing; add {name} = ...")
    hints = get_type_hints(kind)
    converted = {key: _convert(hints[key], value, where, key) for key, value in values.items()}
    try:
        return kind(**converted)
    except RecipeError:
        raise
    except ValueError as error:
        raise RecipeError(f"[{where}]: {error}") from error


def unknown(key: str, known: Iterable[str]) -> str:
    """Say that a key is unknown, and which one was probably meant."""
    names = sorted(known)
    close = difflib.get_close_matches(key, names, n=1)
    meant = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(names)}"
    return f"unknown key {key!r}; {meant}"


def _required(field: dataclasses.Field[Any]) -> bool:
    missing = dataclasses.MISSING
    return field.default is missing and field.default_factory is missing


def _convert(hint: Any, value: Any, where: str, key: str) -> Any:
    """Return `value` as the annotation `hint` wants it."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        if value is None:
            return None
        inner = [argument for argument in arguments if argument is not type(None)]
        return _convert(inner[0], value, where, key)
    if origin is Literal:
        if value in arguments:
            return value
        raise _wrong(where, key, "one of " + ", ".join(map(repr, arguments)), value)
    if origin is tuple:
        if not isinstance(value, (list, tuple)):
            raise _wrong(where, key, "a list", value)
        return tuple(_convert(arguments[0], item, where, key) for item in value)
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        if isinstance(value, hint):
            return value
        if not isinstance(value, Mapping):
            raise _wrong(where, key, "a table { ... }", value)
        return build(hint, value, f"{where}.{key}")
    return _scalar(origin or hint, value, where, key)


def _scalar(hint: Any, value: Any, where: str, key: str) -> Any:
    if hint is float and isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    if hint is int and isinstance(value, float) and value.is_integer():
        return int(value)  # 1e9 is how people write a billion tokens
    if hint is Any or (isinstance(value, hint) and not (hint is int and isinstance(value, bool))):
        return value
    raise _wrong(where, key, _NAMES.get(hint, str(hint)), value)


_NAMES = {int: "a whole number", float: "a number", str: "text in quotes", bool: "true or false"}


def _wrong(where: str, key: str, wanted: str, value: Any) -> RecipeError:
    return RecipeError(f"[{where}]: {key} must be {wanted}, not {value!r}")
