"""The real app with a slow model that prints to the terminal behind Textual's back."""

from __future__ import annotations

import os
import warnings

from chatapp.assistant import factory
from chatapp.inference.generator import Generator
from chatapp.settings import Settings
from chatapp.tui.app import run_tui
from tests.fakes import FakeGenerator


def noisy_load(settings: Settings) -> Generator:
    """Do what libraries do while a model is loaded."""
    os.write(1, b"NOISE on stdout\n")
    os.write(2, b"NOISE on stderr\n")
    warnings.warn("NOISE as a warning", stacklevel=1)
    return FakeGenerator("word " * 4000, delay=0.02)


factory._load_generator = noisy_load

if __name__ == "__main__":
    raise SystemExit(run_tui(Settings(written_replies=False)))
