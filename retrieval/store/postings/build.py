"""Make segments: from a full-text table of SQLite, and from other segments.

The thing to know: no word is cut here. The vocabulary of an FTS5 table says which stem stands in
which passage, so a segment holds exactly what full text holds, whatever its tokenizer does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from retrieval.store.postings.segment import (
    BLOCK_POSTINGS,
    MOST_COUNTED,
    Block,
    Parts,
    Segment,
    encode,
)
from retrieval.store.sql import Sql

if TYPE_CHECKING:
    from numpy.typing import NDArray

Write = Callable[[bytes], object]


class Draft(NamedTuple):
    """A segment to be written: its passages, and blocks of postings in order of stems."""

    ids: NDArray[np.int64]
    lengths: NDArray[np.uint16]
    blocks: Iterator[Block]


def from_full_text(sql: Sql, table: str, vocabulary: str) -> Draft:
    """Return what an FTS5 table holds; `vocabulary` is an `fts5vocab` of it, type instance.

    The draft reads the database while it is written, within the caller's snapshot.
    """
    ids, lengths = _lengths(sql, table)
    return Draft(ids, lengths, _blocks(sql, vocabulary, ids))


def merged(segments: Sequence[Segment], dead: NDArray[np.int64]) -> Draft:
    """Return several segments as one, without the passages whose ids (ascending) are dead.

    The segments follow each other: ids of a later one are larger than those of an earlier one.
    """
    keeps = [~np.isin(segment.parts.ids, dead) for segment in segments]
    maps: list[NDArray[np.int64]] = []
    total = 0
    for keep in keeps:
        maps.append(np.where(keep, np.cumsum(keep) - 1 + total, -1))
        total += int(keep.sum())
    ids = np.concatenate([s.parts.ids[k] for s, k in zip(segments, keeps, strict=True)])
    lengths = np.concatenate([s.parts.lengths[k] for s, k in zip(segments, keeps, strict=True)])
    return Draft(ids, lengths, _merge(segments, maps))


def written(draft: Draft, write: Write) -> Parts:
    """Write the postings of a draft; return its other arrays, with none for the data."""
    sizes: list[NDArray[np.int64]] = []
    frequencies: list[NDArray[np.int64]] = []
    lengths: list[int] = []
    terms: list[bytes] = []
    for block in draft.blocks:
        data, size = encode(block)
        write(data)
        sizes.append(size)
        frequencies.append(block.frequencies)
        lengths += map(len, block.terms)
        terms.append(b"".join(block.terms))
    size = np.concatenate(sizes) if sizes else np.zeros(0, dtype=np.int64)
    return Parts(
        ids=draft.ids,
        lengths=draft.lengths,
        starts=(np.cumsum(size) - size).astype(np.uint64),
        frequencies=(np.concatenate(frequencies) if sizes else size).astype(np.uint32),
        term_ends=np.cumsum(lengths, dtype=np.uint64),
        terms=np.frombuffer(b"".join(terms), dtype=np.uint8),
        data=np.zeros(0, dtype=np.uint8),
    )


def in_memory(draft: Draft) -> Segment:
    """Return a draft as a segment that never touches the disk."""
    pieces: list[bytes] = []
    parts = written(draft, pieces.append)
    data = np.frombuffer(b"".join(pieces), dtype=np.uint8)
    return Segment(parts._replace(data=data))


def _lengths(sql: Sql, table: str) -> tuple[NDArray[np.int64], NDArray[np.uint16]]:
    """Return ids and lengths in words; FTS5 keeps a length for each column, as SQLite's varints."""
    rows = sql.execute(f"SELECT id, sz FROM {table}_docsize ORDER BY id").fetchall()
    ids = np.array([row[0] for row in rows], dtype=np.int64)
    data = np.frombuffer(b"".join(row[1] for row in rows), dtype=np.uint8)
    if not len(ids):
        return ids, np.zeros(0, dtype=np.uint16)
    ends = np.flatnonzero(data < 128)
    number = np.concatenate(([0], np.cumsum(data < 128)[:-1]))
    values = (data & 127).astype(np.int64) << 7 * (ends[number] - np.arange(len(data)))
    columns = np.bincount(number, weights=values).reshape(len(ids), -1)
    return ids, np.minimum(columns.sum(axis=1), 65_535).astype(np.uint16)


def _blocks(sql: Sql, vocabulary: str, ids: NDArray[np.int64]) -> Iterator[Block]:
    """Yield the postings of an FTS5 table, about `BLOCK_POSTINGS` occurrences at a time."""
    # Handing one row to Python per occurrence takes three times as long as reading this text.
    rows = sql.execute(f"SELECT term, group_concat(doc) FROM {vocabulary} GROUP BY term")
    for group in _in_groups(rows, 8 * BLOCK_POSTINGS):
        terms = [term.encode() for term, _ in group]
        counted = np.array([text.count(",") + 1 for _, text in group])
        occurrences = np.fromstring(",".join(text for _, text in group), sep=",", dtype=np.int64)
        yield _counted(terms, counted, occurrences, ids)


def _in_groups(rows: Iterable[tuple[str, str]], characters: int) -> Iterator[list[tuple[str, str]]]:
    group: list[tuple[str, str]] = []
    held = 0
    for term, text in rows:
        group.append((term, text))
        held += len(text)
        if held >= characters:
            yield group
            group, held = [], 0
    if group:
        yield group


def _counted(
    terms: list[bytes],
    counted: NDArray[np.int64],
    occurrences: NDArray[np.int64],
    ids: NDArray[np.int64],
) -> Block:
    """Turn a passage number for each occurrence into slots and counts."""
    owner = np.repeat(np.arange(len(terms)), counted)
    new = np.ones(len(occurrences), dtype=bool)
    new[1:] = (occurrences[1:] != occurrences[:-1]) | (owner[1:] != owner[:-1])
    first = np.flatnonzero(new)
    counts = np.diff(first, append=len(occurrences))
    return Block(
        terms,
        np.bincount(owner[first], minlength=len(terms)),
        np.searchsorted(ids, occurrences[first]).astype(np.uint32),
        np.minimum(counts, MOST_COUNTED).astype(np.uint8),
    )


def _merge(segments: Sequence[Segment], maps: Sequence[NDArray[np.int64]]) -> Iterator[Block]:
    """Yield merged blocks; the first segment, the largest, sets where they are cut."""
    rest = [_Reader(segment, moved) for segment, moved in zip(segments[1:], maps[1:], strict=True)]
    for block in segments[0].blocks():
        last = block.terms[-1]
        pieces = [_mapped(block, maps[0]), *(reader.up_to(last) for reader in rest)]
        yield _joined(pieces)
    remaining = _joined([reader.up_to(None) for reader in rest]) if rest else None
    if remaining and remaining.terms:
        yield remaining


class _Reader:
    """Hands out the postings of a small segment in order."""

    def __init__(self, segment: Segment, moved: NDArray[np.int64]) -> None:
        self._segment = segment
        self._moved = moved
        self._next = 0

    def up_to(self, last: bytes | None) -> Block:
        """Return the postings of the next stems up to `last`, of all that remain when None."""
        first, end = self._next, self._next
        count = len(self._segment.parts.term_ends)
        while end < count and (last is None or self._segment.term(end) <= last):
            end += 1
        self._next = end
        pairs = [self._segment.postings(number) for number in range(first, end)]
        block = Block(
            [self._segment.term(number) for number in range(first, end)],
            np.array([len(slots) for slots, _ in pairs], dtype=np.int64),
            np.concatenate([slots for slots, _ in pairs]) if pairs else _NO_SLOTS,
            np.concatenate([counts for _, counts in pairs]) if pairs else _NO_COUNTS,
        )
        return _mapped(block, self._moved)


_NO_SLOTS = np.zeros(0, dtype=np.uint32)
_NO_COUNTS = np.zeros(0, dtype=np.uint8)


def _mapped(block: Block, moved: NDArray[np.int64]) -> Block:
    """Return a block with new slots, without the postings of passages that have none."""
    slots = moved[block.slots]
    keep = slots >= 0
    owner = np.repeat(np.arange(len(block.terms)), block.frequencies)[keep]
    return Block(
        block.terms,
        np.bincount(owner, minlength=len(block.terms)),
        slots[keep].astype(np.uint32),
        block.counts[keep],
    )


def _joined(pieces: Sequence[Block]) -> Block:
    """Return blocks over the same range of stems as one; stems left without a passage go."""
    names = sorted({term for piece in pieces for term in piece.terms})
    place = {term: number for number, term in enumerate(names)}
    owner = np.concatenate(
        [
            np.repeat(
                np.array([place[term] for term in piece.terms], dtype=np.int64), piece.frequencies
            )
            for piece in pieces
        ]
    )
    order = np.argsort(owner, kind="stable")  # slots of later segments are larger
    frequencies = np.bincount(owner, minlength=len(names))
    kept = np.flatnonzero(frequencies)
    return Block(
        [names[number] for number in kept],
        frequencies[kept],
        np.concatenate([piece.slots for piece in pieces])[order],
        np.concatenate([piece.counts for piece in pieces])[order],
    )
