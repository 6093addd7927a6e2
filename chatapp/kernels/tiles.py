"""How a pattern splits into dense pieces that a fused attention kernel can take.

A `Rows` picks rows of a sequence on a regular grid, so it is a strided view and costs no copy. A
`Tile` is one call of the kernel: a grid of queries against a grid of keys. A layer of tiles covers
queries once, each with a set of keys; the layers of a pattern hold disjoint sets of keys, and
their results are merged by log-sum-exp:

| pattern        | layers                                                                       |
|----------------|------------------------------------------------------------------------------|
| `dense`        | what came before this chunk; the chunk, causally                             |
| `local(w)`     | the band, chunk of queries against window of keys                            |
| `strided(r)`   | class-major: causal among the positions with the same `p mod r`              |
| `sparse(w, r)` | the band; class-major, but only keys at distances >= w                       |
| `fixed(w, r)`  | causal inside each block of w; the summary columns of all blocks before      |

Class-major order is the `strided_transpose` of the Sparse Transformer (arXiv:1904.10509). In
natural order, every block of keys would hold some visible one, and nothing could be skipped.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import NamedTuple

from torch import Tensor

from chatapp.kernels.patterns import Pattern

CAUSAL_ROWS = 256
"""Queries to a tile of a causal triangle: the kernel computes all keys of a tile, seen or not."""


class Rows(NamedTuple):
    """The grid of rows `first + o * outer_step + i * step` for o < outer, i < inner."""

    first: int
    inner: int
    step: int = 1
    outer: int = 1
    outer_step: int = 0

    def view(self, x: Tensor) -> Tensor:
        """Return (N, outer, inner, D) as a view of x (N, T, D)."""
        by_batch, by_row, by_column = x.stride()
        return x.as_strided(
            (x.shape[0], self.outer, self.inner, x.shape[2]),
            (by_batch, self.outer_step * by_row, self.step * by_row, by_column),
            x.storage_offset() + self.first * by_row,
        )

    def add_to(self, x: Tensor, values: Tensor) -> None:
        """Add values (N, outer, inner, D) to these rows of x in place, also where they overlap."""
        turns = 1  # grids of every `turns`-th piece do not overlap
        if self.outer > 1 and self.outer_step >= self.step:
            turns = -(-self.inner * self.step // self.outer_step)
        for turn in range(min(turns, self.outer)):
            part = self._replace(
                first=self.first + turn * self.outer_step,
                outer=-(-(self.outer - turn) // turns),
                outer_step=turns * self.outer_step,
            )
            part.view(x).add_(values[:, turn::turns])


@dataclass(frozen=True)
class Tile:
    """One kernel call: query a of a piece sees keys `a + shift - width < b <= a + shift`.

    `shift` None means that it sees all keys; `width` None, that there is no lower bound. `keys`
    are rows of the summary columns instead of the sequence if `summary` is set.
    """

    queries: Rows
    keys: Rows
    shift: int | None = None
    width: int | None = None
    summary: bool = False


def layers_of(pattern: Pattern, start: int, count: int, *, chunk: int) -> list[list[Tile]]:
    """Split attention of queries at `start..start+count-1` to keys at `0..start+count-1`.

    Args:
        chunk: queries to a piece of the band. Small ones waste less on keys outside the band,
            large ones make larger matrix products.

    Returns:
        Layers of tiles. The first layer covers every query, and each layer a query at most once.
    """
    match pattern.kind:
        case "local":
            return [list(_band(pattern.w, start, count, chunk))]
        case "strided":
            return [list(_classes(pattern.r, 0, start, count))]
        case "sparse":
            nearest = -(-pattern.w // pattern.r)
            far = list(_classes(pattern.r, nearest, start, count))
            return [list(_band(pattern.w, start, count, chunk)), far]
        case "fixed":
            return [list(_blocks(pattern, start, count)), list(_summaries(pattern, start, count))]
        case _:
            own = Tile(Rows(0, count), Rows(start, count), shift=0)
            past = Tile(Rows(0, count), Rows(0, start))
            return [[past], [own]] if start else [[own]]


def _band(width: int, start: int, count: int, chunk: int) -> Iterator[Tile]:
    """Distances below `width`: the first queries causally, then chunks with the window before."""
    stop = start + count
    head = min(stop, width) - start
    if head > 0:
        yield Tile(Rows(0, head), Rows(0, start + head), shift=start)
    begin = max(start, width)
    pieces, rest = divmod(max(0, stop - begin), chunk)
    if pieces:
        yield Tile(
            Rows(begin - start, chunk, outer=pieces, outer_step=chunk),
            Rows(begin - width, chunk + width, outer=pieces, outer_step=chunk),
            shift=width,
            width=width,
        )
    if rest:
        yield Tile(
            Rows(count - rest, rest),
            Rows(stop - rest - width, rest + width),
            shift=width,
            width=width,
        )


def _classes(r: int, nearest: int, start: int, count: int) -> Iterator[Tile]:
    """Per class of positions, keys at least `nearest` steps of r before the query.

    Queries `start + j` with j < r begin a class each. Three things make neighbouring classes
    alike: the first query's row in its class, which grows where `(start + j) mod r` wraps, and
    the number of queries, which shrinks by one at `count mod r`.
    """
    edges = sorted({0, min(r, count), (-start) % r, count % r})
    for low, high in pairwise(edges):
        if high > min(r, count):
            break
        rows = -(-(count - low) // r)
        shift = (start + low) // r - nearest
        blind = max(0, -shift)  # queries that see no key
        queries = Rows(low + blind * r, rows - blind, r, outer=high - low, outer_step=1)
        keys = Rows((start + low) % r, 0, r, outer=high - low, outer_step=1)
        yield from _triangle(queries, keys, shift + blind)


def _triangle(queries: Rows, keys: Rows, shift: int) -> Iterator[Tile]:
    """Query a sees keys up to `a + shift`, in tiles of a few rows that end at their last key."""
    for row in range(0, queries.inner, CAUSAL_ROWS):
        part = queries._replace(
            first=queries.first + row * queries.step, inner=min(CAUSAL_ROWS, queries.inner - row)
        )
        last = row + shift + part.inner
        yield Tile(part, keys._replace(inner=last), shift=row + shift)


def _blocks(pattern: Pattern, start: int, count: int) -> Iterator[Tile]:
    """The causal part inside each block of w: the rest of a block, whole blocks, one begun."""
    width, stop = pattern.w, start + count
    begin = start
    if start % width:
        begin = min(stop, start + width - start % width)
        first = start - start % width
        yield Tile(Rows(0, begin - start), Rows(first, begin - first), shift=start - first)
    pieces, rest = divmod(stop - begin, width)
    if pieces:
        grid = Rows(begin, width, outer=pieces, outer_step=width)
        yield Tile(grid._replace(first=begin - start), grid, shift=0)
    if rest:
        yield Tile(Rows(count - rest, rest), Rows(stop - rest, rest), shift=0)


def _summaries(pattern: Pattern, start: int, count: int) -> Iterator[Tile]:
    """Per block of queries the summary columns of all blocks before it."""
    width, columns, stop = pattern.w, min(pattern.r, pattern.w), start + count
    for block in range(max(1, start // width), -(-stop // width)):
        low, high = max(start, block * width), min(stop, (block + 1) * width)
        yield replace(Tile(Rows(low - start, high - low), Rows(0, block * columns)), summary=True)
