"""After `import chatapp.model.hf`, a model trained here is a model of `transformers`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, StaticCache

import chatapp.model.hf as hf
from chatapp.inference.engine import Engine
from chatapp.inference.generator import ChatMessage, SamplingParams, TextDelta
from chatapp.inference.torch_decoder import TorchDecoder
from chatapp.model.checkpoint import load_model, save_model
from chatapp.model.config import ModelConfig
from chatapp.model.gpt import GPT
from chatapp.model.int8 import quantise_model
from chatapp.model.interop.importing import import_model
from tests.model.families import make
from tests.model.test_gpt import VARIANTS, tiny

FIXTURE = Path(__file__).parents[1] / "fixtures" / "model"
CHAT = [("user", "Hello"), ("assistant", "Hi!"), ("user", "What can you do?")]
PATTERNS = ["dense", "local(5)", "strided(3)", "sparse(5, 3)", "fixed(6, 2)"]


def wrapped(model: GPT) -> hf.ChatappForCausalLM:
    """Put a model of ours into the class of `transformers`."""
    outer = hf.ChatappForCausalLM(hf.ChatappConfig(**model.config.to_dict()))
    outer.model.load_state_dict(model.state_dict())
    return outer.eval()


def some_tokens(rows: int, length: int) -> Tensor:
    return torch.randint(3, 50, (rows, length), generator=torch.Generator().manual_seed(3))


@torch.inference_mode()
def test_a_checkpoint_trained_here_gives_the_engines_logits() -> None:
    theirs = AutoModelForCausalLM.from_pretrained(FIXTURE, dtype=torch.float32)
    ours, _ = load_model(FIXTURE)
    tokens = some_tokens(2, 200)
    torch.testing.assert_close(theirs(tokens).logits, ours(tokens), atol=0, rtol=0)


@torch.inference_mode()
def test_a_checkpoint_in_8_bits_is_multiplied_out(tmp_path: Path) -> None:
    """Bytes as weights would load without a word and mean nothing."""
    model, tokenizer = load_model(FIXTURE)
    save_model(tmp_path, quantise_model(model), tokenizer)
    theirs = AutoModelForCausalLM.from_pretrained(tmp_path, local_files_only=True)
    assert theirs.dtype == torch.float32
    assert theirs.generation_config.eos_token_id == [1, 0]
    table, exact = theirs.get_input_embeddings().weight, model.embedding.weight
    assert (table - exact).abs().max() <= exact.abs().max() / 127 / 2 + 1e-6
    tokens = some_tokens(1, 50)
    agreement = (theirs(tokens).logits.argmax(-1) == model(tokens).argmax(-1)).float().mean()
    assert agreement > 0.8
    with pytest.raises(ValueError, match="without device_map"):
        AutoModelForCausalLM.from_pretrained(tmp_path, device_map="meta")


def test_generate_says_what_the_engine_says() -> None:
    """Greedy, through the same template, over the cache, until the model ends its turn."""
    model, tokenizer = load_model(FIXTURE)
    engine = Engine("tiny", TorchDecoder(model), tokenizer)
    params = SamplingParams(greedy=True, repetition_penalty=1.0, max_tokens=40)
    said = engine.stream([ChatMessage(*turn) for turn in CHAT], params, lambda: False)  # type: ignore[arg-type]
    text = "".join(item.text for item in said if isinstance(item, TextDelta))
    theirs = AutoModelForCausalLM.from_pretrained(FIXTURE, dtype=torch.float32)
    words = AutoTokenizer.from_pretrained(FIXTURE)
    assert (words.bos_token_id, words.eos_token_id, words.pad_token_id) == (0, 1, 2)
    prompt = words.apply_chat_template(
        [{"role": role, "content": content} for role, content in CHAT],
        add_generation_prompt=True,
        return_tensors="pt",
        return_dict=True,
    )
    out = theirs.generate(**prompt, do_sample=False, max_new_tokens=40)
    new = out[0, prompt["input_ids"].shape[1] :]
    assert words.decode(new, skip_special_tokens=True) == text
    assert theirs.generation_config.eos_token_id == [1, 0]


@pytest.mark.parametrize("variant", ["ours", *VARIANTS])
@torch.inference_mode()
def test_every_variant_is_saved_and_loaded_both_ways(variant: str, tmp_path: Path) -> None:
    model = tiny(("dense", "sparse(5, 3)"), tied=variant == "gpt2", **VARIANTS.get(variant, {}))
    wrapped(model).save_pretrained(tmp_path)
    again = AutoModelForCausalLM.from_pretrained(tmp_path)
    tokens = some_tokens(2, 30)
    torch.testing.assert_close(again(tokens).logits, model(tokens), atol=0, rtol=0)
    (tmp_path / "tokenizer.json").write_bytes((FIXTURE / "tokenizer.json").read_bytes())
    config = ModelConfig.load(tmp_path / "config.json")
    assert config == model.config
    assert AutoConfig.from_pretrained(tmp_path).shape() == model.config


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("side", ["left", "right"])
@torch.inference_mode()
def test_a_padded_row_gives_the_logits_it_gives_alone(pattern: str, side: str) -> None:
    """For every pattern and either side, at once and over the cache; lm-eval pads both ways."""
    model = wrapped(tiny(("dense", pattern)))
    lengths = [20, 7, 13]
    rows = [some_tokens(1, length)[0] for length in lengths]
    ids, mask = torch.zeros(3, 20, dtype=torch.int64), torch.zeros(3, 20, dtype=torch.int64)
    for index, row in enumerate(rows):
        at = slice(20 - len(row), 20) if side == "left" else slice(0, len(row))
        ids[index, at], mask[index, at] = row, 1
    whole = model(ids, attention_mask=mask).logits
    first = model(ids[:, :12], attention_mask=mask[:, :12])
    rest = model(ids[:, 12:], attention_mask=mask, past_key_values=first.past_key_values)
    stepped = torch.cat((first.logits, rest.logits), dim=1)
    for index, row in enumerate(rows):
        alone = model(row[None]).logits[0]
        real = mask[index].bool()
        torch.testing.assert_close(whole[index][real], alone, atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(stepped[index][real], alone, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_generating_a_batch_is_generating_each_row(pattern: str) -> None:
    model = wrapped(tiny(("dense", pattern)))
    rows = [some_tokens(1, length)[0] for length in (15, 4)]
    ids = torch.stack([rows[0], torch.cat((torch.zeros(11, dtype=torch.int64), rows[1]))])
    mask = torch.ones_like(ids)
    mask[1, :11] = 0
    options = {"do_sample": False, "max_new_tokens": 12, "eos_token_id": None}
    together = model.generate(ids, attention_mask=mask, **options)[:, 15:]
    for index, row in enumerate(rows):
        alone = model.generate(row[None], **options)[0, len(row) :]
        assert together[index].tolist() == alone.tolist()


def test_beams_keep_their_own_caches() -> None:
    model = wrapped(tiny(("dense", "sparse(5, 3)")))
    options = {"num_beams": 3, "do_sample": False, "max_new_tokens": 8}
    tokens = some_tokens(1, 9)
    cached = model.generate(tokens, use_cache=True, **options)
    assert cached.tolist() == model.generate(tokens, use_cache=False, **options).tolist()


def test_a_loss_and_gradients_come_of_labels() -> None:
    model = wrapped(tiny(("dense", "sparse(5, 3)"))).train()
    tokens = some_tokens(2, 20)
    output = model(tokens, labels=tokens)
    expected = torch.nn.functional.cross_entropy(
        output.logits[:, :-1].flatten(0, 1), tokens[:, 1:].flatten()
    )
    torch.testing.assert_close(output.loss, expected)
    output.loss.backward()
    assert all(weight.grad is not None for weight in model.parameters())
    assert output.past_key_values is None


def test_what_it_cannot_do_is_refused() -> None:
    model = wrapped(tiny(("dense",)))
    tokens = some_tokens(1, 5)
    with pytest.raises(ValueError, match="either input_ids or inputs_embeds"):
        model(tokens, inputs_embeds=torch.zeros(1, 5, 32))
    with pytest.raises(ValueError, match="never formed"):
        model(tokens, output_attentions=True)
    with pytest.raises(ValueError, match=r"must be \(B, T\)"):
        model(tokens, attention_mask=torch.ones(1, 1, 5, 5))
    static = StaticCache(config=model.config, max_cache_len=20)
    with pytest.raises(ValueError, match="use a DynamicCache"):
        model(tokens, past_key_values=static)


# PEFT 0.21 asks transformers for an attribute by its old name
@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")
def test_lora_adapters_train_merge_and_come_back(tmp_path: Path) -> None:
    """PEFT finds our layers by name; the merged model is one of ours again."""
    peft = pytest.importorskip("peft", reason="PEFT is not installed (extra dev)")
    model = wrapped(tiny(("dense", "sparse(5, 3)")))
    tokens = some_tokens(2, 20)
    before = model(tokens).logits.detach()
    tuned = peft.get_peft_model(
        model, peft.LoraConfig(r=2, target_modules=["query", "value"], task_type="CAUSAL_LM")
    )
    optimiser = torch.optim.AdamW([w for w in tuned.parameters() if w.requires_grad], lr=0.05)
    losses = []
    for _ in range(5):
        loss = tuned(input_ids=tokens, labels=tokens).loss
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0]
    adapted = tuned.eval()(input_ids=tokens).logits.detach()
    assert not torch.allclose(adapted, before)
    tuned.save_pretrained(tmp_path / "adapter")
    fresh = peft.PeftModel.from_pretrained(
        wrapped(tiny(("dense", "sparse(5, 3)"))), tmp_path / "adapter"
    )
    torch.testing.assert_close(fresh.eval()(input_ids=tokens).logits.detach(), adapted)
    merged = tuned.merge_and_unload()
    merged.save_pretrained(tmp_path / "merged")
    (tmp_path / "merged" / "tokenizer.json").write_bytes((FIXTURE / "tokenizer.json").read_bytes())
    again = AutoModelForCausalLM.from_pretrained(tmp_path / "merged")
    torch.testing.assert_close(again(tokens).logits.detach(), adapted, atol=1e-5, rtol=1e-4)


@torch.inference_mode()
def test_an_imported_model_keeps_its_own_ends_and_template(tmp_path: Path) -> None:
    make(tmp_path / "theirs", "qwen2")
    import_model(tmp_path / "theirs", tmp_path / "ours")
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "ours")
    assert isinstance(model, hf.ChatappForCausalLM)
    words = AutoTokenizer.from_pretrained(tmp_path / "ours")
    assert (words.eos_token, words.pad_token) == ("<|im_end|>", "<|endoftext|>")
    assert "im_start" in words.chat_template
    assert model.generation_config.eos_token_id == [2, 0]
    saved = json.loads((tmp_path / "ours" / "config.json").read_text())
    assert saved["pad_token_id"] == 0
