"""Passages of the training text as numbered words in one flat array.

The thing to know: words are numbered before they become rows of a table, so finding passages by
words (`bm25`) knows every word, however rare.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from retrieval.chunking import chunk
from retrieval.embedding.static import RowMap
from retrieval.loaders import Loaded, load
from retrieval.terms import fold, words

Numbers = NDArray[np.int32]


class Piece(NamedTuple):
    """One passage as it is embedded: `head` is its title and heading."""

    head: str
    text: str
    document: int

    @property
    def input(self) -> str:
        """Return what an embedder gets for it (as `store.vectors.passage_input` says)."""
        return f"{self.head}\n{self.text}"


class Numbering:
    """Folded words to numbers, in the order they are met."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self._numbers: dict[str, int] = {}
        self._folded: dict[str, int] = {}

    def numbers(self, text: str) -> list[int]:
        """Return the numbers of the words of `text`; new words get new ones."""
        found = []
        for word in words(text):
            number = self._folded.get(word)
            if number is None:
                number = self._folded[word] = self._number(fold(word))
            found.append(number)
        return found

    def _number(self, key: str) -> int:
        number = self._numbers.setdefault(key, len(self._numbers))
        if number == len(self.names):
            self.names.append(key)
        return number


@dataclass(frozen=True)
class Corpus:
    """Texts as words in one flat array.

    Text i is `words[start[i]:end[i]]`; of a passage, title and heading come first and its own
    text begins at `text[i]`. Document d owns the texts `first[d]:first[d + 1]`.
    """

    words: Numbers
    start: NDArray[np.int64]
    text: NDArray[np.int64]
    end: NDArray[np.int64]
    first: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.start)


def read_pieces(files: Iterable[Path]) -> Iterator[Piece]:
    """Yield the passages of record files, each document (by its address) once."""
    seen: set[str] = set()
    for file in files:
        for item in load(file.resolve()):
            if not isinstance(item, Loaded) or item.uri in seen:
                continue
            seen.add(item.uri)
            for part in chunk(item.text):
                head = f"{item.title}\n{part.heading}"
                yield Piece(head, item.text[part.start : part.end], len(seen) - 1)


def number_pieces(pieces: Iterable[Piece], numbering: Numbering) -> Corpus:
    """Return passages as numbers; those of one document must be neighbours."""
    parts: list[Numbers] = []
    bounds: list[tuple[int, int, int]] = []
    first: list[int] = []
    length, document = 0, -1
    for place, piece in enumerate(pieces):
        if piece.document != document:
            document = piece.document
            first.append(place)
        head = numbering.numbers(piece.head)
        part = np.array(head + numbering.numbers(piece.text), dtype=np.int32)
        bounds.append((length, length + len(head), length + len(part)))
        length += len(part)
        parts.append(part)
    start, text, end = np.array(bounds, dtype=np.int64).reshape(-1, 3).T
    return Corpus(_joined(parts), start, text, end, np.array([*first, len(bounds)]))


def number_texts(texts: Sequence[str], numbering: Numbering) -> Corpus:
    """Return loose texts as numbers; each is its own document."""
    return number_pieces((Piece("", text, place) for place, text in enumerate(texts)), numbering)


def most_frequent(corpora: Sequence[Corpus], numbering: Numbering, size: int) -> list[str]:
    """Return the `size` words that occur most, most first."""
    counts = sum(np.bincount(c.words, minlength=len(numbering.names)) for c in corpora)
    return [numbering.names[number] for number in np.argsort(-counts, kind="stable")[:size]]


def to_rows(corpus: Corpus, numbering: Numbering, table: RowMap) -> Corpus:
    """Return the corpus with word numbers replaced by table rows (two for a hashed word)."""
    rows = [table.rows(name) or [0] for name in numbering.names]
    one = np.array([row[0] for row in rows], dtype=np.int32)
    two = np.array([row[1] if len(row) > 1 else -1 for row in rows], dtype=np.int32)
    pairs = np.stack([one[corpus.words], two[corpus.words]], axis=1)
    moved = np.concatenate(([0], np.cumsum((pairs >= 0).sum(axis=1))))
    return Corpus(
        pairs[pairs >= 0],
        moved[corpus.start],
        moved[corpus.text],
        moved[corpus.end],
        corpus.first,
    )


def _joined(parts: Sequence[Numbers]) -> Numbers:
    return np.concatenate([np.zeros(0, dtype=np.int32), *parts])
