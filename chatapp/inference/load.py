"""Loading a model directory as a `Generator`."""

from __future__ import annotations

import os
from pathlib import Path

import torch

from chatapp.inference.engine import Engine
from chatapp.inference.generator import Generator
from chatapp.inference.torch_decoder import TorchDecoder
from chatapp.model.checkpoint import ModelUnavailable, load_model

__all__ = ["ModelUnavailable", "load_generator"]


def load_generator(model_dir: Path, *, threads: int = 0) -> Generator:
    """Load a chat model onto the CPU.

    Args:
        model_dir: directory with config.json, model.safetensors and tokenizer.json.
        threads: CPU threads for matrix products; 0 takes one per physical core.

    Raises:
        ModelUnavailable: the directory holds no model that can be loaded.
    """
    torch.set_num_threads(threads or usable_cores())
    model, tokenizer = load_model(model_dir)
    return Engine(model_dir.name, TorchDecoder(model, slots=2), tokenizer)


def usable_cores() -> int:
    """Return how many cores this process may run on, at most 8 (decoding gains no more)."""
    affinity = getattr(os, "sched_getaffinity", None)  # Linux only; it knows about cgroups' cpusets
    return max(1, min(len(affinity(0)) if affinity else os.cpu_count() or 1, 8))
