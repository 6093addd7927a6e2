"""Writes the embedder: int8 rows with a float16 scale each, float16 query side, vocabulary."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from retrieval.embedding.asking import PREFIX
from retrieval.embedding.protocol import CONFIG_NAME
from retrieval.embedding.static import KIND, VOCABULARY_NAME, WEIGHTS_NAME

Floats = NDArray[np.float32]


def save(
    out: Path,
    table: Floats,
    vocabulary: Sequence[str],
    *,
    asking: Mapping[str, Floats] | None = None,
    heads: int = 0,
) -> None:
    """Write an embedder that `StaticEmbedder.load` reads.

    Args:
        out: directory, made if missing.
        table: (len(vocabulary) + buckets, dimension), word weights folded in.
        vocabulary: words of the first rows, in order.
        asking: weights of the query side, None for none; `heads` belongs to it.
    """
    from safetensors.numpy import save_file

    out.mkdir(parents=True, exist_ok=True)
    codes, scales = quantised(table)
    block = {f"{PREFIX}{name}": w.astype(np.float16) for name, w in (asking or {}).items()}
    save_file({"rows": codes, "scales": scales, **block}, out / WEIGHTS_NAME)
    (out / VOCABULARY_NAME).write_text(json.dumps(vocabulary, ensure_ascii=False), "utf-8")
    # What decides the vectors of passages: a better query side needs no index made anew.
    digest = hashlib.sha256(codes.tobytes() + scales.tobytes())
    digest.update((out / VOCABULARY_NAME).read_bytes())
    config = {
        "kind": KIND,
        "revision": digest.hexdigest()[:12],
        "dimension": int(table.shape[1]),
        "buckets": len(table) - len(vocabulary),
    }
    if asking:
        config["heads"] = heads
    (out / CONFIG_NAME).write_text(json.dumps(config, indent=2) + "\n", "utf-8")


def quantised(table: Floats) -> tuple[NDArray[np.int8], NDArray[np.float16]]:
    """Return int8 rows and the float16 scale of each."""
    scales = np.maximum(np.abs(table).max(axis=1) / 127, 1e-7).astype(np.float16)
    codes = np.clip(np.rint(table / scales.astype(np.float32)[:, None]), -127, 127).astype(np.int8)
    return codes, scales


def as_stored(table: Floats) -> Floats:
    """Return the table as it will be once it was saved and loaded."""
    codes, scales = quantised(table)
    stored: Floats = codes.astype(np.float32) * scales.astype(np.float32)[:, None]
    return stored
