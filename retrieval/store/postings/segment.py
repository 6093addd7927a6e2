"""A segment: for each stem the passages it occurs in and how often, in flat arrays.

The thing to know: a segment never changes. Within it passages go by their place ("slot") in the
ascending list of passage numbers. The postings of a stem are its slots, uint32, followed by its
counts, uint8, padded to four bytes, so one stem is one run of bytes; a count stops at 255, which
moves a BM25 score by less than half a percent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST_COUNTED = 255
BLOCK_POSTINGS = 2_000_000  # that are in memory at a time while a segment is written


class Parts(NamedTuple):
    """The arrays of a segment of n passages and t stems."""

    ids: NDArray[np.int64]  # (n,) passage numbers, ascending
    lengths: NDArray[np.uint16]  # (n,) words of title, heading and text
    starts: NDArray[np.uint64]  # (t,) byte at which the postings of a stem begin
    frequencies: NDArray[np.uint32]  # (t,) passages of a stem
    term_ends: NDArray[np.uint64]  # (t,) end of a stem in `terms`
    terms: NDArray[np.uint8]  # stems in UTF-8, in order of their bytes, without separators
    data: NDArray[np.uint8]  # postings


class Block(NamedTuple):
    """Postings of some neighbouring stems, those of one stem after those of the other."""

    terms: list[bytes]
    frequencies: NDArray[np.int64]  # (terms,)
    slots: NDArray[np.uint32]  # (sum of frequencies,)
    counts: NDArray[np.uint8]


class Segment:
    """Looks stems up; `check` is called with the name of a part and the bytes about to be read."""

    def __init__(
        self, parts: Parts, check: Callable[[str, int, int], None] = lambda *_: None
    ) -> None:
        self.parts = parts
        self._check = check
        self._words = parts.data.view(np.uint32)

    def __len__(self) -> int:
        return len(self.parts.ids)

    def find(self, stem: str) -> int:
        """Return the number of a stem, -1 when it does not occur."""
        wanted = stem.encode()
        low, high = 0, len(self.parts.term_ends)
        while low < high:
            middle = (low + high) // 2
            if self.term(middle) < wanted:
                low = middle + 1
            else:
                high = middle
        found = low < len(self.parts.term_ends) and self.term(low) == wanted
        return low if found else -1

    def term(self, number: int) -> bytes:
        """Return a stem by number."""
        start = self._item("term_ends", number - 1) if number else 0
        end = self._item("term_ends", number)
        self._check("terms", start, end)
        return self.parts.terms[start:end].tobytes()

    def frequency(self, number: int) -> int:
        """Return in how many passages a stem occurs."""
        return self._item("frequencies", number)

    def postings(self, number: int) -> tuple[NDArray[np.uint32], NDArray[np.uint8]]:
        """Return (slots, counts) of a stem, slots ascending; both (frequency,)."""
        start, count = self._item("starts", number), self.frequency(number)
        middle, end = start + 4 * count, start + 5 * count
        self._check("data", start, end)
        return self._words[start // 4 : middle // 4], self.parts.data[middle:end]

    def blocks(self, most: int = BLOCK_POSTINGS) -> Iterator[Block]:
        """Yield everything, in order, about `most` postings at a time."""
        frequencies = np.asarray(self.parts.frequencies, dtype=np.int64)
        edges = _edges(frequencies, most)
        for first, last in pairwise(edges):
            held = frequencies[first:last]
            start = self._item("starts", first)
            words, places = _layout(held)
            self._check("data", start, start + 4 * words)
            data = self.parts.data[start : start + 4 * words]
            terms = [self.term(number) for number in range(first, last)]
            yield Block(terms, held, data.view(np.uint32)[places.words], data[places.bytes])

    def _item(self, part: str, number: int) -> int:
        array: NDArray[Any] = getattr(self.parts, part)
        size = array.itemsize
        self._check(part, number * size, (number + 1) * size)
        return int(array[number])


def _edges(frequencies: NDArray[np.int64], most: int) -> list[int]:
    """Return where to cut the stems so that each piece has about `most` postings."""
    total = np.cumsum(frequencies)
    if not len(total):
        return [0]
    pieces = total // most
    cuts = np.flatnonzero(pieces[1:] != pieces[:-1]) + 1
    return [0, *cuts.tolist(), len(frequencies)]


class _Places(NamedTuple):
    """Where in the run of bytes of a block each posting has its slot and its count."""

    words: NDArray[np.int64]
    bytes: NDArray[np.int64]


def _layout(frequencies: NDArray[np.int64]) -> tuple[int, _Places]:
    """Return the size of a block in words of four bytes, and the places in it."""
    sizes = _sizes(frequencies)
    starts = np.cumsum(sizes) - sizes
    before = np.cumsum(frequencies) - frequencies
    rank = np.arange(int(frequencies.sum())) - np.repeat(before, frequencies)
    return int(sizes.sum()) // 4, _Places(
        np.repeat(starts // 4, frequencies) + rank,
        np.repeat(starts + 4 * frequencies, frequencies) + rank,
    )


def _sizes(frequencies: NDArray[np.int64]) -> NDArray[np.int64]:
    sizes: NDArray[np.int64] = (5 * frequencies + 3) // 4 * 4
    return sizes


def encode(block: Block) -> tuple[bytes, NDArray[np.int64]]:
    """Return the postings of a block as they are stored, and the size of each stem's in bytes."""
    words, places = _layout(block.frequencies)
    data = np.zeros(words, dtype=np.uint32)
    data[places.words] = block.slots
    data.view(np.uint8)[places.bytes] = block.counts
    return data.tobytes(), _sizes(block.frequencies)
