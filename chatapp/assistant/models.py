"""The models of one assistant: what there is to choose from, and the ones that are loaded.

A model is loaded on first need, in a thread of its own. Two stay loaded, so that a person who
compares two models does not wait at every switch; the one unused for longest makes room.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from chatapp.assistant.lazy import Lazy
from chatapp.inference.generator import Generator

MOST_LOADED = 2

Progress = Callable[[float], None]
"""Takes how much of a model is loaded, from 0 to 1."""


@dataclass(frozen=True)
class ModelChoice:
    """A model that can be chosen by `name`; `problem` says why it cannot be used, if so."""

    name: str
    kind: Literal["shipped", "imported", "adapter", "remote"]
    summary: str
    problem: str = ""


class Catalogue(Protocol):
    """Where models come from."""

    default: str
    """The name of the model that is used where none is named."""

    def choices(self) -> Sequence[ModelChoice]:
        """Return all models, the default first. Reads descriptions only; loads nothing."""
        ...

    def load(self, name: str, progress: Progress) -> Generator:
        """Load a model. Blocking.

        Raises:
            ModelUnavailable: there is none of this name, or it cannot be loaded.
        """
        ...


class Models:
    """Loaded models by name; the empty name means the default."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self._loaded: dict[str, Lazy[Generator]] = {}

    def get(self, name: str = "", progress: Progress | None = None) -> Lazy[Generator]:
        """Return the place of a model, which loads it on first use in its own thread.

        `progress` is told about the loading, from that thread, if this call is the first.
        """
        name = name or self.catalogue.default
        place = self._loaded.pop(name, None)
        if place is None:
            report = progress or _ignore
            place = Lazy(lambda: self.catalogue.load(name, report), "chatapp-model")
        self._loaded[name] = place  # the last one is the one used last
        while len(self._loaded) > MOST_LOADED:
            # Not closed: a turn may still be using it. Its thread ends once nobody holds it.
            self._loaded.pop(next(iter(self._loaded)))
        return place

    def loaded(self, name: str = "") -> Lazy[Generator] | None:
        """Return the place of a model that was asked for before; makes none."""
        return self._loaded.get(name or self.catalogue.default)

    def close(self) -> None:
        """Let the threads end once they are idle."""
        for place in self._loaded.values():
            place.close()


class OneModel:
    """A catalogue of a single model, made by `load`."""

    def __init__(self, load: Callable[[], Generator], name: str = "default") -> None:
        self.default = name
        self._load = load

    def choices(self) -> Sequence[ModelChoice]:
        """See `Catalogue.choices`."""
        return [ModelChoice(self.default, "shipped", "the model of this chat")]

    def load(self, name: str, progress: Progress) -> Generator:
        """See `Catalogue.load`."""
        return self._load()


def _ignore(fraction: float) -> None:
    """Nobody asked how far it is."""
