"""What training holds in memory on each device, and how a model is laid over several.

Weights, gradients and optimiser states are exact; activations are an estimate.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from chatapp.model.config import ModelConfig
from chatapp.training.cross_entropy import PIECE
from chatapp.training.recipe import StageRecipe


@dataclass(frozen=True)
class Gpu:
    """A kind of GPU: dense bfloat16 FLOP/s and memory in bytes, from the maker's data sheet."""

    flops: float
    memory: float


GPUS = {
    "h100": Gpu(989e12, 80e9),
    "h200": Gpu(989e12, 141e9),
    "b200": Gpu(2250e12, 180e9),
    "a100": Gpu(312e12, 80e9),
    "l40s": Gpu(362e12, 48e9),
    "rtx4090": Gpu(165e12, 24e9),
}


def memory(model: ModelConfig, settings: StageRecipe, gpus: int, strategy: str) -> dict[str, int]:
    """Return the bytes that pretraining takes on each device, by what they hold.

    Weights, gradients and optimiser states are float32; Muon keeps one value for a weight, AdamW
    two. `fsdp` divides them by the devices and gathers the weights of a block in bfloat16; `ddp`
    keeps gradients twice, once in its buckets. Activations are 34 bytes a token, layer and width
    (arXiv:2205.05198, section 4.1, without the scores, which are not kept).
    """
    weights = model.parameter_count()
    matrices = matrix_weights(model)
    share = gpus if strategy == "fsdp" else 1
    rows = -(-settings.batch // gpus)
    tokens = min(settings.micro_batch or rows, rows) * settings.sequence
    logits = min(tokens * model.vocab_size, PIECE)
    parts = {
        "weights": 4 * weights // share,
        "bfloat16_copies": 2 * weights // (share if strategy == "fsdp" else 1),
        "gradients": 4 * weights * (2 if strategy == "ddp" else 1) // share,
        "optimiser": (4 * matrices + 8 * (weights - matrices)) // share,
        "activations": 34 * tokens * model.n_layers * model.d_model,
        "logits": 10 * logits,  # bfloat16, float32, and the gradient
    }
    if strategy == "fsdp":
        parts["gathered"] = 2 * 2 * weights // max(1, model.n_layers)  # this block and the next
    return parts | {"total": sum(parts.values())}


def sharding(
    model: ModelConfig, settings: StageRecipe, gpus: int, gpu: Gpu, kind: str
) -> dict[str, Any]:
    """Say how the model would be laid over the GPUs: whole copies if they fit, shards if not."""
    options = {name: memory(model, settings, gpus, name) for name in ("ddp", "fsdp")}
    fitting = [name for name, parts in options.items() if parts["total"] <= 0.9 * gpu.memory]
    return {
        "gpus": gpus,
        "kind": kind,
        "memory_of_one": gpu.memory,
        "advice": "one" if gpus == 1 and "ddp" in fitting else (fitting or ["none"])[0],
        "least_gpus": _least_gpus(model, settings, gpu),
        "bytes_per_device": options,
    }


def _least_gpus(model: ModelConfig, settings: StageRecipe, gpu: Gpu) -> int | None:
    """Return the smallest power of two of GPUs over which FSDP2 fits the model, up to 65,536."""
    for exponent in range(17):
        count = 1 << exponent
        if memory(model, settings, count, "fsdp")["total"] <= 0.9 * gpu.memory:
            return count
    return None


def matrix_weights(model: ModelConfig) -> int:
    """Count what Muon trains: the matrices in the blocks."""
    heads = model.n_heads * model.head_dim
    attention = 2 * model.d_model * (heads + model.n_kv_heads * model.head_dim)
    mlp = (3 if model.mlp == "swiglu" else 2) * model.d_model * model.d_ff
    return model.n_layers * (attention + mlp)
