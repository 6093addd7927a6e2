"""Where each tensor of a Hugging Face file stands in our model: names, splits and transposes.

GPT-1 and GPT-2 keep queries, keys and values in one matrix and store matrices transposed
(`Conv1D`); the Llama relatives differ from ours in names only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from chatapp.model.config import ModelConfig

# Kept in files by old versions of transformers, and computed, not learned.
_NO_WEIGHTS = re.compile(r"(.*\.)?(attn\.(bias|masked_bias)|rotary_emb\.inv_freq|position_ids)$")


@dataclass(frozen=True)
class Entry:
    """One tensor of theirs, made of one or several of ours, one above the other."""

    theirs: str
    ours: tuple[str, ...]
    transposed: bool = False

    def split(self, tensor: Tensor, rows: Mapping[str, int]) -> Iterator[tuple[str, Tensor]]:
        """Cut their tensor into ours; `rows` is the first dimension of each of ours."""
        whole = tensor.T if self.transposed else tensor
        parts = torch.split(whole, [rows[name] for name in self.ours])
        yield from zip(self.ours, parts, strict=True)

    def join(self, tensors: list[Tensor]) -> Tensor:
        """Put ours together to theirs."""
        whole = tensors[0] if len(tensors) == 1 else torch.cat(tensors)
        return (whole.T if self.transposed else whole).contiguous()


def layout(model_type: str, config: ModelConfig) -> list[Entry]:
    """Return an entry for each tensor in a file of the family `model_type`."""
    if model_type in ("gpt2", "openai-gpt"):
        return _gpt_layout(model_type, config)
    return _llama_layout(config)


def is_weight(name: str) -> bool:
    """Tell learned tensors from tables that old files also hold."""
    return not _NO_WEIGHTS.match(name)


def _llama_layout(config: ModelConfig) -> list[Entry]:
    entries = [
        Entry("model.embed_tokens.weight", ("embedding.weight",)),
        Entry("model.norm.weight", ("final_norm.weight",)),
    ]
    if not config.tie_embeddings:
        entries.append(Entry("lm_head.weight", ("head.weight",)))
    biased = {"none": "", "qkv": "qkv", "attention": "qkvo", "all": "qkvogud"}[config.bias]
    parts = {
        "self_attn.q_proj": "attention.query",
        "self_attn.k_proj": "attention.key",
        "self_attn.v_proj": "attention.value",
        "self_attn.o_proj": "attention.output",
        "mlp.gate_proj": "mlp.gate",
        "mlp.up_proj": "mlp.up",
        "mlp.down_proj": "mlp.down",
    }
    names = {f"{their}.weight": f"{our}.weight" for their, our in parts.items()}
    for their, our in parts.items():
        if their.split(".")[1][0] in biased:
            names[f"{their}.bias"] = f"{our}.bias"
    names["input_layernorm.weight"] = "attention_norm.weight"
    names["post_attention_layernorm.weight"] = "mlp_norm.weight"
    if config.qk_norm == "weighted":
        names["self_attn.q_norm.weight"] = "attention.query_norm.weight"
        names["self_attn.k_norm.weight"] = "attention.key_norm.weight"
    for layer in range(config.n_layers):
        entries += [
            Entry(f"model.layers.{layer}.{their}", (f"blocks.{layer}.{our}",))
            for their, our in names.items()
        ]
    return entries


def _gpt_layout(model_type: str, config: ModelConfig) -> list[Entry]:
    first = model_type == "openai-gpt"
    tokens, positions = ("tokens_embed", "positions_embed") if first else ("wte", "wpe")
    entries = [
        Entry(f"transformer.{tokens}.weight", ("embedding.weight",)),
        Entry(f"transformer.{positions}.weight", ("positions.weight",)),
    ]
    if not first:
        entries += [
            Entry(f"transformer.ln_f.{kind}", (f"final_norm.{kind}",))
            for kind in ("weight", "bias")
        ]
    if not config.tie_embeddings:
        entries.append(Entry("lm_head.weight", ("head.weight",)))
    parts = {
        "attn.c_attn": ("attention.query", "attention.key", "attention.value"),
        "attn.c_proj": ("attention.output",),
        "mlp.c_fc": ("mlp.up",),
        "mlp.c_proj": ("mlp.down",),
        "ln_1": ("attention_norm",),
        "ln_2": ("mlp_norm",),
    }
    for layer in range(config.n_layers):
        for their, ours in parts.items():
            for kind in ("weight", "bias"):
                entries.append(
                    Entry(
                        f"transformer.h.{layer}.{their}.{kind}",
                        tuple(f"blocks.{layer}.{our}.{kind}" for our in ours),
                        transposed=kind == "weight" and "." in their,
                    )
                )
    return entries
