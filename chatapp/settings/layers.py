"""Where values come from: defaults, three files, the environment, flags; the last one wins."""

from __future__ import annotations

import dataclasses
import difflib
import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_type_hints

from chatapp import paths
from chatapp.settings.schema import ENV_PREFIX, KEYS, Settings, SettingsError
from chatapp.settings.values import convert


@dataclass(frozen=True)
class Resolved:
    """The settings in force; `origins` says for each dotted key which layer set it."""

    settings: Settings
    origins: dict[str, str]

    def items(self) -> Iterator[tuple[str, Any, str]]:
        """Yield dotted key, value and origin of every setting, in the order of the classes."""
        for key in KEYS:
            value: Any = self.settings
            for part in key.split("."):
                value = getattr(value, part)
            yield key, value, self.origins[key]


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
    for origin, name, raw in _layers(flags or {}, cwd):
        values[name] = convert(KEYS[name], raw, origin)
        origins[name] = origin
    return Resolved(_build(Settings, values), origins)


def _layers(flags: Mapping[str, object], cwd: Path | None) -> Iterator[tuple[str, str, object]]:
    """Yield (origin, key, raw value) from the weakest layer to the strongest."""
    yield from _file("system", paths.system_config_path())
    yield from _file("user", paths.user_config_path())
    yield from _file("project", paths.project_config_path(cwd))
    yield from _environment()
    for name, value in flags.items():
        if value is not None:
            yield "flag", _known(name, "flag"), value


def _file(layer: str, path: Path) -> Iterator[tuple[str, str, object]]:
    origin = f"{layer}:{path}"
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(
            f"{path} is not valid TOML: {error}", hint=f"correct {path} or move it away."
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"cannot read {path}: {error}", hint=f"make {path} readable UTF-8 text."
        ) from error
    for name, value in _flatten(table):
        yield origin, _known(name, str(path)), value


def _flatten(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, object]]:
    """Yield dotted keys and values; a table that is no section of ours is yielded as a value."""
    sections = {name.rpartition(".")[0] for name in KEYS}
    for name, value in table.items():
        dotted = prefix + name
        if isinstance(value, dict) and dotted in sections:
            yield from _flatten(value, dotted + ".")
        else:
            yield dotted, value


def _environment() -> Iterator[tuple[str, str, object]]:
    variables = {key.variable: key.name for key in KEYS.values()}
    for variable, value in sorted(os.environ.items()):
        if not variable.startswith(ENV_PREFIX) or variable == paths.HOME_VARIABLE:
            continue
        if variable not in variables:
            allowed = [*variables, paths.HOME_VARIABLE]
            raise SettingsError(
                f"the environment variable {variable} names no setting",
                hint=_nearest(variable, allowed),
            )
        yield f"env:{variable}", variables[variable], value


def _known(name: str, where: str) -> str:
    if name in KEYS:
        return name
    raise SettingsError(f"{where}: there is no setting '{name}'", hint=_nearest(name, list(KEYS)))


def _nearest(name: str, allowed: list[str]) -> str:
    close = difflib.get_close_matches(name, allowed, n=1, cutoff=0.5)
    if close:
        return f"did you mean '{close[0]}'?"
    return "`chatapp config show` lists every setting."


def _build(kind: type, values: Mapping[str, Any], prefix: str = "") -> Any:
    """Return an instance of a settings dataclass from dotted values."""
    types = get_type_hints(kind)
    return kind(
        **{
            item.name: _build(types[item.name], values, f"{prefix}{item.name}.")
            if dataclasses.is_dataclass(types[item.name])
            else values[prefix + item.name]
            for item in dataclasses.fields(kind)
        }
    )
