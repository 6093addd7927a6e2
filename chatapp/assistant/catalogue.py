"""The models of a person: the shipped one, those of their own, and adapters."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from chatapp import paths, resources
from chatapp.assistant.models import ModelChoice, Progress
from chatapp.inference.generator import Generator

if TYPE_CHECKING:
    from chatapp.settings import Settings

SHIPPED = "default"
_PIECE = 16 << 20  # bytes


class InstalledModels:
    """The models of this installation; a `Catalogue`.

    `load` loads the model that settings name.
    """

    def __init__(self, settings: Settings, load: Callable[[Settings], Generator]) -> None:
        self.default = settings.model
        self._settings = settings
        self._load = load

    def choices(self) -> Sequence[ModelChoice]:
        """See `Catalogue.choices`."""
        # a name with a dot in front is a download or an import that has not ended
        own = sorted(file.parent.name for file in paths.models_dir().glob("[!.]*/config.json"))
        names = dict.fromkeys([self.default, SHIPPED, *own])
        remotes = self._settings.remotes
        found = [
            _described(name, model_dir(replace(self._settings, model=name)))
            for name in names
            if name not in remotes
        ]
        found += [
            ModelChoice(name, "remote", f"{remote.model} at {remote.base_url}")
            for name, remote in remotes.items()
        ]
        return sorted(found, key=lambda choice: choice.name != self.default)

    def load(self, name: str, progress: Progress) -> Generator:
        """See `Catalogue.load`."""
        if name in self._settings.remotes:
            from chatapp.inference.remote import open_remote

            return open_remote(name, self._settings.remotes[name])
        chosen = replace(self._settings, model=name)
        for fraction in _read_ahead(model_dir(chosen)):
            progress(fraction)
        return self._load(chosen)


def model_dir(settings: Settings) -> Path:
    """Return the directory of the chosen model: shipped, one of the person's own, or a path."""
    if settings.model == SHIPPED:
        return resources.default_model_dir()
    own = paths.models_dir() / settings.model
    return own if own.is_dir() else paths.expanded(settings.model)


def _described(name: str, directory: Path) -> ModelChoice:
    """Describe a model by its small files."""
    if name == SHIPPED:
        return ModelChoice(name, "shipped", "the model that comes with the app")
    adapter = directory / "adapter_config.json"
    try:
        config = json.loads((directory / "config.json").read_text(encoding="utf-8"))
        if adapter.is_file():
            base = json.loads(adapter.read_text(encoding="utf-8")).get("base_model_name_or_path")
            return ModelChoice(name, "adapter", f"adapter of {Path(str(base)).name}")
        megabytes = sum(file.stat().st_size for file in _weights(directory)) / 1e6
    except (OSError, ValueError, AttributeError) as error:
        return ModelChoice(name, "imported", "", f"its files cannot be read: {error}")
    return ModelChoice(name, "imported", f"{config.get('model_type', '?')}, {megabytes:.0f} MB")


def _weights(directory: Path) -> list[Path]:
    return sorted(directory.glob("*.safetensors"))


def _read_ahead(directory: Path) -> Iterator[float]:
    """Read the weights once, so that loading finds them in memory; yield the share read.

    The loaders map the files and cannot say how far they are; of a large model this is the part
    that takes time.
    """
    files = _weights(directory)
    total, done = sum(file.stat().st_size for file in files), 0
    for path in files:
        with path.open("rb") as file:
            while piece := file.read(_PIECE):
                done += len(piece)
                yield done / total
