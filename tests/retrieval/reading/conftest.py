"""A reader with random weights, and a corpus of a few articles: small, real and quick."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from retrieval.reading import files
from retrieval.reading.encoder import Shape
from retrieval.reading.network import ReaderNetwork
from retrieval.reading.reader import Reader, load_reader
from retrieval.reading.words import UNKNOWN, Vocabulary

WORDS = [
    "the",
    "of",
    "in",
    "was",
    "king",
    "london",
    "paris",
    "wrote",
    "book",
    "painted",
    "built",
    "bridge",
    "1889",
    "she",
    "he",
    "river",
]
LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789.,'"
PIECES = [  # as many as BERT has before its marks, then the marks, words and letters
    *(f"[unused{number}]" for number in range(UNKNOWN)),
    *("[UNK]", "[CLS]", "[SEP]"),
    *WORDS,
    *LETTERS,
    *(f"##{letter}" for letter in LETTERS),
]
SHAPE = Shape(pieces=len(PIECES), width=16, heads=2, inner=32, layers=2)
ARTICLES = {
    "Old Bridge": "The Old Bridge was built by Anna Berg in 1889. It crosses the river Orn in the"
    " town of Halm. Anna Berg was born in Paris and she studied mathematics there for six years."
    " The bridge was repaired by the city council in 1931 after a flood had damaged two arches.",
    "Anna Berg": "Anna Berg was an engineer from Paris. She built the Old Bridge in 1889 and wrote"
    " a book about stone arches. The book was printed in London in 1894. She died in Halm in 1920,"
    " where a street near the river Orn was named after her by the city council.",
}


@pytest.fixture
def vocabulary() -> Vocabulary:
    """Sixteen words, the rarer the later, and pieces for any other."""
    return Vocabulary(WORDS, [number / len(WORDS) for number in range(len(WORDS))], PIECES)


@pytest.fixture
def directory(tmp_path: Path, vocabulary: Vocabulary) -> Path:
    """A reader's files, weights random but always the same."""
    torch.manual_seed(3)
    network = ReaderNetwork(SHAPE)
    torch.nn.init.normal_(network.told.weight)
    files.save(network, vocabulary, tmp_path / "reader")
    return tmp_path / "reader"


@pytest.fixture
def reader(directory: Path) -> Reader:
    """The reader of those files."""
    return load_reader(directory)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data pack with one file of articles."""
    folder = tmp_path / "data" / "knowledge"
    folder.mkdir(parents=True)
    (tmp_path / "data" / "qa").mkdir()
    with (folder / "wikipedia-en-00.jsonl").open("w") as lines:
        for title, text in ARTICLES.items():
            print(json.dumps({"id": title, "title": title, "text": text}), file=lines)
    return tmp_path / "data"
