"""The settings: frozen dataclasses, read from files, environment and flags, each with its origin.

Later layers win: defaults < system file < user file < `./chatapp.toml` < `CHATAPP_*` < flags.
The dataclasses are the one list of what exists: keys, types, limits and help come from their
fields. No pydantic here: importing it costs more than the whole of `chatapp --help`.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_type_hints

from chatapp import paths

ENV_PREFIX = "CHATAPP_"


class SettingsError(ValueError):
    """A setting that cannot be used; the message names where it stands and what is allowed."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


def _setting(
    default: Any, help: str, *, low: float | None = None, high: float | None = None
) -> Any:
    """Return a dataclass field with its help text and its inclusive limits."""
    return field(default=default, metadata={"help": help, "low": low, "high": high})


@dataclass(frozen=True)
class GenerationSettings:
    """How the model chooses its words."""

    max_tokens: int = _setting(256, "Longest answer of the model, in tokens.", low=1, high=32768)
    temperature: float = _setting(0.7, "Higher is more varied; 0 is greedy.", low=0, high=5)
    top_k: int = _setting(50, "Choose among this many best tokens; 0 means all.", low=0)
    top_p: float = _setting(0.95, "Choose among the best tokens of this total.", low=0, high=1)
    repetition_penalty: float = _setting(1.1, "Above 1 discourages repeats.", low=0.1, high=10)


@dataclass(frozen=True)
class RetrievalSettings:
    """How sources are searched and quoted."""

    enabled: bool = _setting(True, "Answer questions from the index.")
    top_k: int = _setting(8, "Passages to read for one question.", low=1, high=200)
    max_quotes: int = _setting(3, "Quotes in one answer at most.", low=1, high=20)
    # retrieval.quotes.DEFAULT_THRESHOLD; importing it here would load numpy, so a test compares.
    threshold: float = _setting(
        0.3, "Support a quote needs to be shown; below it: not found.", low=0, high=1
    )


@dataclass(frozen=True)
class UiSettings:
    """How the terminal UI looks."""

    theme: str = _setting("chatapp-dark", "Name of the colour theme: ours or one of Textual's.")


@dataclass(frozen=True)
class Settings:
    """All settings of the app."""

    model: str = _setting("default", "`default`, the name of a model of yours, or a directory.")
    threads: int = _setting(0, "CPU threads for the model; 0 chooses.", low=0, high=1024)
    generation: GenerationSettings = field(default_factory=GenerationSettings)
    retrieval: RetrievalSettings = field(default_factory=RetrievalSettings)
    ui: UiSettings = field(default_factory=UiSettings)


@dataclass(frozen=True)
class Key:
    """One setting: its dotted name, its type (str, int, float or bool), default and limits."""

    name: str
    type: type
    default: Any
    help: str
    low: float | None
    high: float | None

    @property
    def variable(self) -> str:
        """Return the environment variable that sets it."""
        return ENV_PREFIX + self.name.upper().replace(".", "_")


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


def _keys(kind: type, prefix: str = "") -> Iterator[Key]:
    types = get_type_hints(kind)
    for item in dataclasses.fields(kind):
        name = prefix + item.name
        if dataclasses.is_dataclass(types[item.name]):
            yield from _keys(types[item.name], name + ".")
        else:
            meta = item.metadata
            yield Key(name, types[item.name], item.default, meta["help"], meta["low"], meta["high"])


KEYS: dict[str, Key] = {key.name: key for key in _keys(Settings)}


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
        values[name] = _convert(KEYS[name], raw, origin)
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


_WORDS = {"true": True, "yes": True, "on": True, "1": True}
_WORDS |= {"false": False, "no": False, "off": False, "0": False}


def _convert(key: Key, raw: object, origin: str) -> Any:
    """Return `raw` as the key's type and within its limits, or raise SettingsError."""
    value = _typed(key.type, raw)
    if value is None or not _within(key, value):
        raise SettingsError(
            f"{origin}: '{key.name}' cannot be {raw!r}", hint=f"give {_allowed(key)}: {key.help}"
        )
    return value


def _within(key: Key, value: Any) -> bool:
    """Say whether a number is inside the key's limits; NaN and infinities never are."""
    if key.type in (bool, str):
        return True
    above = key.low is None or value >= key.low
    below = key.high is None or value <= key.high
    return math.isfinite(value) and above and below


def _typed(kind: type, raw: object) -> Any:
    """Return `raw` as `kind`, or None when it is not one. Text is read as from a shell."""
    if kind is bool:
        return raw if isinstance(raw, bool) else _WORDS.get(str(raw).strip().lower())
    if isinstance(raw, bool):
        return None  # bool is an int to Python, but `threads = true` is a mistake
    if kind is str:
        return raw if isinstance(raw, str) and raw.strip() else None
    if kind is float and isinstance(raw, int | float):
        return float(raw)
    if kind is int and isinstance(raw, int):
        return raw
    try:
        return kind(raw) if isinstance(raw, str) else None
    except ValueError:
        return None


def _allowed(key: Key) -> str:
    words = {bool: "true or false", int: "a whole number", float: "a number", str: "some text"}
    limits = []
    if key.low is not None:
        limits.append(f"at least {key.low:g}")
    if key.high is not None:
        limits.append(f"at most {key.high:g}")
    return words[key.type] + (" " + " and ".join(limits) if limits else "")


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
