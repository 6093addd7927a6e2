"""Make the encoder of recall: `python -m chatapp.memory.teaching --data DIR --out DIR`.

It starts from the weights of all-MiniLM-L6-v2 (extra `minilm`) and the principal axes of its states
over rounds of talk in the data pack, and learns to find rounds by written questions. Dialogues that
the memory benchmark asks about take no part. About half an hour on one core.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer

from chatapp.memory.teaching.asked import Preparer, other_rounds, read_asked
from chatapp.memory.teaching.matching import Matcher, learn
from retrieval.embedding.minilm import minilm_directory
from retrieval.embedding.pieces import TOKENIZER_NAME, PieceEncoder, save
from retrieval.embedding.training.teacher import principal_axes
from retrieval.reading.encoder import Encoder, Shape
from retrieval.reading.train import starting

KEPT = 64  # dimensions of a piece: 96 score a little better and take half as much room again
_SAMPLES = Path("data/samples/memory")
_LONGEST = 256  # pieces of a round
_TALK = 2_000  # rounds whose states the axes are those of


def shape_of(source: Path) -> Shape:
    """Return the sizes of the encoder in `source`."""
    config = json.loads((source / "config.json").read_text("utf-8"))
    return Shape(
        pieces=config["vocab_size"],
        width=config["hidden_size"],
        heads=config["num_attention_heads"],
        inner=config["intermediate_size"],
        layers=config["num_hidden_layers"],
        longest=config["max_position_embeddings"],
    )


def axes(encoder: Encoder, tokenizer: Tokenizer, talk: list[str]) -> torch.Tensor:
    """Return (width, KEPT): where the states of `talk` vary most."""
    whole = PieceEncoder(
        "whole", encoder.eval(), tokenizer, torch.eye(encoder.pieces.weight.shape[1])
    )
    states = np.concatenate([read.states for read in whole.read(talk)])
    return torch.from_numpy(principal_axes(states.astype(np.float16), KEPT))


def main() -> None:
    """Read the arguments, teach and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the data pack")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--asked", type=Path, default=_SAMPLES / "asked.jsonl.xz")
    parser.add_argument(
        "--held-out",
        type=Path,
        nargs="+",
        default=[_SAMPLES / f"{name}.jsonl" for name in ("recall", "recall-more")],
        help="files whose dialogues are left out",
    )
    parser.add_argument("--others", type=int, default=2_000, help="rounds beside those asked for")
    parser.add_argument("--steps", type=int, default=200)
    chosen = parser.parse_args()

    source = minilm_directory()
    written = (source / TOKENIZER_NAME).read_bytes()
    tokenizer = Tokenizer.from_str(written.decode())
    tokenizer.no_padding()
    tokenizer.enable_truncation(_LONGEST)
    shape = shape_of(source)
    encoder = Encoder(shape)
    starting.begin(encoder, source)

    held = {one.source for file in chosen.held_out for one in read_asked(file)}
    asked = [one for one in read_asked(chosen.asked) if one.source not in held]
    without = held | {one.source for one in asked}
    others = other_rounds(chosen.data / "chat", without, chosen.others, seed=1)
    matcher = Matcher(
        encoder, axes(encoder, tokenizer, [" ".join(pair) for pair in others[:_TALK]])
    )
    prepare = Preparer(tokenizer, others)
    questions = [prepare.question(one.question) for one in asked]
    rounds = [prepare.round(pair) for pair in (*(one.round for one in asked), *others)]
    learn(matcher, questions, rounds, steps=chosen.steps, rate=2e-5, batch=24, seed=1)
    save(matcher.encoder, shape, written, matcher.turn.detach(), chosen.out)


if __name__ == "__main__":
    main()
