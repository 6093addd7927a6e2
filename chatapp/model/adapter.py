"""Adapters: small sets of weights that change what a frozen model does, kept in their own files.

LoRA (arXiv:2106.09685) adds `alpha / rank * B A` to chosen matrices; a soft prompt
(arXiv:2104.08691) adds rows to the embedding, whose ids then stand at the start of every sequence.
Both are parametrisations of existing weights, so no module changes its type, every decoder reads
the adapted weights where it reads plain ones, and merging is to keep the computed value.

An adapter directory holds `adapter_config.json` and `adapter_model.safetensors`, with the names
that the `peft` library gives files and keys, and names the model it belongs to.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn.utils import parametrize

CONFIG_FILE = "adapter_config.json"
WEIGHTS_FILE = "adapter_model.safetensors"
_PREFIX = "base_model.model."
_PROMPT = "prompt_embeddings"


class AdapterError(ValueError):
    """An adapter that cannot be read or does not fit its model; the message names the fix."""


class LowRank(nn.Module):
    """The parametrisation `W -> W + alpha / rank * B A` of a (out, in) matrix.

    The product is formed once a forward pass, which costs rank / batch-tokens of the layer itself.
    """

    def __init__(self, out: int, width: int, rank: int, alpha: float) -> None:
        super().__init__()
        self.a = nn.Parameter(torch.empty(rank, width))
        self.b = nn.Parameter(torch.zeros(out, rank))  # zero: training begins at the base model
        nn.init.normal_(self.a, std=width**-0.5)
        self.scale = alpha / rank

    def forward(self, weight: Tensor) -> Tensor:
        return weight + (self.scale * (self.b @ self.a)).to(weight.dtype)


class SoftPrompt(nn.Module):
    """The parametrisation of a (V, d) embedding by n more rows, with ids V to V + n - 1."""

    def __init__(self, rows: Tensor) -> None:
        super().__init__()
        self.rows = nn.Parameter(rows.clone())

    def forward(self, table: Tensor) -> Tensor:
        return torch.cat((table, self.rows.to(table.dtype)))


def add_lora(model: nn.Module, targets: tuple[str, ...], rank: int, alpha: float) -> None:
    """Put a fresh LoRA on every linear layer whose last name is among `targets`.

    Raises:
        AdapterError: no layer has such a name.
    """
    chosen = [
        (name, module)
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear) and name.rpartition(".")[2] in targets
    ]
    if not chosen:
        raise AdapterError(f"no linear layer is called {' or '.join(targets)}")
    for _, module in chosen:
        adapter = LowRank(module.out_features, module.in_features, rank, alpha)
        parametrize.register_parametrization(module, "weight", adapter.to(module.weight.device))


def add_soft_prompt(embedding: nn.Embedding, rows: Tensor) -> None:
    """Append trainable rows (n, d) to an embedding."""
    # unsafe: the library expects parametrisations to keep the shape, and this one adds rows
    parametrize.register_parametrization(embedding, "weight", SoftPrompt(rows), unsafe=True)


def merge(model: nn.Module) -> None:
    """Make every adapter part of the weights it changes; the model is plain again."""
    for module in list(model.modules()):
        if parametrize.is_parametrized(module, "weight"):
            parametrize.remove_parametrizations(module, "weight", leave_parametrized=True)


@dataclass(frozen=True)
class AdapterConfig:
    """What `adapter_config.json` says: which model, which kind, which shape."""

    base: str
    base_sha256: str
    kind: str
    rank: int = 0
    alpha: float = 0.0
    targets: tuple[str, ...] = ()
    prompt_tokens: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        common = {
            "peft_type": self.kind,
            "task_type": "CAUSAL_LM",
            "base_model_name_or_path": self.base,
            "base_weights_sha256": self.base_sha256,
        }
        if self.kind == "LORA":
            shape = {"r": self.rank, "lora_alpha": self.alpha, "target_modules": self.targets}
            return {**common, **shape}
        return {**common, "num_virtual_tokens": self.prompt_tokens}

    @classmethod
    def load(cls, directory: Path) -> AdapterConfig:
        """Read an adapter directory's config.

        Raises:
            AdapterError: damaged, or of a kind this program does not know.
        """
        try:
            values = json.loads((directory / CONFIG_FILE).read_text(encoding="utf-8"))
            kind, base = values["peft_type"], values["base_model_name_or_path"]
            digest = values.get("base_weights_sha256", "")
            if kind == "LORA":
                targets = tuple(values["target_modules"])
                return cls(base, digest, kind, values["r"], values["lora_alpha"], targets)
            if kind == "PROMPT_TUNING":
                return cls(base, digest, kind, prompt_tokens=values["num_virtual_tokens"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise AdapterError(f"the adapter at {directory} cannot be read: {error!r}") from error
        raise AdapterError(
            f"the adapter at {directory} is of kind {kind!r}; known: LORA, PROMPT_TUNING"
        )


def save_adapter(directory: Path, model: nn.Module, config: AdapterConfig) -> None:
    """Write the adapters that are on a model; the config is renamed into place last."""
    directory.mkdir(parents=True, exist_ok=True)
    tensors: dict[str, Tensor] = {}
    for name, module in model.named_modules():
        if isinstance(module, LowRank):
            layer = name.removesuffix(".parametrizations.weight.0")
            tensors[f"{_PREFIX}{layer}.lora_A.weight"] = module.a.detach().cpu().contiguous()
            tensors[f"{_PREFIX}{layer}.lora_B.weight"] = module.b.detach().cpu().contiguous()
        elif isinstance(module, SoftPrompt):
            tensors[_PROMPT] = module.rows.detach().cpu().contiguous()
    weights = directory / (WEIGHTS_FILE + ".tmp")
    save_file(tensors, weights)
    weights.chmod(0o644)  # the library writes it for its owner alone
    weights.replace(directory / WEIGHTS_FILE)
    described = directory / (CONFIG_FILE + ".tmp")
    described.write_text(json.dumps(config.to_dict(), indent=2) + "\n", encoding="utf-8")
    described.replace(directory / CONFIG_FILE)


def apply_adapter(model: nn.Module, directory: Path, config: AdapterConfig) -> None:
    """Merge an adapter's weights into the model it was made for.

    Raises:
        AdapterError: the file is damaged, or its layers are not those of the model.
    """
    try:
        tensors = load_file(directory / WEIGHTS_FILE)
    except (OSError, SafetensorError) as error:
        raise AdapterError(f"the adapter at {directory} cannot be read: {error}") from error
    try:
        if config.kind == "PROMPT_TUNING":
            embedding = model.get_submodule("embedding")
            assert isinstance(embedding, nn.Embedding)
            add_soft_prompt(embedding, tensors[_PROMPT].to(embedding.weight))
        else:
            _attach_lora(model, tensors, config)
    except (KeyError, AttributeError, RuntimeError) as error:
        raise AdapterError(f"the adapter at {directory} does not fit its model: {error}") from error
    merge(model)
    model.requires_grad_(False)


def _attach_lora(model: nn.Module, tensors: dict[str, Tensor], config: AdapterConfig) -> None:
    for key in sorted(tensors):
        if not key.endswith(".lora_A.weight"):
            continue
        layer = key.removeprefix(_PREFIX).removesuffix(".lora_A.weight")
        module = model.get_submodule(layer)
        weight = module.weight
        assert isinstance(weight, Tensor)
        out, width = weight.shape
        adapter = LowRank(out, width, config.rank, config.alpha)
        state = {"a": tensors[key], "b": tensors[key.replace("lora_A", "lora_B")]}
        adapter.load_state_dict(state)
        parametrize.register_parametrization(module, "weight", adapter.to(weight.device))
