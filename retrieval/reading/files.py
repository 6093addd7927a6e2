"""The reader's files: `config.json`, `vocabulary.json`, `model.safetensors`, checked when read.

The encoder's matrices are int8 with a scale a row, the rest is float16; `config.json` names the
sha256 of both other files, so a truncated or exchanged file is an error and never a bad answer.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retrieval.errors import ReaderDamaged

if TYPE_CHECKING:
    from collections.abc import Mapping

    import torch

    from retrieval.reading.network import ReaderNetwork
    from retrieval.reading.words import Vocabulary

CONFIG_NAME = "config.json"
VOCABULARY_NAME = "vocabulary.json"
WEIGHTS_NAME = "model.safetensors"
SCALES = ".scales"


def quantise(weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return int8 rows and their scales, (rows, columns) and (rows,)."""
    import torch

    scales = (weight.abs().amax(1) / 127).clamp_min(1e-8)
    return (weight / scales[:, None]).round().to(torch.int8), scales.to(torch.float16)


def restored(rows: torch.Tensor, scales: torch.Tensor) -> torch.Tensor:
    """Return the float32 weight of what `quantise` gave."""
    return rows.float() * scales.float()[:, None]


def save(network: ReaderNetwork, vocabulary: Vocabulary, directory: Path) -> None:
    """Write a reader as it ships."""
    directory.mkdir(parents=True, exist_ok=True)
    vocabulary.save(directory / VOCABULARY_NAME)
    write(network.state_dict(), asdict(network.shape), directory, VOCABULARY_NAME)


def write(
    state: Mapping[str, torch.Tensor],
    shape: Mapping[str, Any],
    directory: Path,
    beside: str,
    packed: tuple[str, ...] = ("encoder.",),
) -> None:
    """Write weights, and the config that holds their sum and that of the file `beside` them.

    Matrices whose names begin like one of `packed` become int8, all others float16.
    """
    from safetensors.torch import save_file

    weights: dict[str, torch.Tensor] = {}
    for name, value in state.items():
        if name.startswith(packed) and value.ndim == 2:
            weights[name], weights[name + SCALES] = quantise(value)
        else:
            weights[name] = value.half().contiguous()
    save_file(weights, directory / WEIGHTS_NAME)
    sums = {name: sha256(directory / name) for name in (beside, WEIGHTS_NAME)}
    config = {"shape": shape, "sha256": sums}
    (directory / CONFIG_NAME).write_text(json.dumps(config, indent=2) + "\n")


def load(directory: Path) -> tuple[ReaderNetwork, Vocabulary, str]:
    """Read what `save` wrote; the last of it names the exact weights.

    Raises:
        ReaderDamaged: a file is missing, damaged, or not the one that `config.json` names.
    """
    from retrieval.reading.encoder import Shape
    from retrieval.reading.network import ReaderNetwork
    from retrieval.reading.words import Vocabulary

    try:
        config = checked_config(directory)
        vocabulary = Vocabulary.load(directory / VOCABULARY_NAME)
        network = ReaderNetwork(Shape(**config["shape"]))
        network.load_state_dict(read_weights(directory / WEIGHTS_NAME))
    except Exception as error:
        raise ReaderDamaged(
            f"the reader in {directory} is damaged: {error}",
            "restore the directory from the project's release",
        ) from error
    return network.eval(), vocabulary, f"reader-{config['sha256'][WEIGHTS_NAME][:12]}"


def checked_config(directory: Path) -> dict[str, Any]:
    """Return `config.json` if the files beside it are those whose sums it holds.

    Raises:
        ValueError: one is another file.
        OSError: one cannot be read.
    """
    config: dict[str, Any] = json.loads((directory / CONFIG_NAME).read_text("utf-8"))
    for name, expected in config["sha256"].items():
        if sha256(directory / name) != expected:
            raise ValueError(f"{name} is not the file that {CONFIG_NAME} names")
    return config


def read_weights(file: Path) -> dict[str, torch.Tensor]:
    """Return the tensors of `file` in float32, int8 rows multiplied by their scales."""
    from safetensors.torch import load_file

    weights = load_file(file)
    scales = {name: weights.pop(name) for name in list(weights) if name.endswith(SCALES)}
    return {
        name: restored(value, scales[name + SCALES]) if name + SCALES in scales else value.float()
        for name, value in weights.items()
    }


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
