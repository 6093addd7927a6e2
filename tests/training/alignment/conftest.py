"""A tiny GPT and a tokenizer trained in milliseconds."""

from __future__ import annotations

import pytest
import torch

from chatapp.model.config import ModelConfig
from chatapp.model.gpt import GPT
from chatapp.model.tokenizer import ChatTokenizer

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
