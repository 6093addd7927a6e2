"""LoRA, soft prompts and freezing change what they should, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from chatapp.model.adapter import (
    AdapterConfig,
    AdapterError,
    LowRank,
    apply_adapter,
    merge,
    save_adapter,
)
from chatapp.model.gpt import GPT
from chatapp.model.tokenizer import ChatTokenizer
from chatapp.training.adapters import Tuning, trainable_parameters
from chatapp.training.recipe import RecipeError

TOKENS = torch.arange(20)[None] + 30


def rng() -> torch.Generator:
    return torch.Generator().manual_seed(7)


def tuned(gpt: GPT, tokenizer: ChatTokenizer, method: str) -> Tuning:
    tuning = Tuning(method, rank=3, prompt_tokens=4)
    tuning.prepare(gpt, tokenizer, rng())
    return tuning


def move_adapters(gpt: GPT) -> None:
    """Pretend to have trained: give LoRA's second factors values."""
    for module in gpt.modules():
        if isinstance(module, LowRank):
            torch.nn.init.normal_(module.b, std=0.2, generator=rng())


def test_lora_begins_at_the_base_model(gpt: GPT, tokenizer: ChatTokenizer) -> None:
    """Before the first step nothing has changed, and only the additions are trained."""
    before = gpt(TOKENS)
    weights = sum(p.numel() for p in gpt.parameters())
    tuned(gpt, tokenizer, "lora")
    assert torch.equal(gpt(TOKENS), before)
    assert 0 < trainable_parameters(gpt) < weights / 2
    assert all("parametrizations" in n for n, p in gpt.named_parameters() if p.requires_grad)


def test_merged_weights_equal_the_adapter(gpt: GPT, tokenizer: ChatTokenizer) -> None:
    """Merging leaves a plain model with the very logits of the adapted one."""
    plain = gpt(TOKENS)
    names = list(gpt.state_dict())
    tuned(gpt, tokenizer, "lora")
    move_adapters(gpt)
    adapted = gpt(TOKENS)
    assert not torch.allclose(adapted, plain, atol=1e-2)
    merge(gpt)
    assert torch.equal(gpt(TOKENS), adapted)
    assert sorted(gpt.state_dict()) == sorted(names)


@pytest.mark.parametrize("method", ["lora", "prompt"])
def test_an_exported_adapter_brings_the_tuning_to_a_fresh_model(
    gpt: GPT, tokenizer: ChatTokenizer, tmp_path: Path, method: str
) -> None:
    """Saved, loaded onto an untouched copy of the base, the logits are the same."""
    fresh = GPT(gpt.config)
    fresh.load_state_dict(gpt.state_dict())
    tuning = tuned(gpt, tokenizer, method)
    move_adapters(gpt)
    tokens = torch.cat((torch.tensor([[0, *tokenizer.prefix]]), TOKENS), dim=1)
    save_adapter(tmp_path, gpt, tuning.described("../base", "abc"))
    config = AdapterConfig.load(tmp_path)
    assert (config.base, config.base_sha256) == ("../base", "abc")
    apply_adapter(fresh, tmp_path, config)
    assert torch.equal(fresh(tokens), gpt(tokens))
    tokenizer.prefix = ()


def test_a_soft_prompt_is_ids_at_the_start_of_every_sequence(
    gpt: GPT, tokenizer: ChatTokenizer
) -> None:
    """The tokenizer puts them after the first token; text that was known stays as it was."""
    before = gpt(TOKENS)
    plain = tokenizer.encode_chat([("user", "Hi")]).ids
    tuned(gpt, tokenizer, "prompt")
    prompted = tokenizer.encode_chat([("user", "Hi")])
    virtual = list(range(gpt.config.vocab_size, gpt.config.vocab_size + 4))
    assert prompted.ids == [plain[0], *virtual, *plain[1:]]
    assert not any(prompted.trained[:5])
    assert torch.equal(gpt(TOKENS), before)
    assert trainable_parameters(gpt) == 4 * gpt.config.d_model
    tokenizer.prefix = ()


def thawed(gpt: GPT) -> set[str]:
    return {name.split(".weight")[0] for name, p in gpt.named_parameters() if p.requires_grad}


def test_gradual_unfreezing_thaws_from_the_top(gpt: GPT, tokenizer: ChatTokenizer) -> None:
    """Head and last block first, then block by block, the embedding last."""
    tuning = tuned(gpt, tokenizer, "gradual")
    tuning.thaw_to(gpt, 0.0)
    first = thawed(gpt)
    assert {"head", "final_norm", "blocks.1.mlp.down"} <= first
    assert not any(name.startswith(("blocks.0", "embedding")) for name in first)
    tuning.thaw_to(gpt, 0.3)
    assert "blocks.0.mlp.down" in thawed(gpt)
    assert "embedding" not in thawed(gpt)
    tuning.thaw_to(gpt, 0.5)
    assert trainable_parameters(gpt) == sum(p.numel() for p in gpt.parameters())


def test_last_layer_tuning_never_thaws(gpt: GPT, tokenizer: ChatTokenizer) -> None:
    tuning = tuned(gpt, tokenizer, "last")
    first = thawed(gpt)
    tuning.thaw_to(gpt, 1.0)
    assert thawed(gpt) == first
    assert not any(name.startswith(("blocks.0", "embedding")) for name in first)


def test_an_unknown_method_names_the_known_ones() -> None:
    with pytest.raises(RecipeError, match="known: full, last, gradual, lora, prompt"):
        Tuning("half")


def test_an_adapter_of_another_model_is_refused(
    gpt: GPT, tokenizer: ChatTokenizer, tmp_path: Path
) -> None:
    """A wrong shape is named, not broadcast."""
    tuning = tuned(gpt, tokenizer, "lora")
    save_adapter(tmp_path, gpt, tuning.described("base", ""))
    smaller = GPT(gpt.config.__class__(**{**vars(gpt.config), "d_ff": 32}))
    with pytest.raises(AdapterError, match="does not fit its model"):
        apply_adapter(smaller, tmp_path, AdapterConfig.load(tmp_path))


def test_a_damaged_adapter_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AdapterError, match="cannot be read"):
        AdapterConfig.load(tmp_path)
    (tmp_path / "adapter_config.json").write_text(
        '{"peft_type": "IA3", "base_model_name_or_path": "x"}'
    )
    with pytest.raises(AdapterError, match="known: LORA, PROMPT_TUNING"):
        AdapterConfig.load(tmp_path)
