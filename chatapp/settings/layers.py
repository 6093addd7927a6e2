"""Where values come from: defaults, three files, the environment, flags; the last one wins."""

from __future__ import annotations

import dataclasses
import difflib
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, get_type_hints

from chatapp import paths
from chatapp.settings.files import read_file
from chatapp.settings.keys import ENV_PREFIX, Key, SettingsError
from chatapp.settings.named import TABLES
from chatapp.settings.schema import KEYS, PERSONAL, Settings
from chatapp.settings.values import convert

_NAME = re.compile(r"[A-Za-z0-9_-]{1,32}")
# the tables that are looked into; `*` is the name that a person gives
_SECTIONS = {name.rpartition(".")[0] for name in KEYS}
for _table in TABLES.values():
    _SECTIONS |= {_table.prefix.partition(".")[0], _table.prefix, f"{_table.prefix}.*"}


class Found(NamedTuple):
    """A value of one layer: its origin, where exactly it stands, its key and the raw value."""

    origin: str
    where: str
    key: Key
    raw: object


@dataclass(frozen=True)
class Resolved:
    """The settings in force; `origins` says for each dotted key which layer set it."""

    settings: Settings
    origins: dict[str, str]
    values: dict[str, Any] = field(repr=False)  # some may be keys
    secrets: frozenset[str]

    def items(self) -> Iterator[tuple[str, Any, str]]:
        """Yield dotted key, value and origin of every setting, in the order of the classes.

        Of tables that a person named, only what is set.
        """
        for key, value in self.values.items():
            yield key, value, self.origins[key]

    def is_secret(self, key: str) -> bool:
        """Say whether a value may hold a key, which must not be printed."""
        return key in self.secrets and bool(self.values[key])


def load_settings(flags: Mapping[str, object] | None = None, cwd: Path | None = None) -> Resolved:
    """Read every layer and return the settings in force.

    Args:
        flags: dotted keys from the command line; None values mean "not given".
        cwd: the directory whose `chatapp.toml` counts (default: where the command runs).

    Raises:
        SettingsError: a file cannot be read, or a key or value is not allowed.
    """
    values: dict[str, Any] = {key.name: key.default for key in KEYS.values()}
    origins = dict.fromkeys(KEYS, "default")
    secrets = {key.name for key in KEYS.values() if key.secret}
    places: dict[str, str] = {}
    for found in _layers(flags or {}, cwd):
        name = found.key.name
        values[name] = convert(found.key, found.raw, found.where)
        origins[name], places[name] = found.origin, found.where
        secrets |= {name} if found.key.secret else set()
    named = {name: _build_table(name, values, places) for name in TABLES}
    settings = _build(Settings, values, named)
    if settings.model in settings.remotes and origins["model"].startswith("project:"):
        # PERSONAL cannot say so: whether a name is a remote's depends on the other files.
        raise SettingsError(
            f"{places['model']}: a project's file may not choose the remote model "
            f"'{settings.model}'",
            hint="remove the line, or start chatapp with CHATAPP_MODEL set to the model you want.",
        )
    return Resolved(settings, origins, values, frozenset(secrets))


def _layers(flags: Mapping[str, object], cwd: Path | None) -> Iterator[Found]:
    """Yield what is set, from the weakest layer to the strongest."""
    yield from _file("system", paths.system_config_path())
    yield from _file("user", paths.user_config_path())
    yield from _file("project", paths.project_config_path(cwd))
    yield from _environment()
    for name, value in flags.items():
        if value is not None:
            yield Found("flag", "flag", _known(tuple(name.split(".")), "flag"), value)


def _file(layer: str, path: Path) -> Iterator[Found]:
    for parts, value, where in read_file(path, _SECTIONS):
        key = _known(parts, where)
        if layer == "project" and parts[0] in PERSONAL:
            raise SettingsError(
                f"{where}: a project's file may not set '{key.name}'",
                hint=f"write it into your own settings file: {paths.user_config_path()}",
            )
        yield Found(f"{layer}:{path}", f"{layer}:{where}", key, value)


def _environment() -> Iterator[Found]:
    variables = {key.variable: key for key in KEYS.values()}
    for variable, value in sorted(os.environ.items()):
        if not variable.startswith(ENV_PREFIX) or variable == paths.HOME_VARIABLE:
            continue
        if variable not in variables:
            allowed = [*variables, paths.HOME_VARIABLE]
            raise SettingsError(
                f"the environment variable {variable} names no setting",
                hint=_nearest(variable, allowed),
            )
        yield Found(f"env:{variable}", f"env:{variable}", variables[variable], value)


def _known(parts: tuple[str, ...], where: str) -> Key:
    """Return the key of this name, or raise SettingsError with the nearest that there is."""
    name = ".".join(parts)
    if name in KEYS:
        return KEYS[name]
    allowed = [*KEYS, *(f"{table.prefix}.NAME" for table in TABLES.values())]
    for table in TABLES.values():
        prefix = tuple(table.prefix.split("."))
        if parts[: len(prefix)] == prefix and len(parts) == len(prefix) + 2:
            if not _NAME.fullmatch(parts[-2]):
                raise SettingsError(
                    f"{where}: '{parts[-2]}' cannot be the name of a table",
                    hint="use at most 32 letters, digits, - and _.",
                )
            if parts[-1] in table.keys:
                return dataclasses.replace(table.keys[parts[-1]], name=name)
            allowed = [".".join((*parts[:-1], key)) for key in table.keys]
    raise SettingsError(f"{where}: there is no setting '{name}'", hint=_nearest(name, allowed))


def _nearest(name: str, allowed: list[str]) -> str:
    close = difflib.get_close_matches(name, allowed, n=1, cutoff=0.5)
    if close:
        return f"did you mean '{close[0]}'?"
    return "`chatapp config show` lists every setting."


def _build_table(
    field: str, values: Mapping[str, Any], places: Mapping[str, str]
) -> dict[str, Any]:
    """Return the named tables of one kind, each checked as a whole."""
    table = TABLES[field]
    entries: dict[str, dict[str, Any]] = {}
    for dotted, value in values.items():
        prefix, _, key = dotted.rpartition(".")
        above, _, name = prefix.rpartition(".")
        if above == table.prefix:
            entries.setdefault(name, {})[key] = value
    built = {name: table.kind(**entry) for name, entry in entries.items()}
    for name, entry in built.items():
        missing = table.missing(entry)
        if missing:
            dotted = f"{table.prefix}.{name}"
            where = next(place for key, place in places.items() if key.startswith(f"{dotted}."))
            raise SettingsError(f"{where}: the table [{dotted}] is not complete", hint=missing)
    return built


def _build(
    kind: type, values: Mapping[str, Any], named: Mapping[str, Any], prefix: str = ""
) -> Any:
    """Return an instance of a settings dataclass from dotted values."""
    types = get_type_hints(kind)
    built: dict[str, Any] = {}
    for item in dataclasses.fields(kind):
        if dataclasses.is_dataclass(types[item.name]):
            built[item.name] = _build(types[item.name], values, {}, f"{prefix}{item.name}.")
        elif item.name in named:
            built[item.name] = named[item.name]
        else:
            built[item.name] = values[prefix + item.name]
    return kind(**built)
