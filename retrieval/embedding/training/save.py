"""Writes the embedder: int8 rows with a float16 scale each, float16 query weights, vocabulary."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from retrieval.embedding.protocol import CONFIG_NAME
from retrieval.embedding.static import ASKING, KIND, VOCABULARY_NAME, WEIGHTS_NAME

Floats = NDArray[np.float32]


def save(
    out: Path,
    table: Floats,
    vocabulary: Sequence[str],
    *,
    asking: Floats,
    repeat_power: float,
) -> None:
    """Write an embedder that `StaticEmbedder.load` reads.

    Args:
        out: directory, made if missing.
        table: (len(vocabulary) + buckets, dimension), word weights folded in.
        vocabulary: words of the first rows, in order.
        asking: (rows,) by how much more each row weighs in a query.
        repeat_power: a word that stands n times in a text counts n ** this times.
    """
    from safetensors.numpy import save_file

    out.mkdir(parents=True, exist_ok=True)
    codes, scales = quantised(table)
    weights = asking.astype(np.float16)
    save_file({"rows": codes, "scales": scales, ASKING: weights}, out / WEIGHTS_NAME)
    (out / VOCABULARY_NAME).write_text(json.dumps(vocabulary, ensure_ascii=False), "utf-8")
    # What decides the vectors of passages: better query weights need no index made anew.
    digest = hashlib.sha256(codes.tobytes() + scales.tobytes() + str(repeat_power).encode())
    digest.update((out / VOCABULARY_NAME).read_bytes())
    config = {
        "kind": KIND,
        "revision": digest.hexdigest()[:12],
        "dimension": int(table.shape[1]),
        "buckets": len(table) - len(vocabulary),
        "repeat_power": repeat_power,
    }
    (out / CONFIG_NAME).write_text(json.dumps(config, indent=2) + "\n", "utf-8")


def quantised(table: Floats) -> tuple[NDArray[np.int8], NDArray[np.float16]]:
    """Return int8 rows and the float16 scale of each."""
    scales = np.maximum(np.abs(table).max(axis=1) / 127, 1e-7).astype(np.float16)
    codes = np.clip(np.rint(table / scales.astype(np.float32)[:, None]), -127, 127).astype(np.int8)
    return codes, scales
