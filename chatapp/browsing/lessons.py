"""What each lesson came to, kept in a directory: its figures, and the head after it.

The thing to know: lessons are taken in one order. One that is kept is not taken again; its head is
put into the chooser, as if it had just been learnt.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from chatapp.browsing.chooser import Chooser, load_chooser
from chatapp.model.checkpoint import write_atomically

Figures = dict[str, float]

_FILE = "lessons.json"
BEST_BY = "right on what it learnt from"


class Lessons:
    """Lessons of one chooser.

    Args:
        directory: keeps them; it is made if it is not there.
        chooser: whose head learns, over the chat model in `model`.
        made_with: names what the figures depend on.

    Raises:
        ValueError: the directory holds the lessons of another course.
    """

    def __init__(
        self, directory: Path, chooser: Chooser, model: Path, made_with: Mapping[str, object]
    ) -> None:
        self._directory, self._chooser, self._model = directory, chooser, model
        self._made_with = dict(made_with)
        self.figures: dict[str, Figures] = {}
        directory.mkdir(parents=True, exist_ok=True)
        if (directory / _FILE).exists():
            kept = json.loads((directory / _FILE).read_text(encoding="utf-8"))
            if kept["made_with"] != self._made_with:
                raise ValueError(f"{directory} holds the lessons of another course")
            self.figures = kept["figures"]

    def take(self, name: str, lesson: Callable[[], Figures]) -> None:
        """Take a lesson and keep what it came to, or take up the head that it left."""
        if name in self.figures:
            self.take_up(name)
            return
        figures = lesson()
        self._chooser.save(self._of(name), self._model)
        self.figures[name] = {key: round(value, 4) for key, value in figures.items()}
        kept = {"made_with": self._made_with, "figures": self.figures}
        write_atomically(self._directory / _FILE, json.dumps(kept, indent=1))
        print(f"{name}: {self.figures[name]}", file=sys.stderr, flush=True)

    def take_up(self, name: str) -> None:
        """Give the chooser the head that a lesson left."""
        self._chooser.head = load_chooser(self._of(name), self._model).head

    def take_up_best(self, names: Sequence[str]) -> None:
        """Give the chooser the head that was right most often on what it learnt from."""
        self.take_up(max(names, key=lambda name: self.figures[name][BEST_BY]))

    def _of(self, name: str) -> Path:
        return self._directory / re.sub(r"\W+", "-", name.lower())
