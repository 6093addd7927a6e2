"""What is imported and exported works at both ends, and what cannot be says why."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

from chatapp.model.checkpoint import load_model, save_model
from chatapp.model.config import ModelConfig
from chatapp.model.gpt import GPT
from chatapp.model.int8 import quantise_model
from chatapp.model.interop.errors import InteropError, UnsupportedModel
from chatapp.model.interop.exporting import export_model
from chatapp.model.interop.importing import import_model
from chatapp.model.tokenizer import ChatTokenizer
from tests.model import foreign
from tests.model.families import make

FIXTURE = Path(__file__).parents[1] / "fixtures" / "model"
CHAT = [("system", " Be brief. "), ("user", "Hello"), ("assistant", "(Hi)"), ("user", "  1 2\n")]


def own_model(directory: Path, **changes: Any) -> GPT:
    """Save a model of our own kind with random weights and the fixture's tokenizer."""
    tokenizer = ChatTokenizer.load(FIXTURE / "tokenizer.json")
    shape: dict[str, Any] = {"attention": ("dense",), **changes}
    config = ModelConfig(tokenizer.vocab_size, 3, 32, 4, 2, 48, 64, **shape)
    model = GPT(config).eval().requires_grad_(False)
    rng = torch.Generator().manual_seed(0)
    for name, weight in model.named_parameters():
        norm = weight.ndim == 1 and not name.endswith("bias")
        torch.nn.init.normal_(weight, mean=float(norm), std=0.1, generator=rng)
    save_model(directory, model, tokenizer)
    return model


@pytest.mark.parametrize(
    ("changes", "architecture"),
    [
        ({}, "qwen3"),
        ({"tie_embeddings": True}, "qwen3"),
        ({"attention": ("dense", "local(7)"), "bias": "qkv"}, "qwen3"),
        ({"qk_norm": "none"}, "llama"),
        ({"qk_norm": "none", "attention": ("local(7)",)}, "mistral"),
        ({"qk_norm": "none", "attention": ("local(7)", "dense")}, "qwen2"),
        ({"qk_norm": "none", "rope_layers": (True, False)}, "smollm3"),
    ],
)
@torch.inference_mode()
def test_a_model_trained_here_gives_its_logits_in_stock_transformers(
    changes: dict[str, Any], architecture: str, tmp_path: Path
) -> None:
    """The embedding norm is folded into the table; the largest difference seen is 2.9e-6."""
    ours = own_model(tmp_path / "ours", **changes)
    exported = export_model(tmp_path / "ours", tmp_path / "stock")
    assert exported.model_type == architecture
    stock = AutoModelForCausalLM.from_pretrained(tmp_path / "stock").eval()
    tokens = torch.randint(len(ours.embedding.weight), (2, 40))
    torch.testing.assert_close(stock(tokens).logits, ours(tokens), atol=1e-5, rtol=0)


def test_the_exported_tokenizer_writes_our_conversations(tmp_path: Path) -> None:
    """Template, ends and padding are those that the model was trained with."""
    own_model(tmp_path / "ours")
    export_model(tmp_path / "ours", tmp_path / "stock")
    ours = ChatTokenizer.load(FIXTURE / "tokenizer.json")
    theirs = AutoTokenizer.from_pretrained(tmp_path / "stock")
    messages = [{"role": role, "content": content} for role, content in CHAT]
    ids = theirs.apply_chat_template(messages, add_generation_prompt=True, return_dict=False)
    assert ids == ours.encode_prompt(CHAT)
    assert (theirs.bos_token_id, theirs.eos_token_id, theirs.pad_token_id) == (0, 1, 2)
    generation = json.loads((tmp_path / "stock" / "generation_config.json").read_text())
    assert generation["eos_token_id"] == [1, 0]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"attention": ("dense", "sparse(8, 4)")}, r"this model has sparse\(8, 4\)"),
        ({"attention": ("strided(4)",)}, r"strided\(4\)"),
        ({"attention": ("local(8)", "local(4)")}, r"one window only, not \[4, 8\]"),
        ({"norm_placement": "post"}, "norm_placement = 'post'"),
        ({"mlp": "gelu"}, "mlp = 'gelu'"),
        ({"rope_layers": (True, False)}, "qk_norm = 'unit'"),
        ({"bias": "all"}, "bias = 'all'"),
    ],
)
def test_what_no_stock_architecture_computes_is_refused_with_the_way_out(
    changes: dict[str, Any], reason: str, tmp_path: Path
) -> None:
    own_model(tmp_path / "ours", **changes)
    with pytest.raises(UnsupportedModel, match=reason) as refused:
        export_model(tmp_path / "ours", tmp_path / "stock")
    assert "import chatapp.model.hf" in refused.value.hint
    assert not list(tmp_path.glob("*stock*"))


def test_an_exported_model_can_be_smaller(tmp_path: Path) -> None:
    own_model(tmp_path / "ours")
    export_model(tmp_path / "ours", tmp_path / "stock", dtype=torch.bfloat16)
    stock = AutoModelForCausalLM.from_pretrained(tmp_path / "stock")
    assert stock.dtype == torch.bfloat16


@torch.inference_mode()
def test_a_model_in_8_bits_is_exported_multiplied_out(tmp_path: Path) -> None:
    ours = quantise_model(own_model(tmp_path / "float"))
    save_model(tmp_path / "ours", ours, ChatTokenizer.load(FIXTURE / "tokenizer.json"))
    exported = export_model(tmp_path / "ours", tmp_path / "stock")
    assert exported.dtype == torch.float32
    stock = AutoModelForCausalLM.from_pretrained(tmp_path / "stock").eval()
    weight, scale = ours.head.weight, ours.head.weight_scale
    assert isinstance(scale, torch.Tensor)
    torch.testing.assert_close(stock.lm_head.weight, weight.float() * scale[:, None])


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    own_model(tmp_path / "ours")
    make(tmp_path / "theirs", "llama")
    with pytest.raises(InteropError, match="is there already"):
        export_model(tmp_path / "ours", tmp_path / "theirs")
    with pytest.raises(InteropError, match="already"):
        import_model(tmp_path / "theirs", tmp_path / "ours")


def test_an_architecture_of_another_kind_is_taken_as_it_is(tmp_path: Path) -> None:
    """It is run by transformers, byte for byte the files that came."""
    config = CONFIG_MAPPING["gpt_neox"](
        vocab_size=400, hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
        intermediate_size=64,
    )  # fmt: skip
    AutoModelForCausalLM.from_config(config).save_pretrained(tmp_path / "theirs")
    foreign.base(tmp_path / "theirs")
    imported = import_model(tmp_path / "theirs", tmp_path / "ours")
    assert not imported.converted
    assert "'gpt_neox' is none of" in imported.reason
    assert not imported.chats
    for name in ("model.safetensors", "config.json", "tokenizer.json"):
        theirs, ours = tmp_path / "theirs" / name, tmp_path / "ours" / name
        assert theirs.read_bytes() == ours.read_bytes()


def damaged(directory: Path, case: str) -> str:
    """Break a Llama in one way; return what the message must say."""
    config = json.loads((directory / "config.json").read_text())
    match case:
        case "no config":
            (directory / "config.json").unlink()
            return "config.json is missing"
        case "no model_type":
            (directory / "config.json").write_text("{}")
            return "names no model_type"
        case "ours":
            (directory / "config.json").write_text('{"model_type": "chatapp_gpt"}')
            return "is a model of this app already"
        case "own code":
            changed = {"model_type": "mystery", "auto_map": {"AutoModel": "m.M"}}
            (directory / "config.json").write_text(json.dumps(config | changed))
            return "'mystery'; it brings code of its own, which is not run"
        case "pickled":
            for file in directory.glob("model*"):
                file.unlink()
            (directory / "pytorch_model.bin").write_bytes(b"code")
            return "weights are pickled"
        case "other shape":
            (directory / "config.json").write_text(json.dumps(config | {"intermediate_size": 50}))
            return r"has the shape \[.*\], against config.json"
        case "more layers":
            (directory / "config.json").write_text(json.dumps(config | {"num_hidden_layers": 5}))
            return "9 weights are missing"
        case "fewer layers":
            (directory / "config.json").write_text(json.dumps(config | {"num_hidden_layers": 3}))
            return r"model\.layers\.3\S+ has no place"
        case "no tokenizer":
            (directory / "tokenizer.json").unlink()
            return "tokenizer.json is missing"
        case "bad config":
            (directory / "config.json").write_text(json.dumps(config | {"hidden_size": "wide"}))
            return "describes no llama model"
    raise AssertionError(case)


@pytest.mark.parametrize(
    "case",
    [
        "no config",
        "no model_type",
        "ours",
        "own code",
        "pickled",
        "other shape",
        "more layers",
        "fewer layers",
        "no tokenizer",
        "bad config",
    ],
)
def test_what_cannot_be_imported_is_named_and_leaves_nothing(case: str, tmp_path: Path) -> None:
    make(tmp_path / "theirs", "llama")
    message = damaged(tmp_path / "theirs", case)
    with pytest.raises(InteropError, match=message):
        import_model(tmp_path / "theirs", tmp_path / "ours")
    assert not list(tmp_path.glob("*ours*"))


def test_an_option_that_our_model_lacks_goes_to_transformers(tmp_path: Path) -> None:
    """YaRN is not approximated: the model is copied and runs where it is exact."""
    make(tmp_path / "theirs", "llama")
    config = json.loads((tmp_path / "theirs" / "config.json").read_text())
    yarn = {"rope_type": "yarn", "factor": 2.0, "rope_theta": 1000.0}
    (tmp_path / "theirs" / "config.json").write_text(json.dumps(config | {"rope_parameters": yarn}))
    imported = import_model(tmp_path / "theirs", tmp_path / "ours")
    assert not imported.converted
    assert "'yarn'" in imported.reason


def test_the_first_gpt2_files_leave_out_a_prefix_and_keep_masks(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    theirs = make(tmp_path / "theirs", "gpt2")
    tensors: dict[str, torch.Tensor] = {}
    for file in (tmp_path / "theirs").glob("model*.safetensors"):
        tensors |= {k.removeprefix("transformer."): v for k, v in load_file(file).items()}
        file.unlink()
    tensors["h.0.attn.bias"] = torch.ones(1, 1, 64, 64)
    tensors["h.0.attn.masked_bias"] = torch.tensor(-1e4)
    (tmp_path / "theirs" / "model.safetensors.index.json").unlink()
    save_file(tensors, tmp_path / "theirs" / "model.safetensors", metadata={"format": "pt"})
    import_model(tmp_path / "theirs", tmp_path / "ours")
    model, _ = load_model(tmp_path / "ours")
    tokens = torch.arange(40)[None]
    with torch.inference_mode():
        torch.testing.assert_close(model(tokens), theirs(tokens).logits, atol=1e-5, rtol=0)


def test_where_a_model_came_from_stays_with_it(tmp_path: Path) -> None:
    make(tmp_path / "theirs", "qwen2")
    (tmp_path / "theirs" / "LICENSE").write_text("do as you like")
    import_model(tmp_path / "theirs", tmp_path / "ours", name="someone/tiny")
    config = json.loads((tmp_path / "ours" / "config.json").read_text())
    assert config["imported_from"] == {"name": "someone/tiny", "model_type": "qwen2"}
    assert config["eos_token_id"] == [2, 0]
    assert (tmp_path / "ours" / "LICENSE").read_text() == "do as you like"
    assert load_model(tmp_path / "ours")[0].config.context_length == 64
