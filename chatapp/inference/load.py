"""Loading a model directory as a `Generator`, on the fastest decoder that runs here.

A GPU decodes with a CUDA graph. A CPU runs the compiled int8 runtime; where that cannot be built or
does not know the model's shape, plain PyTorch serves. An imported model of an architecture that is
not ours runs through `transformers`.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import torch

from chatapp.inference.cores import usable_cores
from chatapp.inference.decoder import Decoder
from chatapp.inference.engine import Engine
from chatapp.inference.generator import Generator
from chatapp.inference.graph_decoder import on_gpu
from chatapp.inference.native import NativeUnavailable, native_decoder
from chatapp.inference.native.build import require_built
from chatapp.inference.native.factory import check_wanted
from chatapp.inference.torch_decoder import TorchDecoder
from chatapp.inference.transformers_decoder import load_transformers, needs_transformers
from chatapp.model.checkpoint import ModelUnavailable, load_model
from chatapp.model.gpt import GPT
from chatapp.model.int8 import quantise_model
from chatapp.model.tokenizer import ChatTokenizer

__all__ = ["ModelUnavailable", "best_decoder", "load_decoder", "load_generator"]

log = logging.getLogger(__name__)
_SLOTS = 2  # the conversation, and side questions that must not push it out of the cache


def load_generator(model_dir: Path, *, threads: int = 0, longest: int = 0) -> Generator:
    """Load a chat model.

    Args:
        model_dir: directory with config.json, model.safetensors and tokenizer.json.
        threads: CPU threads for matrix products; 0 takes one per physical core.
        longest: read at most that many tokens, whatever the model could; 0 sets no limit. Caches
            are made for all of them, which is gigabytes for models that read a whole book.

    Raises:
        ModelUnavailable: the directory holds no model that can be loaded.
    """
    decoder, tokenizer = load_decoder(model_dir, slots=_SLOTS, threads=threads, longest=longest)
    return Engine(model_dir.name, decoder, tokenizer)


def load_decoder(
    model_dir: Path, *, slots: int, threads: int = 0, wait: bool = False, longest: int = 0
) -> tuple[Decoder, ChatTokenizer]:
    """Load a model for as many sequences as `slots`, and its tokenizer.

    Args:
        model_dir: see `load_generator`.
        slots: sequences whose caches are kept.
        threads: see `load_generator`.
        wait: compile the runtime first where that was not done yet, which takes half a minute.
        longest: see `load_generator`.

    Raises:
        ModelUnavailable: the directory holds no model that can be loaded.
    """
    threads = threads or usable_cores()
    torch.set_num_threads(threads)
    decoder: Decoder
    if needs_transformers(model_dir):
        decoder, tokenizer = load_transformers(model_dir, slots=slots, longest=longest)
    else:
        model, tokenizer = load_model(model_dir)
        if 0 < longest < model.config.context_length and model.config.positions == "rotary":
            model.config = replace(model.config, context_length=longest)
            model.reset_rotary_tables()
        decoder = best_decoder(model, slots=slots, threads=threads, wait=wait)
    log.info(
        "%s runs on %s; its caches take up to %.1f MB",
        model_dir.name,
        type(decoder).__name__,
        decoder.cache_bytes() / 1e6,
    )
    return decoder, tokenizer


def best_decoder(model: GPT, *, slots: int, threads: int, wait: bool = False) -> Decoder:
    """Return the fastest decoder that runs the model on this machine; it may move the model."""
    if torch.cuda.is_available():
        return on_gpu(model, slots=slots)
    try:
        check_wanted()
        if not wait:
            require_built()
        return native_decoder(model, slots=slots, threads=threads)
    except NativeUnavailable as reason:
        log.info("PyTorch runs the model, because of the compiled runtime: %s", reason)
        # the same numbers as the runtime's, unless the person asked for full precision
        return TorchDecoder(model if reason.by_choice else quantise_model(model), slots=slots)
