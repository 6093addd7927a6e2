"""The reader's files: `config.json`, `vocabulary.json`, `model.safetensors`, checked when read.

The encoder's matrices are int8 with a scale a row, the rest is float16; `config.json` names the
sha256 of both other files, so a truncated or exchanged file is an error and never a bad answer.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from retrieval.errors import ReaderDamaged

if TYPE_CHECKING:
    import torch

    from retrieval.reading.network import ReaderNetwork
    from retrieval.reading.words import Vocabulary

CONFIG_NAME = "config.json"
VOCABULARY_NAME = "vocabulary.json"
WEIGHTS_NAME = "model.safetensors"
_SCALES = ".scales"


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
    from safetensors.torch import save_file

    directory.mkdir(parents=True, exist_ok=True)
    vocabulary.save(directory / VOCABULARY_NAME)
    weights: dict[str, torch.Tensor] = {}
    for name, value in network.state_dict().items():
        if name.startswith("encoder.") and value.ndim == 2:
            weights[name], weights[name + _SCALES] = quantise(value)
        else:
            weights[name] = value.half().contiguous()
    save_file(weights, directory / WEIGHTS_NAME)
    sums = {name: _sha256(directory / name) for name in (VOCABULARY_NAME, WEIGHTS_NAME)}
    config = {"shape": asdict(network.shape), "sha256": sums}
    (directory / CONFIG_NAME).write_text(json.dumps(config, indent=2) + "\n")


def load(directory: Path) -> tuple[ReaderNetwork, Vocabulary, str]:
    """Read what `save` wrote; the last of it names the exact weights.

    Raises:
        ReaderDamaged: a file is missing, damaged, or not the one that `config.json` names.
    """
    from safetensors.torch import load_file

    from retrieval.reading.encoder import Shape
    from retrieval.reading.network import ReaderNetwork
    from retrieval.reading.words import Vocabulary

    try:
        config = json.loads((directory / CONFIG_NAME).read_text("utf-8"))
        for name, expected in config["sha256"].items():
            if _sha256(directory / name) != expected:
                raise ValueError(f"{name} is not the file that {CONFIG_NAME} names")
        vocabulary = Vocabulary.load(directory / VOCABULARY_NAME)
        weights = load_file(directory / WEIGHTS_NAME)
        network = ReaderNetwork(Shape(**config["shape"]))
        scales = {name: weights.pop(name) for name in list(weights) if name.endswith(_SCALES)}
        network.load_state_dict(
            {
                name: restored(value, scales[name + _SCALES])
                if name + _SCALES in scales
                else value.float()
                for name, value in weights.items()
            }
        )
    except Exception as error:
        raise ReaderDamaged(
            f"the reader in {directory} is damaged: {error}",
            "restore the directory from the project's release",
        ) from error
    return network.eval(), vocabulary, f"reader-{config['sha256'][WEIGHTS_NAME][:12]}"


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
