"""A FAISS index over int8 vectors, in memory or mapped from a cache file.

The thing to know: the codes are the stored vectors themselves, but FAISS also rounds the query to
int8 while it searches. So it is asked for more than is wanted, and those are scored again with the
query as it is. Up to `FLAT_LIMIT` vectors every one is looked at; beyond, those of the cells whose
centres are nearest (inverted lists: Sivic and Zisserman, 2003).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from retrieval.store.vectors import as_unit, quantise

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FLAT_LIMIT = 100_000  # an exact scan up to here takes a few milliseconds
PROBES = 48
_ROWS_PER_CELL = 48  # to train on; FAISS asks for 39 at least
_ZERO = 128  # what FAISS adds to a component to make it a byte

Blocks = Callable[[], Iterable[tuple["NDArray[np.int64]", "NDArray[np.int8]"]]]
"""Starts to yield (passage numbers, ascending; int8 vectors) of everything."""
Check = Callable[[int, int], None]
"""Called with the bytes of the FAISS file that are about to be read, from and to."""


def load_faiss() -> Any:
    """Import FAISS untyped: its own stubs leave out half of what it has."""
    import faiss

    return faiss


class Nearest:
    """Searches one FAISS index of `build`; `check` sees what is read of a mapped one."""

    def __init__(self, index: Any, *, lists: int = 0, check: Check | None = None) -> None:
        """`lists` is where the first inverted list begins in the file."""
        self.index = index
        self._lists = lists
        self._check = check
        self._inverted = isinstance(index, load_faiss().IndexIVF)

    def __len__(self) -> int:
        return int(self.index.ntotal)

    def search(
        self, vector: NDArray[np.float32], k: int, wanted: NDArray[np.bool_] | None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return numbers and cosines of about `k` nearest passages, in no particular order.

        `wanted` says of each passage number whether it may be among them; None: all may.
        """
        import numpy as np

        if not len(self):
            return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.float32)
        scaled = quantise(vector[None, :]).astype("float32")
        selector = None if wanted is None else _selector(wanted)
        find = self._in_cells if self._inverted else self._everywhere
        numbers, codes = find(scaled, min(k, len(self)), selector)
        vectors = as_unit(codes.astype(np.int16) - _ZERO)
        scores: NDArray[np.float32] = vectors @ vector
        return numbers, scores

    def _everywhere(
        self, scaled: NDArray[np.float32], k: int, selector: Any
    ) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
        import numpy as np

        faiss = load_faiss()
        parameters = None if selector is None else faiss.SearchParameters(sel=selector[0])
        _, found = self.index.search(scaled, k, params=parameters)
        numbers = found[0][found[0] >= 0]
        ids = faiss.rev_swig_ptr(self.index.id_map.data(), len(self))
        codes = faiss.downcast_index(self.index.index).codes
        rows = faiss.rev_swig_ptr(codes.data(), codes.size()).reshape(len(self), -1)
        return numbers, rows[np.searchsorted(ids, numbers)]

    def _in_cells(
        self, scaled: NDArray[np.float32], k: int, selector: Any
    ) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
        import numpy as np

        faiss = load_faiss()
        probes = min(PROBES, self.index.nlist)
        near, cells = self.index.quantizer.search(scaled, probes)
        self._check_lists(cells[0])
        parameters = faiss.SearchParametersIVF(nprobe=probes, sel=selector[0] if selector else None)
        scores = np.empty((1, k), dtype=np.float32)
        found = np.empty((1, k), dtype=np.int64)
        self.index.search_preassigned_c(
            *(1, faiss.swig_ptr(scaled), k, faiss.swig_ptr(cells), faiss.swig_ptr(near)),
            *(faiss.swig_ptr(scores), faiss.swig_ptr(found), False, parameters),
        )
        numbers = np.sort(found[0][found[0] >= 0])
        return numbers, self._codes(numbers, cells[0])

    def _codes(self, numbers: NDArray[np.int64], cells: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Return the codes of passages, ascending, that stand in some of these cells."""
        import numpy as np

        faiss = load_faiss()
        inverted, width = self.index.invlists, self.index.code_size
        codes = np.empty((len(numbers), width), dtype=np.uint8)
        for cell in map(int, cells):
            size = inverted.list_size(cell)
            if not size or not len(numbers):
                continue
            held = faiss.rev_swig_ptr(inverted.get_ids(cell), size)
            place = np.minimum(np.searchsorted(numbers, held), len(numbers) - 1)
            rows = np.flatnonzero(numbers[place] == held)
            block = faiss.rev_swig_ptr(inverted.get_codes(cell), size * width)
            codes[place[rows]] = block.reshape(size, width)[rows]
        return codes

    def _check_lists(self, cells: NDArray[np.int64]) -> None:
        if self._check is None:
            return
        inverted = self.index.invlists
        origin = next(
            int(inverted.get_codes(cell))
            for cell in range(self.index.nlist)
            if inverted.list_size(cell)
        )
        for cell in map(int, cells):
            if size := inverted.list_size(cell):
                start = self._lists + int(inverted.get_codes(cell)) - origin
                self._check(start, start + size * (self.index.code_size + 8))


def lists_in(index: Any, serialised: NDArray[np.uint8]) -> int:
    """Return where the inverted lists begin in a serialised index, its size when it has none.

    Codes and ids of all lists are the last thing that FAISS writes.
    """
    faiss = load_faiss()
    if not isinstance(index, faiss.IndexIVF):
        return len(serialised)
    start = len(serialised) - int(index.ntotal * (index.code_size + 8))
    first = next((n for n in range(index.nlist) if index.invlists.list_size(n)), 0)
    held = faiss.rev_swig_ptr(index.invlists.get_codes(first), index.code_size)
    if bytes(serialised[start : start + index.code_size]) != held.tobytes():
        raise RuntimeError("this version of FAISS lays its lists out in another way")
    return start


def build(dimension: int, vectors: int, blocks: Blocks) -> Any:
    """Return a FAISS index over all vectors, of which there are about `vectors`."""
    faiss = load_faiss()
    kind = faiss.ScalarQuantizer.QT_8bit_direct_signed
    if vectors <= FLAT_LIMIT:
        flat = faiss.IndexScalarQuantizer(dimension, kind, faiss.METRIC_INNER_PRODUCT)
        index = faiss.IndexIDMap(flat)
    else:
        index = _trained(dimension, vectors, blocks)
    add(index, blocks())
    return index


def add(index: Any, blocks: Iterable[tuple[NDArray[np.int64], NDArray[np.int8]]]) -> None:
    """Add vectors to an index in memory."""
    for ids, rows in blocks:
        index.add_with_ids(rows.astype("float32"), ids)


def cells_for(vectors: int) -> int:
    """Return how many cells a number of vectors is divided into: a power of two near 1.3 √n."""
    power = round(math.log2(1.3 * math.sqrt(max(vectors, 1))))
    return int(math.exp2(power))


def _trained(dimension: int, vectors: int, blocks: Blocks) -> Any:
    faiss = load_faiss()
    cells = cells_for(vectors)
    centres = faiss.IndexFlatIP(dimension)
    index = faiss.IndexIVFScalarQuantizer(
        centres,
        dimension,
        cells,
        faiss.ScalarQuantizer.QT_8bit_direct_signed,
        faiss.METRIC_INNER_PRODUCT,
        False,
    )
    index.cp.niter = 8
    index.cp.seed = 7
    index.train(_sample(vectors, cells * _ROWS_PER_CELL, blocks))
    return index


def _sample(vectors: int, wanted: int, blocks: Blocks) -> NDArray[np.float32]:
    """Return about `wanted` vectors spread evenly over all of them."""
    import numpy as np

    step = max(1, vectors // wanted)
    return np.concatenate([rows[::step].astype("float32") for _, rows in blocks()])


def _selector(wanted: NDArray[np.bool_]) -> tuple[Any, NDArray[np.uint8]]:
    """Return a FAISS selector by passage number, and the bits that it points to."""
    import numpy as np

    faiss = load_faiss()
    bits = np.packbits(wanted, bitorder="little")
    return faiss.IDSelectorBitmap(len(bits), faiss.swig_ptr(bits)), bits
