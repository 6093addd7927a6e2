"""Where MiniLM puts texts, in as many dimensions as the student has.

The thing to know: the student lives in the teacher's space, cut to its principal axes (those of the
second moment, so that cosines are what is kept). That is what makes plain regression a loss, and
the word vectors of the teacher a start. What is left is turned at random, because an index stores
8 bits a component and principal axes hold far more in the first ones than in the last.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from retrieval.embedding.protocol import Embedder

_BLOCK = 4_096


def taught(embedder: Embedder, texts: Sequence[str], file: Path) -> NDArray[np.float16]:
    """Return the teacher's vectors of `texts`, kept in `file` and continued there after a stop."""
    shape = (len(texts), embedder.dimension)
    done = file.with_suffix(".done")
    start = int(done.read_text()) if done.exists() else 0
    kept = np.memmap(file, np.float16, "r+" if start else "w+", shape=shape)
    began = time.monotonic()
    for low in range(start, len(texts), _BLOCK):
        block = texts[low : low + _BLOCK]
        kept[low : low + len(block)] = embedder.embed_passages(block)
        kept.flush()
        done.write_text(str(low + len(block)))
        rate = (low + len(block) - start) / (time.monotonic() - began)
        print(f"teacher: {low + len(block):,} of {len(texts):,}, {rate:.0f}/s", file=sys.stderr)
    return kept


def principal_axes(vectors: NDArray[np.float16], dimension: int) -> NDArray[np.float32]:
    """Return the (columns, dimension) matrix that keeps most of the vectors' lengths."""
    sample = vectors[:100_000].astype(np.float32)
    _, axes = np.linalg.eigh(sample.T @ sample)  # ascending
    spread, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(dimension, dimension)))
    kept: NDArray[np.float32] = (axes[:, ::-1][:, :dimension] @ spread).astype(np.float32)
    return kept


def turned(vectors: NDArray[np.float16], axes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return unit vectors in the student's space, float32 (n, dimension)."""
    cut = vectors.astype(np.float32) @ axes
    unit: NDArray[np.float32] = cut / np.maximum(np.linalg.norm(cut, axis=1, keepdims=True), 1e-6)
    return unit
