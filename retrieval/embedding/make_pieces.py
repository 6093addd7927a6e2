"""Make the encoder of word pieces: `python -m retrieval.embedding.make_pieces --data D --out DIR`.

Nothing is trained: the encoder's weights are those of all-MiniLM-L6-v2 (extra `minilm`), and the
turn into fewer dimensions is made of the principal axes of its states over rounds of talk in the
data pack. Half a minute on one core.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer

from retrieval.embedding.minilm import minilm_directory
from retrieval.embedding.pieces import TOKENIZER_NAME, PieceEncoder, save
from retrieval.embedding.training.short import rounds
from retrieval.embedding.training.teacher import principal_axes
from retrieval.reading.encoder import Encoder, Shape
from retrieval.reading.train import starting

KEPT = 64  # dimensions: 96 score a little better and take half as much room again
_ROUNDS = 2_000


def make(talk: list[str], source: Path, out: Path) -> None:
    """Write the encoder in `source`, with the axes of its states over `talk`, to `out`."""
    config = json.loads((source / "config.json").read_text("utf-8"))
    shape = Shape(
        pieces=config["vocab_size"],
        width=config["hidden_size"],
        heads=config["num_attention_heads"],
        inner=config["intermediate_size"],
        layers=config["num_hidden_layers"],
        longest=config["max_position_embeddings"],
    )
    encoder = Encoder(shape).eval()
    starting.begin(encoder, source)
    tokenizer = (source / TOKENIZER_NAME).read_bytes()
    whole = PieceEncoder(
        "whole", encoder, Tokenizer.from_str(tokenizer.decode()), torch.eye(shape.width)
    )
    states = np.concatenate([read.states for read in whole.read(talk)])
    turn = principal_axes(states.astype(np.float16), KEPT)
    save(encoder, shape, tokenizer, torch.from_numpy(turn), out)


def main() -> None:
    """Read the arguments and make it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the data pack")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument(
        "--held-out",
        type=Path,
        nargs="+",
        default=[
            Path("data/samples/memory") / f"{name}.jsonl" for name in ("recall", "recall-more")
        ],
        help="files whose dialogues are left out",
    )
    chosen = parser.parse_args()
    talk = rounds(chosen.data / "chat", chosen.held_out, _ROUNDS, np.random.default_rng(0))
    make(talk, minilm_directory(), chosen.out)


if __name__ == "__main__":
    main()
