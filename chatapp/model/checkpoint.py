"""A model on disk: `config.json`, its weights and `tokenizer.json` in one directory.

Weights may be stored as float32, bfloat16 or float16, in one file or several (see
`chatapp.model.weights`); they are loaded into the dtype asked for. Matrices may also be int8 (see
`chatapp.model.int8`), and then stay so. Files are written beside their
target and renamed, so a crash leaves the old ones whole.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from chatapp.model.adapter import CONFIG_FILE as ADAPTER_FILE
from chatapp.model.adapter import AdapterConfig, AdapterError, apply_adapter, save_adapter
from chatapp.model.config import ModelConfig, ModelConfigError
from chatapp.model.gpt import GPT
from chatapp.model.int8 import loaded_dtype, make_int8
from chatapp.model.interop.tokenizer import load_tokenizer
from chatapp.model.tokenizer import ChatTokenizer, TokenizerError
from chatapp.model.weights import WeightFiles, WeightsError, WeightsMissing, WeightWriter

CONFIG_FILE = "config.json"
TOKENIZER_FILE = "tokenizer.json"
_DIGEST = "weights_sha256"


class ModelUnavailable(ValueError):
    """A model directory that cannot be loaded; the message names what is wrong and the fix."""


def save_model(
    directory: Path,
    model: GPT,
    tokenizer: ChatTokenizer,
    *,
    dtype: torch.dtype = torch.float32,
    metadata: Mapping[str, str] | None = None,
    max_file_bytes: int | None = None,
) -> None:
    """Write the model's files.

    Args:
        model: int8 matrices (`quantise_model`) are written as they are.
        metadata: goes into the header of the weight files.
        max_file_bytes: split the weights into files no larger than this; None writes one.
    """
    writer = WeightWriter(directory, max_bytes=max_file_bytes, metadata=metadata)
    for name, tensor in stored_tensors(model):
        writer.add(name, tensor.to(loaded_dtype(name, tensor, dtype)))
    digests = writer.finish()
    tokenizer_file = directory / (TOKENIZER_FILE + ".tmp")
    tokenizer.save(tokenizer_file)
    tokenizer_file.replace(directory / TOKENIZER_FILE)
    for name, text in tokenizer.side_files.items():
        write_atomically(directory / name, text)
    write_config_file(directory, model.config, digests)


def stored_tensors(model: GPT) -> Iterator[tuple[str, Tensor]]:
    """Yield the weights that are stored, by name; a tied head is the embedding and is not."""
    for name, tensor in model.state_dict().items():
        if not (name.startswith("head.") and model.config.tie_embeddings):
            yield name, tensor.detach()


def shapes(config: ModelConfig) -> dict[str, torch.Size]:
    """Return the shape of every weight of a model, by name."""
    with torch.device("meta"):
        return {name: tensor.shape for name, tensor in GPT(config).state_dict().items()}


def write_config_file(
    directory: Path,
    config: ModelConfig,
    digests: Mapping[str, str],
    *,
    extra: Mapping[str, Any] | None = None,
) -> None:
    """Write `config.json` with the checksums of the weights that belong to it.

    Args:
        digests: sha256 of each weight file by its name.
        extra: what an imported model also says: its token ids and where it comes from.
    """
    one = next(iter(digests.values())) if len(digests) == 1 else dict(digests)
    values = {**config.to_dict(), **(extra or {}), _DIGEST: one}
    write_atomically(directory / CONFIG_FILE, json.dumps(values, indent=2) + "\n")


def load_model(directory: Path, dtype: torch.dtype = torch.float32) -> tuple[GPT, ChatTokenizer]:
    """Load weights and tokenizer onto the CPU; an adapter is merged into the model it names.

    Raises:
        ModelUnavailable: a file is missing, damaged, or does not fit the others.
    """
    if (directory / ADAPTER_FILE).is_file():
        return _load_adapted(directory, dtype)
    for name in (CONFIG_FILE, TOKENIZER_FILE):
        if not (directory / name).is_file():
            raise _missing(directory, name)
    try:
        config = ModelConfig.load(directory / CONFIG_FILE)
        tokenizer = load_tokenizer(directory)
    except (ModelConfigError, TokenizerError) as error:
        raise ModelUnavailable(f"the model at {directory} cannot be read: {error}") from error
    if tokenizer.vocab_size > config.vocab_size:
        raise ModelUnavailable(
            f"the tokenizer at {directory} has {tokenizer.vocab_size} tokens, "
            f"the model only {config.vocab_size}: the files belong to different models"
        )
    return _build(config, _read_weights(directory, dtype), directory), tokenizer


def save_adapted(
    directory: Path, model: GPT, tokenizer: ChatTokenizer, adapter: AdapterConfig
) -> None:
    """Write the adapters on a model as a model directory that names its base.

    Besides the adapter it holds the base's `config.json` and the tokenizer, so that it is known as
    a model wherever models are listed.
    """
    tokenizer_file = directory / (TOKENIZER_FILE + ".tmp")
    directory.mkdir(parents=True, exist_ok=True)
    tokenizer.save(tokenizer_file)
    tokenizer_file.replace(directory / TOKENIZER_FILE)
    write_config_file(directory, model.config, {})
    save_adapter(directory, model, adapter)


def weights_digest(directory: Path) -> str:
    """Return what names the weights of a model directory, or "" if its config does not say."""
    promised = json.loads((directory / CONFIG_FILE).read_text(encoding="utf-8")).get(_DIGEST, "")
    return promised if isinstance(promised, str) else json.dumps(promised, sort_keys=True)


def _load_adapted(directory: Path, dtype: torch.dtype) -> tuple[GPT, ChatTokenizer]:
    """Load the model that an adapter directory names and merge the adapter into it."""
    try:
        adapter = AdapterConfig.load(directory)
        base = (directory / adapter.base).resolve()
        model, tokenizer = load_model(base, dtype)
        if adapter.base_sha256 and adapter.base_sha256 != weights_digest(base):
            raise AdapterError(
                f"it was made for other weights than those at {base}; "
                "give base_model_name_or_path the model it was trained on"
            )
        apply_adapter(model, directory, adapter)
    except AdapterError as error:
        raise ModelUnavailable(f"the adapter at {directory} cannot be used: {error}") from error
    if adapter.prompt_tokens:
        first = model.config.vocab_size
        tokenizer.prefix = tuple(range(first, first + adapter.prompt_tokens))
    return model, tokenizer


def _missing(directory: Path, name: str) -> ModelUnavailable:
    return ModelUnavailable(
        f"no model at {directory}: {name} is missing; set `model` to the directory of one, "
        "or train one with `chatapp train`"
    )


def _read_weights(directory: Path, dtype: torch.dtype) -> dict[str, Tensor]:
    try:
        weights = WeightFiles(directory)
        _check_digests(directory, weights)
        return {
            name: tensor.to(loaded_dtype(name, tensor, dtype)) for name, tensor in weights.items()
        }
    except WeightsMissing as error:
        raise _missing(directory, error.file) from error
    except WeightsError as error:
        raise ModelUnavailable(f"the model at {directory} cannot be read: {error}") from error


def _build(config: ModelConfig, tensors: dict[str, Tensor], directory: Path) -> GPT:
    with torch.device("meta"):
        model = GPT(config)
    if "embedding.weight_scale" in tensors:
        make_int8(model)
    if config.tie_embeddings:
        for kind in ("weight", "weight_scale"):
            if f"embedding.{kind}" in tensors:
                tensors[f"head.{kind}"] = tensors[f"embedding.{kind}"]
    try:
        model.load_state_dict(tensors, assign=True)
    except RuntimeError as error:
        raise ModelUnavailable(f"the weights at {directory} do not fit config.json") from error
    if config.tie_embeddings:  # loading made two parameters of the one
        model.head.weight = model.embedding.weight
    model.reset_rotary_tables()
    return model.eval().requires_grad_(False)


def _check_digests(directory: Path, weights: WeightFiles) -> None:
    """Refuse weights that are not the ones `config.json` was written for."""
    promised = json.loads((directory / CONFIG_FILE).read_text(encoding="utf-8")).get(_DIGEST)
    if promised is None:
        return
    actual = weights.digests()
    if isinstance(promised, str):
        promised = dict.fromkeys(actual, promised)
    for file in sorted(promised.keys() | actual.keys()):
        if promised.get(file) != actual.get(file):
            raise ModelUnavailable(
                f"{directory / file} is damaged or was changed: its sha256 is not the one in "
                f"{CONFIG_FILE}; fetch or train the model again"
            )


def write_atomically(path: Path, text: str) -> None:
    """Write a text file so that a crash leaves either the old or the new one."""
    temporary = path.with_name(path.name + ".tmp")
    with temporary.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
