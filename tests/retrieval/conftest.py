"""Real files, a real index, and a small real embedder made on the spot."""

from __future__ import annotations

import json
import lzma
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from retrieval.embedding.static import StaticEmbedder
from retrieval.embedding.training.save import save
from retrieval.index import Index

_WORDS = """
the cat dog sat mat moon orbits earth river flows sea city king queen wrote book song year capital
population metal melts iron gold star sun planet bread bakes oven ship sails harbour
"""
VOCABULARY = _WORDS.split()


@pytest.fixture(scope="session")
def embedder_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with an embedder of 160 dimensions: random word vectors, hashed rare words."""
    return make_embedder(tmp_path_factory.mktemp("embedder"), seed=1)


def make_embedder(directory: Path, seed: int, dimension: int = 160) -> Path:
    shape = (len(VOCABULARY) + 8192, dimension)
    table = np.random.default_rng(seed).normal(size=shape).astype(np.float32)
    asking = np.ones(len(table), dtype=np.float32)
    save(directory, table, VOCABULARY, asking=asking, repeat_power=1.0)
    assert StaticEmbedder.load(directory).dimension == dimension
    return directory


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Where the index lies."""
    return tmp_path / "home"


@pytest.fixture
def index(home: Path, embedder_dir: Path) -> Iterator[Index]:
    """An empty hybrid index."""
    opened = Index.open(home / "index.sqlite3", embedder_dir=embedder_dir)
    yield opened
    opened.close()


def write_records(path: Path, records: Sequence[dict[str, object]]) -> Path:
    """Write a record file, packed when its name ends in .xz."""
    lines = "".join(json.dumps(record) + "\n" for record in records).encode()
    path.write_bytes(lzma.compress(lines) if path.suffix == ".xz" else lines)
    return path


def article(number: int, text: str | None = None) -> dict[str, object]:
    """Return a knowledge record."""
    body = text or f"Article {number} tells of subject{number}. " + "It goes on for a while. " * 30
    return {"id": f"a{number}", "title": f"Title {number}", "text": body, "url": None}
