"""One setting as data: its name, type, limits and help, derived from a dataclass field."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, get_origin, get_type_hints

ENV_PREFIX = "CHATAPP_"


class SettingsError(ValueError):
    """A setting that cannot be used; the message names where it stands and what is allowed."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


def setting(
    default: Any,
    help: str,
    *,
    low: float | None = None,
    high: float | None = None,
    check: str = "",
    secret: bool = False,
) -> Any:
    """Return a dataclass field of a setting.

    Args:
        default: its value where nobody sets it; `{}` for a table of text.
        help: one sentence.
        low: least number that is allowed.
        high: greatest number that is allowed.
        check: name of a check in `values.CHECKS` that its text must pass.
        secret: it may hold a key, which is printed nowhere.
    """
    metadata = {"help": help, "low": low, "high": high, "check": check, "secret": secret}
    if isinstance(default, dict):
        return field(default_factory=dict, metadata=metadata, repr=not secret)
    return field(default=default, metadata=metadata, repr=not secret)


@dataclass(frozen=True)
class Key:
    """One setting: dotted name, type, default and limits.

    `type` is str, int, float, bool, tuple (a list of text) or dict (a table of text).
    """

    name: str
    type: type
    default: Any
    help: str
    low: float | None
    high: float | None
    check: str
    secret: bool

    @property
    def variable(self) -> str:
        """Return the environment variable that sets it."""
        return ENV_PREFIX + self.name.upper().replace(".", "_")


def keys_of(kind: type, prefix: str = "") -> Iterator[Key]:
    """Yield the settings of a dataclass and its sections; tables that a person names have none."""
    types = get_type_hints(kind)
    for item in dataclasses.fields(kind):
        name, hint = prefix + item.name, types[item.name]
        if dataclasses.is_dataclass(hint):
            assert isinstance(hint, type)
            yield from keys_of(hint, name + ".")
        elif item.metadata:
            yield Key(name, _plain(hint), _default(item), **item.metadata)


def _plain(hint: Any) -> type:
    """Return the type without what it holds: a mapping is a `dict`, a row of text a `tuple`."""
    origin = get_origin(hint) or hint
    assert isinstance(origin, type)
    return dict if issubclass(origin, Mapping) else origin


def _default(item: dataclasses.Field[Any]) -> Any:
    if item.default_factory is not dataclasses.MISSING:
        return item.default_factory()
    return item.default
