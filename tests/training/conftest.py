"""A recipe small enough to train in seconds, on records written by the test."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

RECIPE = """
seed = 3
weights_dtype = "float32"
[data]
root = "."
validation_permille = 200
[tokenizer]
vocab_size = 300
[model]
n_layers = 2
d_model = 32
n_heads = 2
n_kv_heads = 1
d_ff = 64
context_length = 64
attention = ["dense", "sparse(8, 4)"]
[pretrain]
sequence = 32
batch = 4
tokens = 1_536
sources = [{ path = "text.jsonl" }]
[finetune]
sequence = 32
batch = 4
tokens = 1_024
sources = [{ path = "chat.jsonl" }]
"""


@pytest.fixture
def records(tmp_path: Path) -> Path:
    """A directory with 40 documents and 40 conversations."""
    directory = tmp_path / "records"
    directory.mkdir()
    text = [
        {
            "id": f"t{i}",
            "title": f"Page {i}",
            "text": f"The {i}th page tells of {i * i} things. " * 6,
        }
        for i in range(40)
    ]
    chat = [
        {
            "id": f"c{i}",
            "messages": [
                {"role": "user", "content": f"What is {i} and {i}?"},
                {"role": "assistant", "content": f"It is {i + i}."},
            ],
        }
        for i in range(40)
    ]
    for name, rows in (("text", text), ("chat", chat)):
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        (directory / f"{name}.jsonl").write_text(lines)
    return directory


@pytest.fixture
def recipe_file(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.toml"
    path.write_text(RECIPE)
    return path
