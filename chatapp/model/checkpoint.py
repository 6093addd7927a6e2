"""A model on disk: `config.json`, `model.safetensors` and `tokenizer.json` in one directory.

Weights may be stored as float32, bfloat16 or float16; they are loaded into the dtype asked for.
Files are written beside their target and renamed, so a crash leaves the old ones whole.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from chatapp.model.config import ModelConfig, ModelConfigError
from chatapp.model.gpt import GPT
from chatapp.model.tokenizer import ChatTokenizer, TokenizerError

CONFIG_FILE = "config.json"
WEIGHTS_FILE = "model.safetensors"
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
) -> None:
    """Write the three files; `metadata` goes into the safetensors header."""
    directory.mkdir(parents=True, exist_ok=True)
    tensors: dict[str, Tensor] = {
        name: tensor.detach().to(dtype).contiguous().cpu()
        for name, tensor in model.state_dict().items()
        if not (name == "head.weight" and model.config.tie_embeddings)
    }
    temporary = directory / (WEIGHTS_FILE + ".tmp")
    save_file(tensors, temporary, metadata=dict(metadata or {}))
    digest = hashlib.sha256(temporary.read_bytes()).hexdigest()
    temporary.chmod(0o644)  # the library writes it for its owner alone
    temporary.replace(directory / WEIGHTS_FILE)
    tokenizer_file = directory / (TOKENIZER_FILE + ".tmp")
    tokenizer.save(tokenizer_file)
    tokenizer_file.replace(directory / TOKENIZER_FILE)
    config = {**model.config.to_dict(), _DIGEST: digest}
    write_atomically(directory / CONFIG_FILE, json.dumps(config, indent=2) + "\n")


def load_model(directory: Path, dtype: torch.dtype = torch.float32) -> tuple[GPT, ChatTokenizer]:
    """Load weights and tokenizer.

    Raises:
        ModelUnavailable: a file is missing, damaged, or does not fit the others.
    """
    for name in (CONFIG_FILE, WEIGHTS_FILE, TOKENIZER_FILE):
        if not (directory / name).is_file():
            raise ModelUnavailable(
                f"no model at {directory}: {name} is missing; set `model` to the directory of "
                "one, or train one with `chatapp train`"
            )
    try:
        config = ModelConfig.load(directory / CONFIG_FILE)
        tokenizer = ChatTokenizer.load(directory / TOKENIZER_FILE)
        _check_digest(directory)
        tensors = load_file(directory / WEIGHTS_FILE)
    except (ModelConfigError, TokenizerError, SafetensorError) as error:
        raise ModelUnavailable(f"the model at {directory} cannot be read: {error}") from error
    if tokenizer.vocab_size > config.vocab_size:
        raise ModelUnavailable(
            f"the tokenizer at {directory} has {tokenizer.vocab_size} tokens, "
            f"the model only {config.vocab_size}: the files belong to different models"
        )
    return _build(config, tensors, dtype, directory), tokenizer


def _build(
    config: ModelConfig, tensors: dict[str, Tensor], dtype: torch.dtype, directory: Path
) -> GPT:
    with torch.device("meta"):
        model = GPT(config)
    if config.tie_embeddings:
        tensors["head.weight"] = tensors["embedding.weight"]
    tensors = {name: tensor.to(dtype) for name, tensor in tensors.items()}
    try:
        model.load_state_dict(tensors, assign=True)
    except RuntimeError as error:
        raise ModelUnavailable(f"the weights at {directory} do not fit config.json") from error
    model.reset_rotary_tables()
    return model.eval().requires_grad_(False)


def _check_digest(directory: Path) -> None:
    """Refuse weights that are not the ones `config.json` was written for."""
    config = json.loads((directory / CONFIG_FILE).read_text(encoding="utf-8"))
    with (directory / WEIGHTS_FILE).open("rb") as file:
        actual = hashlib.file_digest(file, "sha256").hexdigest()
    if config.get(_DIGEST, actual) != actual:
        raise ModelUnavailable(
            f"{directory / WEIGHTS_FILE} is damaged or was changed: its sha256 is not the one in "
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
