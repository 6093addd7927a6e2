"""What the encoder starts from: the weights of all-MiniLM-L6-v2 (Apache-2.0), from a package.

The thing to know: they were learnt by reading far more text than this project has (Wang et al.
2020; then pairs of sentences, Reimers and Gurevych 2019). Everything the reader knows about
answering is learnt on top of them, by `retrieval.reading.train`.
"""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from retrieval.reading.encoder import Encoder

_OF_LAYER = {
    "attention.output.dense": "out",
    "attention.output.LayerNorm": "mixed_norm",
    "intermediate.dense": "inward",
    "output.dense": "outward",
    "output.LayerNorm": "norm",
}
_MIXED = ("query", "key", "value")
_OF_INPUT = {
    "word_embeddings.weight": "pieces.weight",
    "position_embeddings.weight": "places.weight",
    "token_type_embeddings.weight": "types.weight",
    "LayerNorm.weight": "norm.weight",
    "LayerNorm.bias": "norm.bias",
}


def pieces(source: Path) -> list[str]:
    """Return the pieces of the vocabulary in `source`, in the order of their rows."""
    rows = json.loads((source / "tokenizer.json").read_text("utf-8"))["model"]["vocab"]
    return sorted(rows, key=rows.__getitem__)


def begin(encoder: Encoder, source: Path) -> None:
    """Give `encoder` the weights in `source`, those of a BERT in the layout of `transformers`."""
    stored = load_file(source / "model.safetensors")
    taken: dict[str, Tensor] = {
        ours: stored[f"embeddings.{theirs}"] for theirs, ours in _OF_INPUT.items()
    }
    for number in range(len(encoder.layers)):
        layer = f"encoder.layer.{number}."
        for kind in ("weight", "bias"):
            mix = [stored[f"{layer}attention.self.{name}.{kind}"] for name in _MIXED]
            taken[f"layers.{number}.mix.{kind}"] = torch.cat(mix)
            for theirs, ours in _OF_LAYER.items():
                taken[f"layers.{number}.{ours}.{kind}"] = stored[f"{layer}{theirs}.{kind}"]
    encoder.load_state_dict(taken)
