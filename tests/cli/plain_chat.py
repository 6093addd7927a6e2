"""The real plain chat with a model that never ends by itself."""

from __future__ import annotations

import sys

from chatapp.assistant import factory
from chatapp.cli.main import main
from chatapp.inference.generator import Generator
from chatapp.settings import Settings
from tests.fakes import FakeGenerator


def slow_load(settings: Settings) -> Generator:
    return FakeGenerator("word " * 4000, delay=0.02)


factory._load_generator = slow_load

if __name__ == "__main__":
    sys.exit(main(["--plain", *sys.argv[1:]]))
