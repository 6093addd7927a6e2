"""One model shape in several programs: ours, llama.cpp and transformers, all with random weights.

The shape is GPT-2 small's size in Llama's form: 12 layers of 768, 12 heads of 64, SwiGLU of 2,048,
a vocabulary of 32,768 with a head of its own; 110 million weights are read for each token. Speed
does not depend on their values. Needs the extra `bench`.
"""

from __future__ import annotations

import os
import platform
import sys
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from chatapp.inference.native.decoder import NativeDecoder
from chatapp.model.config import ModelConfig
from chatapp.model.gpt import GPT

VOCAB, LAYERS, WIDTH, HEADS, FF = 32_768, 12, 768, 12, 2_048
READ_WEIGHTS = LAYERS * (4 * WIDTH * WIDTH + 3 * WIDTH * FF) + VOCAB * WIDTH
OURS = {
    "chatapp_int8_dense": ("dense",),
    "chatapp_int8_sparse": ("dense", "sparse(256, 64)"),
}
PEERS = ("llama_cpp_q8_0", "llama_cpp_f16", "transformers_bf16", "transformers_fp32")


class Program(ABC):
    """A model with one sequence, which can be read, stepped and cut back."""

    @abstractmethod
    def read(self, tokens: Sequence[int]) -> None:
        """Read a prompt into an empty sequence and compute the logits after its last token."""

    @abstractmethod
    def step(self, token: int) -> None:
        """Append one token and compute the logits after it."""

    @abstractmethod
    def cut(self, length: int) -> None:
        """Forget the tokens from `length` on."""


class Ours(Program):
    """The compiled int8 runtime; `attention` as in a model's config."""

    def __init__(self, attention: tuple[str, ...], context: int, threads: int) -> None:
        model = GPT(our_config(attention, context))
        torch.nn.init.normal_(model.head.weight, std=0.02)
        self.decoder = NativeDecoder(model, slots=1, context=context, threads=threads)

    def read(self, tokens: Sequence[int]) -> None:
        self.decoder.truncate(0, 0)
        self.decoder.read(0, tokens)

    def step(self, token: int) -> None:
        self.decoder.step([0], [token])

    def cut(self, length: int) -> None:
        assert self.decoder.truncate(0, length) == length


def our_config(attention: tuple[str, ...], context: int) -> ModelConfig:
    """Return the shape as our config."""
    return ModelConfig(
        vocab_size=VOCAB,
        n_layers=LAYERS,
        d_model=WIDTH,
        n_heads=HEADS,
        n_kv_heads=HEADS,
        d_ff=FF,
        context_length=context,
        attention=attention,
    )


class LlamaCpp(Program):
    """llama.cpp through llama-cpp-python; weights in Q8_0 or F16, its cache in F16."""

    def __init__(self, kind: str, context: int, threads: int) -> None:
        import llama_cpp

        # its own AMX form of Q8_0 weights crashes in version 0.3.36 on the machine of the results
        defaults = llama_cpp.llama_model_default_params()
        defaults.use_extra_bufts = kind != "Q8_0"
        llama_cpp.llama_cpp.llama_model_default_params = lambda: defaults
        with tempfile.TemporaryDirectory() as scratch:
            path = Path(scratch) / "model.gguf"
            write_gguf(path, kind, max(context, 256))
            self._llama = llama_cpp.Llama(
                str(path),
                n_ctx=max(context, 256),
                n_threads=threads,
                n_threads_batch=threads,
                n_batch=512,
                use_mmap=False,
                verbose=False,
            )

    def read(self, tokens: Sequence[int]) -> None:
        self._llama.reset()
        self._llama.eval(list(tokens))

    def step(self, token: int) -> None:
        self._llama.eval([token])

    def cut(self, length: int) -> None:
        self._llama.n_tokens = length  # `eval` drops what the cache holds beyond it


def write_gguf(path: Path, kind: str, context: int) -> None:
    """Write a model of the shape in llama.cpp's format, with random weights."""
    import gguf

    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(context)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(FF)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_vocab_size(VOCAB)
    writer.add_tokenizer_model("llama")
    special = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    writer.add_token_list(special + [f"word{k}" for k in range(VOCAB - len(special))])
    writer.add_token_scores([0.0] * VOCAB)
    types = [2, 3, 3, *([6] * 256)]  # unknown, control, byte
    writer.add_token_types(types + [1] * (VOCAB - len(types)))
    matrices = {"token_embd": (VOCAB, WIDTH), "output": (VOCAB, WIDTH)}
    for layer in range(LAYERS):
        for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
            matrices[f"blk.{layer}.{name}"] = (WIDTH, WIDTH)
        for name in ("ffn_gate", "ffn_up"):
            matrices[f"blk.{layer}.{name}"] = (FF, WIDTH)
        matrices[f"blk.{layer}.ffn_down"] = (WIDTH, FF)
        for name in ("attn_norm", "ffn_norm"):
            writer.add_tensor(f"blk.{layer}.{name}.weight", np.ones(WIDTH, np.float32))
    writer.add_tensor("output_norm.weight", np.ones(WIDTH, np.float32))
    rng = np.random.default_rng(0)
    form = gguf.GGMLQuantizationType[kind]
    for name, size in matrices.items():
        values = rng.standard_normal(size, np.float32) * 0.02
        writer.add_tensor(f"{name}.weight", gguf.quants.quantize(values, form), raw_dtype=form)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


class Transformers(Program):
    """Llama of transformers: its forward pass alone, without what `generate` adds to it."""

    def __init__(self, dtype: torch.dtype, context: int) -> None:
        from transformers import DynamicCache, LlamaConfig, LlamaForCausalLM

        config = LlamaConfig(
            vocab_size=VOCAB,
            hidden_size=WIDTH,
            intermediate_size=FF,
            num_hidden_layers=LAYERS,
            num_attention_heads=HEADS,
            num_key_value_heads=HEADS,
            max_position_embeddings=context,
        )
        self._model = LlamaForCausalLM(config).to(dtype).eval()
        self._new_cache = DynamicCache
        self._cache: Any = None

    @torch.inference_mode()
    def read(self, tokens: Sequence[int]) -> None:
        self._cache = self._new_cache()
        self._forward(list(tokens))

    @torch.inference_mode()
    def step(self, token: int) -> None:
        self._forward([token])

    def cut(self, length: int) -> None:
        if surplus := self._cache.get_seq_length() - length:
            self._cache.crop(-surplus)

    def _forward(self, tokens: list[int]) -> None:
        self._model(
            torch.tensor([tokens]),
            past_key_values=self._cache,
            use_cache=True,
            logits_to_keep=1,
        )


def make(name: str, context: int, threads: int) -> Program:
    """Build one of `OURS` or `PEERS` for sequences of up to `context` tokens."""
    torch.set_num_threads(threads)
    if name in OURS:
        return Ours(OURS[name], context, threads)
    if name.startswith("llama_cpp"):
        return LlamaCpp(name.removeprefix("llama_cpp_").upper(), context, threads)
    return Transformers({"bf16": torch.bfloat16, "fp32": torch.float32}[name[-4:]], context)


def some_tokens(count: int) -> list[int]:
    """Random token ids, none of them special."""
    rng = torch.Generator().manual_seed(0)
    return torch.randint(300, VOCAB, (count,), generator=rng).tolist()


def machine() -> dict[str, Any]:
    """Describe what was measured on."""
    versions: dict[str, str] = {"python": sys.version.split()[0], "torch": torch.__version__}
    for package in ("transformers", "llama_cpp"):
        module = sys.modules.get(package)
        if module is not None:
            versions[package] = str(module.__version__)
    return {"arch": platform.machine(), "cpus": os.cpu_count(), "versions": versions}
