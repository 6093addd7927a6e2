"""Any text model of `transformers` decodes behind the same seam, and chats through the engine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

from chatapp.inference.engine import Engine
from chatapp.inference.generator import (
    ChatMessage,
    ContextOverflow,
    Finished,
    Generator,
    SamplingParams,
    TextDelta,
)
from chatapp.inference.load import load_generator
from chatapp.inference.transformers_decoder import TransformersDecoder
from chatapp.model.checkpoint import ModelUnavailable
from chatapp.model.gpt import GPT
from chatapp.model.hf import ChatappConfig, ChatappForCausalLM
from chatapp.model.interop.importing import import_model
from tests.inference.conformance import DecoderConformance, tiny_model
from tests.model import foreign

PARAMS = SamplingParams(greedy=True, repetition_penalty=1.0, max_tokens=12)
HELLO = [ChatMessage("user", "Hello there")]
SMALL: dict[str, Any] = {"vocab_size": 400, "hidden_size": 32, "num_hidden_layers": 2}


class TestTransformersDecoder(DecoderConformance):
    """Our own model in its `transformers` form stands for all, with every attention pattern."""

    def decoder(self, model: GPT, slots: int = 1, slack: int = 6) -> TransformersDecoder:
        outer = ChatappForCausalLM(ChatappConfig(**model.config.to_dict()))
        outer.model = model
        return TransformersDecoder(outer.eval(), slots=slots)

    def test_the_bytes_of_the_caches_are_known(self) -> None:
        """These caches grow with what is read, and say what they take now."""
        model = tiny_model(("dense",))
        decoder = self.decoder(model, slots=2)
        assert decoder.cache_bytes() == 0
        decoder.read(0, [1, 2, 3])
        assert decoder.cache_bytes() == model.config.cache_bytes(3, 4)


ARCHITECTURES: dict[str, dict[str, Any]] = {
    "gpt_neox": {**SMALL, "num_attention_heads": 4, "intermediate_size": 64},
    # windows: their cache forgets, and cannot be cut back
    "gemma2": {
        **SMALL,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 8,
        "intermediate_size": 64,
        "sliding_window": 8,
        "max_position_embeddings": 128,
    },
    # no attention at all, and a cache of another kind
    "mamba": {**SMALL, "state_size": 4},
}


def write(directory: Path, kind: str) -> Any:
    torch.manual_seed(0)
    config = CONFIG_MAPPING[kind](**ARCHITECTURES[kind], initializer_range=0.2)
    model = AutoModelForCausalLM.from_config(config).eval()
    model.save_pretrained(directory)
    foreign.chatml(directory)
    return model


@pytest.fixture(scope="module", params=ARCHITECTURES)
def imported(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Any, Generator]:
    home = tmp_path_factory.mktemp(request.param)
    model = write(home / "theirs", request.param)
    assert not import_model(home / "theirs", home / "ours").converted
    return model, load_generator(home / "ours", threads=1)


def reply(generator: Generator, messages: list[ChatMessage], params: SamplingParams) -> str:
    return "".join(
        item.text
        for item in generator.stream(messages, params, lambda: False)
        if isinstance(item, TextDelta)
    )


def test_the_reply_is_that_of_generate(imported: tuple[Any, Generator], tmp_path: Path) -> None:
    """Twice over and in a longer conversation, so that what is cached is used and cut back."""
    model, generator = imported
    tokenizer = generator._tokenizer  # type: ignore[attr-defined]
    longer = [*HELLO, ChatMessage("assistant", "I am fine."), ChatMessage("user", "And the city?")]
    for messages in (HELLO, longer, HELLO):
        prompt = tokenizer.encode_prompt([(m.role, m.content) for m in messages])
        with torch.inference_mode():
            out = model.generate(
                torch.tensor([prompt]), do_sample=False, max_new_tokens=12, eos_token_id=[2, 0]
            )[0, len(prompt) :].tolist()
        expected = tokenizer.decode([token for token in out if token not in {0, 2}])
        assert reply(generator, messages, PARAMS).strip("\ufffd") == expected.strip("\ufffd")


def test_a_seed_repeats_a_sampled_reply(imported: tuple[Any, Generator]) -> None:
    _, generator = imported
    params = SamplingParams(seed=5, temperature=1.0, max_tokens=12)
    assert reply(generator, HELLO, params) == reply(generator, HELLO, params)
    other = SamplingParams(seed=6, temperature=1.0, max_tokens=12)
    assert reply(generator, HELLO, params) != reply(generator, HELLO, other)


def test_an_interrupt_ends_the_reply_before_the_next_token(
    imported: tuple[Any, Generator],
) -> None:
    _, generator = imported
    asked: list[None] = []

    def after_three() -> bool:
        asked.append(None)
        return len(asked) > 4

    last = list(generator.stream(HELLO, PARAMS, after_three))[-1]
    assert isinstance(last, Finished)
    assert last.reason == "interrupted"
    assert last.completion_tokens < 5


def test_a_prompt_that_is_too_long_says_by_how_much(tmp_path: Path) -> None:
    write(tmp_path / "theirs", "gemma2")
    import_model(tmp_path / "theirs", tmp_path / "ours")
    generator = load_generator(tmp_path / "ours", threads=1)
    assert generator.context_length == 128
    with pytest.raises(ContextOverflow, match="the model reads 128"):
        reply(generator, [ChatMessage("user", "the city " * 100)], PARAMS)


def test_a_second_turn_reads_only_what_is_new(tmp_path: Path) -> None:
    model = write(tmp_path / "theirs", "gpt_neox")
    foreign_tokenizer = import_model(tmp_path / "theirs", tmp_path / "ours")
    assert foreign_tokenizer.chats
    generator = load_generator(tmp_path / "ours", threads=1)
    assert isinstance(generator, Engine)
    first = list(generator.stream(HELLO, PARAMS, lambda: False))[-1]
    assert isinstance(first, Finished)
    longer = [*HELLO, ChatMessage("assistant", "Fine."), ChatMessage("user", "And you?")]
    second = list(generator.stream(longer, PARAMS, lambda: False))[-1]
    assert isinstance(second, Finished)
    assert second.cached_tokens >= first.prompt_tokens - 4  # up to the opening of the answer
    assert generator.decoder.cache_bytes() > 0
    assert model.config.model_type == "gpt_neox"


def test_a_damaged_model_is_named(tmp_path: Path) -> None:
    write(tmp_path / "theirs", "gpt_neox")
    import_model(tmp_path / "theirs", tmp_path / "ours")
    weights = tmp_path / "ours" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-500])
    with pytest.raises(ModelUnavailable, match="transformers cannot load the model at"):
        load_generator(tmp_path / "ours", threads=1)
