"""Put fakes where the model and the index are made; the rest of the program stays real."""

from __future__ import annotations

from collections.abc import Callable

import retrieval.quotes
from chatapp.assistant import factory, reading
from tests.fakes import FakeGenerator, FakeIndex, fake_select_quotes

Patch = Callable[[object, str, object], None]


def install(patch: Patch, generator: FakeGenerator, index: FakeIndex) -> None:
    """Replace, with `patch`, what `build_assistant` would load."""
    patch(factory, "_load_generator", lambda settings: generator)
    patch(factory, "open_index", lambda: index)
    patch(retrieval.quotes, "select_quotes", fake_select_quotes)
    patch(reading, "_load", lambda: None)
