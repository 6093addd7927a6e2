"""Word vectors from counts: positive pointwise mutual information, factored (Levy et al. 2015).

The thing to know: on a corpus of this size the factored counts are as good as word2vec, need no
further dependency, take a few minutes on one core and come out the same every time.
"""

from __future__ import annotations

import warnings
import zlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from retrieval.reading.words import Vocabulary

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

    from retrieval.reading.train.corpus import Corpus

BUCKETS = 512  # rows of words outside the vocabulary, by their ending
_WINDOW = 4
_CONTEXTS = 20_000  # the most frequent words serve as contexts
_CHUNK = 8_000_000  # tokens counted at once
_SMOOTHING = 0.75  # of the contexts' distribution
_OVERSAMPLE = 32
_ROUNDS = 3
_RARE_FROM = 20_000  # words beyond this rank stand for the words outside the vocabulary
_PASSAGE = 100  # tokens; the unit of document frequency


def choose_vocabulary(corpus: Corpus, size: int, pieces: Sequence[str]) -> Vocabulary:
    """Return the `size` most frequent words of a corpus; see `Vocabulary` for `pieces`."""
    import numpy as np

    counts = np.bincount(corpus.kinds, minlength=len(corpus.words))
    order = np.argsort(-counts, kind="stable")[:size]
    words = [corpus.words[kind] for kind in order]
    return Vocabulary(words, _rarity(corpus, order), pieces)


def rows_of(corpus: Corpus, vocabulary: Vocabulary) -> NDArray[np.int64]:
    """Return the vector row, from 1, of every kind of the corpus."""
    import numpy as np

    rows = {word: row for row, word in enumerate(vocabulary.words, 1)}
    first = 1 + len(rows)
    return np.array([rows.get(word) or first + bucket_of(word) for word in corpus.words])


def bucket_of(word: str) -> int:
    """Return the bucket, from 0, of a word outside the vocabulary."""
    kind = "0" if word[:1].isdigit() else word[-3:]
    return zlib.crc32(kind.encode()) % BUCKETS


def _rarity(corpus: Corpus, order: NDArray[np.int64]) -> list[float]:
    """Return the idf of the words over pieces of 100 tokens, divided by its greatest value."""
    import numpy as np

    place = np.full(len(corpus.words), -1, dtype=np.int64)
    place[order] = np.arange(len(order))
    frequency = np.zeros(len(order), dtype=np.int64)
    for begin in range(0, len(corpus.kinds), _CHUNK):
        kinds = place[corpus.kinds[begin : begin + _CHUNK]]
        passage = np.arange(len(kinds)) // _PASSAGE
        held = np.unique((passage * len(order) + kinds)[kinds >= 0]) % len(order)
        frequency += np.bincount(held, minlength=len(order))
    passages = len(corpus.kinds) / _PASSAGE
    idf = np.log(passages / np.maximum(frequency, 1))
    scaled: list[float] = np.clip(idf / np.log(passages), 0, 1).tolist()
    return scaled


def train_vectors(corpus: Corpus, vocabulary: Vocabulary, dimension: int) -> NDArray[np.float32]:
    """Return unit vectors (1 + words + BUCKETS, dimension), as `rows_of` numbers them; 0 is zero.

    A bucket's vector is the mean of the rarer words with the same ending.
    """
    import numpy as np

    rows, size = rows_of(corpus, vocabulary), len(vocabulary.words)
    keys, counts = _count(corpus, rows, size)
    left, right = keys // size, keys % size
    matrix = _information(left, right, counts, size)
    del keys, counts, left, right
    vectors = _factor(matrix, dimension).numpy()
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    table = np.zeros((1 + size + BUCKETS, dimension), dtype=np.float32)
    table[1 : 1 + size] = vectors
    _fill_buckets(table, vocabulary)
    return table


def _fill_buckets(table: NDArray[np.float32], vocabulary: Vocabulary) -> None:
    import numpy as np

    first = 1 + len(vocabulary.words)
    start = min(_RARE_FROM, len(vocabulary.words) // 2)
    rare = vocabulary.words[start:]
    buckets = np.array([first + bucket_of(word) for word in rare])
    np.add.at(table, buckets, table[1 + start : first])
    norms = np.linalg.norm(table[first:], axis=1, keepdims=True)
    table[first:] /= np.maximum(norms, 1e-9)


def _count(
    corpus: Corpus, rows: NDArray[np.int64], size: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return keys `word * size + context` of pairs within the window, and how often each stands."""
    import numpy as np

    keys = np.zeros(0, dtype=np.int64)
    counts = np.zeros(0, dtype=np.float32)
    for found in _pairs(corpus, rows, size):
        found.sort()
        edges = np.flatnonzero(np.diff(found, prepend=-1))
        often = np.diff(edges, append=len(found)).astype(np.float32)
        kept = often > 1  # a pair met once in millions of tokens says little and fills memory
        merged = np.concatenate([keys, found[edges[kept]]])
        weights = np.concatenate([counts, often[kept]])
        order = np.argsort(merged, kind="stable")
        merged, weights = merged[order], weights[order]
        edges = np.flatnonzero(np.diff(merged, prepend=-1))
        keys, counts = merged[edges], np.add.reduceat(weights, edges)
    return keys, counts


def _pairs(corpus: Corpus, rows: NDArray[np.int64], size: int) -> Iterator[NDArray[np.int64]]:
    import numpy as np

    contexts = min(_CONTEXTS, size)
    for begin in range(0, len(corpus.kinds), _CHUNK):
        words = rows[corpus.kinds[begin : begin + _CHUNK]] - 1
        paragraph = np.cumsum(corpus.opens[begin : begin + _CHUNK] == 2)
        found = []
        for step in range(1, _WINDOW + 1):
            one, other = words[:-step], words[step:]
            together = (paragraph[:-step] == paragraph[step:]) & (one < size) & (other < size)
            one, other = one[together], other[together]
            found += [
                (one * size + other)[other < contexts],
                (other * size + one)[one < contexts],
            ]
        yield np.concatenate(found)


def _information(
    left: NDArray[np.int64], right: NDArray[np.int64], counts: NDArray[np.float32], size: int
) -> torch.Tensor:
    """Return the positive pointwise mutual information as a sparse (size, contexts) matrix."""
    import numpy as np
    import torch

    contexts = int(right.max()) + 1
    of_word = np.bincount(left, weights=counts, minlength=size)
    of_context = np.bincount(right, weights=counts, minlength=contexts) ** _SMOOTHING
    value = np.log(counts * of_context.sum() / (of_word[left] * of_context[right]))
    kept = value > 0
    starts = np.searchsorted(left[kept], np.arange(size + 1))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # compressed rows are "in beta" since 2021
        return torch.sparse_csr_tensor(
            torch.from_numpy(starts),
            torch.from_numpy(right[kept]),
            torch.from_numpy(value[kept].astype(np.float32)),
            size=(size, contexts),
            check_invariants=False,
        )


def _factor(matrix: torch.Tensor, dimension: int) -> torch.Tensor:
    """Return the left singular vectors times the root of the values (Halko et al. 2011)."""
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        transposed = matrix.to_sparse_coo().t().to_sparse_csr()
    generator = torch.Generator().manual_seed(0)
    probe = torch.randn(matrix.shape[1], dimension + _OVERSAMPLE, generator=generator)
    basis, _ = torch.linalg.qr(matrix @ probe)
    for _ in range(_ROUNDS):
        basis, _ = torch.linalg.qr(transposed @ basis)
        basis, _ = torch.linalg.qr(matrix @ basis)
    small = (transposed @ basis).t()
    left, values, _ = torch.linalg.svd(small, full_matrices=False)
    vectors: torch.Tensor = (basis @ left[:, :dimension]) * values[:dimension].sqrt()
    return vectors
