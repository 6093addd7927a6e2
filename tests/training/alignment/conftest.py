"""A tiny GPT and a tokenizer trained in milliseconds."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from chatapp.model.checkpoint import save_model
from chatapp.model.config import ModelConfig
from chatapp.model.gpt import GPT
from chatapp.model.tokenizer import ChatTokenizer
from chatapp.training.recipe import load_recipe
from chatapp.training.stages import RunContext

VOCABULARY = 300


@pytest.fixture(scope="session")
def tokenizer() -> ChatTokenizer:
    return ChatTokenizer.train(["What is this? It is a small test of small words."], VOCABULARY)


@pytest.fixture
def gpt() -> GPT:
    """Two layers with every weight drawn, so that no layer is the identity."""
    config = ModelConfig(
        vocab_size=VOCABULARY,
        n_layers=2,
        d_model=32,
        n_heads=2,
        n_kv_heads=1,
        d_ff=64,
        context_length=128,
        attention=("dense", "sparse(8, 4)"),
    )
    model = GPT(config)
    rng = torch.Generator().manual_seed(1)
    model.initialise(rng)
    with torch.no_grad():
        for weight in model.parameters():
            if weight.ndim == 2:
                weight.copy_(torch.randn(weight.shape, generator=rng) * 0.1)
    return model


@pytest.fixture
def start(tmp_path: Path, gpt: GPT, tokenizer: ChatTokenizer) -> Path:
    """A model directory to begin from."""
    directory = tmp_path / "start"
    save_model(directory, gpt, tokenizer)
    return directory


Begin = Callable[[str], RunContext]


@pytest.fixture
def begin(tmp_path: Path, start: Path, tokenizer: ChatTokenizer) -> Begin:
    """Begin a run of a recipe's stages, given as TOML, from the tiny model."""
    torch.set_num_threads(1)

    def begun(stages: str) -> RunContext:
        file = tmp_path / "recipe.toml"
        data = f'[data]\nroot = "{tmp_path}"\nvalidation_permille = 200\n'
        file.write_text(f'{data}[start]\npath = "{start}"\n{stages}')
        return RunContext(load_recipe(file), tmp_path / "run", tokenizer)

    return begun


WORDS = ("words", "tests", "things", "names")


@pytest.fixture
def comparisons(tmp_path: Path) -> Path:
    """120 comparisons that prefer the answer that says yes, whatever is asked."""
    rows = []
    for number in range(120):
        ask = f"Is {number} {WORDS[number % 4]}?"
        better, worse = f"yes {number % 7}", f"no {number % 5}"
        rows.append(
            {
                "id": f"p{number}",
                "messages": [{"role": "user", "content": ask}],
                "chosen": better,
                "rejected": worse,
            }
        )
    path = tmp_path / "pairs.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path
