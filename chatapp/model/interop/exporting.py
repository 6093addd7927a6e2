"""A model directory of ours into a Hugging Face one that stock `transformers` runs.

What a stock architecture does not have but can imitate is worked into the weights: an embedding
norm does not depend on the context, so each row of the table is normalised once; a norm without
weights becomes one whose weights are ones; a missing bias becomes zeros.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from chatapp.model.blocks import unit_rms
from chatapp.model.checkpoint import (
    CONFIG_FILE,
    TOKENIZER_FILE,
    ModelUnavailable,
    shapes,
    write_atomically,
)
from chatapp.model.config import ModelConfig, ModelConfigError
from chatapp.model.interop.errors import InteropError, UnsupportedModel
from chatapp.model.interop.layout import layout
from chatapp.model.interop.own_files import own_side_files, token_ids
from chatapp.model.interop.read_config import read_config
from chatapp.model.interop.tokenizer import load_tokenizer
from chatapp.model.interop.write_config import write_config
from chatapp.model.tokenizer import TokenizerError
from chatapp.model.weights import WeightFiles, WeightsError, WeightWriter

MAX_FILE_BYTES = 2 * 1000**3


@dataclass(frozen=True)
class Exported:
    """What was written: the stock architecture, and the dtype that all weights have now."""

    model_type: str
    dtype: torch.dtype
    folded: bool


def export_model(
    directory: Path,
    target: Path,
    *,
    dtype: torch.dtype | None = None,
    max_file_bytes: int = MAX_FILE_BYTES,
) -> Exported:
    """Write the model at `directory` to the new directory `target`.

    Args:
        dtype: of the exported weights. None keeps the stored one, except that a folded embedding
            norm and int8 weights are exact in float32 only, and are then written so.

    Raises:
        UnsupportedModel: no stock architecture computes what the model does.
        InteropError: the model cannot be read, or `target` is there already.
        OSError: `target` cannot be written.
    """
    if target.exists():
        raise InteropError(f"{target} is there already", "export to a new directory.")
    try:
        config = ModelConfig.load(directory / CONFIG_FILE)
        tokenizer = load_tokenizer(directory)
        values = _stock_config(config)
        source = _Source(directory, config)
        dtype = dtype or (torch.float32 if config.embedding_norm else source.dtype)
        staging = target.with_name(f".{target.name}.exporting")
        shutil.rmtree(staging, ignore_errors=True)
        writer = WeightWriter(staging, max_bytes=max_file_bytes)
        for name, tensor in source.translated(values):
            writer.add(name, tensor.to(dtype))
        writer.finish()
    except (ModelConfigError, TokenizerError, WeightsError, OSError) as error:
        raise InteropError(f"the model at {directory} cannot be exported: {error}") from error
    ids = token_ids(tokenizer)
    side_files = tokenizer.side_files or own_side_files(config.context_length)
    stock: dict[str, Any] = {**values, **ids, "dtype": str(dtype).removeprefix("torch.")}
    side_files = {"generation_config.json": _json(ids), **side_files, CONFIG_FILE: _json(stock)}
    tokenizer.save(staging / TOKENIZER_FILE)
    for name, text in side_files.items():
        write_atomically(staging / name, text)
    staging.replace(target)
    return Exported(values["model_type"], dtype, config.embedding_norm)


def _stock_config(config: ModelConfig) -> dict[str, Any]:
    try:
        return write_config(config)
    except UnsupportedModel as error:
        raise UnsupportedModel(
            f"this model cannot become a stock architecture: {error}",
            "load its directory as it is: after `import chatapp.model.hf`, transformers' "
            "AutoModelForCausalLM.from_pretrained reads it, for generate, PEFT and evaluation.",
        ) from error


class _Source:
    """Our stored weights, as the stock architecture wants them."""

    def __init__(self, directory: Path, config: ModelConfig) -> None:
        self._config = config
        self._files = WeightFiles(directory)
        self._stored = set(self._files.names())

    @property
    def dtype(self) -> torch.dtype:
        """The dtype of the embedding, which the other weights share; int8 becomes float32."""
        return self._files.read_float("embedding.weight").dtype

    def translated(self, values: dict[str, Any]) -> Iterator[tuple[str, Tensor]]:
        """Yield the tensors of the stock architecture whose config is `values`."""
        stock = read_config(values)
        sizes = shapes(stock)
        for entry in layout(values["model_type"], stock):
            yield entry.theirs, entry.join([self._tensor(our, sizes[our]) for our in entry.ours])

    def _tensor(self, name: str, size: torch.Size) -> Tensor:
        if name == "embedding.weight" and self._config.embedding_norm:
            return unit_rms(self._files.read_float(name).float())
        if name == "head.weight" and self._config.tie_embeddings:
            return self._files.read_float("embedding.weight")
        if name in self._stored:
            return self._files.read_float(name)
        if name.endswith(("query_norm.weight", "key_norm.weight")):
            return torch.ones(size)
        if name.endswith(".bias"):
            return torch.zeros(size)
        raise ModelUnavailable(f"the weight {name} is missing")


def _json(values: dict[str, Any]) -> str:
    return json.dumps(values, indent=2) + "\n"
