"""What settings exist: one dataclass a section, and the flat list of keys derived from them.

Keys, types, limits and help all come from the dataclass fields; nothing repeats them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, get_type_hints

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
    temperature: float = _setting(0.4, "Higher is more varied; 0 is greedy.", low=0, high=5)
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
        0.15, "Support a quote needs to be shown; below it: not found.", low=0, high=1
    )


@dataclass(frozen=True)
class MemorySettings:
    """What is remembered about the person."""

    enabled: bool = _setting(True, "Learn from what you type and use it.")


@dataclass(frozen=True)
class UiSettings:
    """How the terminal UI looks."""

    theme: str = _setting("chatapp-dark", "Name of the colour theme: ours or one of Textual's.")


@dataclass(frozen=True)
class Settings:
    """All settings of the app."""

    model: str = _setting("default", "`default`, the name of a model of yours, or a directory.")
    threads: int = _setting(0, "CPU threads for the model; 0 chooses.", low=0, high=1024)
    native: bool = _setting(True, "Run the model in 8 bits on the compiled CPU runtime.")
    generation: GenerationSettings = field(default_factory=GenerationSettings)
    retrieval: RetrievalSettings = field(default_factory=RetrievalSettings)
    memory: MemorySettings = field(default_factory=MemorySettings)
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
