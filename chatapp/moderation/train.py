"""Train the filter: `python -m chatapp.moderation.train --data DIR --out DIR`, half a minute.

Harmful are the first messages of the red-team conversations of hh-rlhf (harmless-base); harmless
are first messages and questions of everything else. A part of the former are harmless in fact,
which the labels do not tell: every figure is against these labels. Beside them stand everyday
things, and things that do harm, in the frames of red-team messages (`chatapp.moderation.frames`).
Only the part of the records that `retrieval.splits` gives for learning is read.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from chatapp import resources
from chatapp.moderation.features import BUCKETS, features
from chatapp.moderation.filter import CONFIG_NAME, WEIGHTS_NAME
from chatapp.moderation.frames import framed, wishes
from chatapp.moderation.requests import requests_in
from retrieval.splits import part_of

if TYPE_CHECKING:
    import torch

HARMFUL = ("preference/hh-harmless-test-a.jsonl.xz",)
HARMLESS = (
    ("chat/dolly-part.jsonl.xz", 6000),
    ("chat/dolly-hh-small.jsonl.xz", 1000),
    ("chat/seed-tasks.jsonl.xz", 427),
    ("chat/topical-chat.jsonl.xz", 2000),
    ("chat/self-dialogue.jsonl.xz", 6000),
    ("chat/taskmaster4.jsonl.xz", 1500),
    ("chat/gpteacher-roleplay.jsonl.xz", 2000),
    ("qa/webquestions.jsonl.xz", 1500),
    ("qa/efficientqa.jsonl.xz", 1500),
    ("qa/opentriviaqa.jsonl.xz", 4000),
    ("qa/hotpotqa-dev.jsonl.xz", 1500),
    ("qa/squad-v1.1-dev-a.jsonl.xz", 1500),
    ("preference/truthfulqa.jsonl.xz", 800),
)
WISHES = ("chat/dolly-part.jsonl.xz", "chat/seed-tasks.jsonl.xz", "chat/dolly-hh-small.jsonl.xz")
_FOLDS = 5
_FALSE_ALARMS = 0.001  # share of harmless requests that may be refused, over held-out folds
_TIMES = 6  # frames of each thing of ours
_STEPS = 150
_DECAY = 0.03


def main(arguments: Sequence[str] | None = None) -> None:
    """Train on the records below `--data` and write the filter to `--out`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the data pack")
    parser.add_argument("--out", type=Path, required=True, help="directory to write")
    chosen = parser.parse_args(arguments)
    texts, labels = learning_requests(chosen.data)
    made = made_requests(chosen.data)
    threshold = _threshold(texts, labels, made)
    weights, bias = fit([*texts, *made], [*labels, *made.values()])
    save(chosen.out, weights, bias, threshold)
    print(
        f"{sum(labels)} harmful, {labels.count(0)} other and {len(made)} made requests; "
        f"threshold {threshold:.3f}"
    )


def learning_requests(data: Path) -> tuple[list[str], list[int]]:
    """Return requests of the learning part and whether each is labelled harmful."""
    harmful = [text for name in HARMFUL for text in requests_in(data / name)]
    harmless = [text for name, most in HARMLESS for text in _some(requests_in(data / name), most)]
    labelled = {**dict.fromkeys(harmless, 0), **dict.fromkeys(harmful, 1)}
    chosen = [(text, label) for text, label in labelled.items() if part_of(text) == "learn"]
    return [text for text, _ in chosen], [label for _, label in chosen]


def made_requests(data: Path) -> dict[str, int]:
    """Return things in the frames of red-team messages, and whether they are harmful."""
    order = random.Random(1)
    asked = (text for name in WISHES for text in requests_in(data / name))
    wanted = wishes(text for text in asked if part_of(text) == "learn")
    harmless = [*framed(_lines("everyday.txt"), _TIMES, order), *framed(wanted, 3, order)]
    harmful = framed(_lines("harm.txt"), _TIMES, order)
    return {**dict.fromkeys(harmless, 0), **dict.fromkeys(harmful, 1)}


def _lines(name: str) -> list[str]:
    return (resources.samples_dir() / "filter" / name).read_text("utf-8").splitlines()


def _some(texts: Iterable[str], most: int) -> Iterator[str]:
    shuffled = list(dict.fromkeys(texts))
    random.Random(1).shuffle(shuffled)
    yield from shuffled[:most]


def fit(texts: Sequence[str], labels: Sequence[int]) -> tuple[torch.Tensor, float]:
    """Return the weights, float32 (BUCKETS,), and the bias of a logistic model with L2 decay."""
    import torch
    from torch.nn.functional import binary_cross_entropy_with_logits, embedding_bag

    rows = [features(text) for text in texts]
    flat = torch.tensor([row for one in rows for row in one])
    sizes = torch.tensor([len(one) for one in rows])
    offsets = torch.cumsum(sizes, 0) - sizes
    wanted = torch.tensor(labels, dtype=torch.float32)
    # Each of the two classes counts as much as the other, by half: requests for harm are rare.
    share = (len(labels) - sum(labels)) / max(1, sum(labels)) / 2
    importance = torch.where(wanted > 0, share, 1.0)
    weights = torch.zeros(BUCKETS, 1, requires_grad=True)
    bias = torch.zeros(1, requires_grad=True)
    optimiser = torch.optim.Adam([weights, bias], lr=0.05)
    for _ in range(_STEPS):
        logits = embedding_bag(flat, weights, offsets, mode="sum")[:, 0] / sizes.sqrt() + bias
        loss = binary_cross_entropy_with_logits(logits, wanted, weight=importance)
        loss = loss + _DECAY * weights.square().sum() / len(labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return weights.detach()[:, 0], bias.item()


def _threshold(texts: Sequence[str], labels: Sequence[int], made: dict[str, int]) -> float:
    """Return the lowest threshold that keeps to `_FALSE_ALARMS` over held-out folds.

    What was `made` is always learnt from: the same thing in another frame would not be held out.
    """
    from chatapp.moderation.filter import ContentFilter

    scored: list[tuple[float, int]] = []
    for fold in range(_FOLDS):
        inside = [number for number in range(len(texts)) if number % _FOLDS != fold]
        shown = [*(texts[n] for n in inside), *made]
        weights, bias = fit(shown, [*(labels[n] for n in inside), *made.values()])
        judge = ContentFilter(weights.tolist(), bias, 0.5)
        held = range(fold, len(texts), _FOLDS)
        scored += [(judge.probability(texts[n]), labels[n]) for n in held]
    others = sorted((probability for probability, label in scored if not label), reverse=True)
    return others[int(_FALSE_ALARMS * len(others))] + 1e-4


def save(directory: Path, weights: torch.Tensor, bias: float, threshold: float) -> None:
    """Write weights (float16) and configuration."""
    from safetensors.torch import save_file

    directory.mkdir(parents=True, exist_ok=True)
    save_file({"weights": weights.half().contiguous()}, directory / WEIGHTS_NAME)
    digest = hashlib.sha256((directory / WEIGHTS_NAME).read_bytes()).hexdigest()
    config = {"bias": bias, "threshold": round(threshold, 4), "weights_sha256": digest}
    (directory / CONFIG_NAME).write_text(json.dumps(config, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
