"""The real plain chat with a model that never ends by itself."""

from __future__ import annotations

import sys
from pathlib import Path

from chatapp.cli.main import main
from chatapp.inference import load
from chatapp.inference.generator import Generator
from tests.fakes import FakeGenerator


def slow_load(directory: Path, *, threads: int = 0) -> Generator:
    return FakeGenerator("word " * 4000, delay=0.02)


load.load_generator = slow_load

if __name__ == "__main__":
    sys.exit(main(["--plain", *sys.argv[1:]]))
