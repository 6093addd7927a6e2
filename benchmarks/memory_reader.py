"""A key-value memory network that re-reads what recall found, beside recall itself.

After Miller et al. 2016, "Key-Value Memory Networks for Directly Reading Documents": the recalled
rounds are the memory, what was said is a key, the whole round its value, both as means of their
states in context. Learned projections score
the keys against the question, attention over them reads the values, and a second look scores the
values against question and reading together. The score that recall gave takes part, so that an
untrained reader orders rounds as recall does, and can only differ by what it learns.

The thing to know: it trains on questions made of rounds of half of the dialogues in `--data` (some
of a round's words, some of those replaced by a neighbour in the vector space); the histories it is
judged on are made of the other half, and no dialogue with a case of the benchmark trains it.

    python benchmarks/memory_reader.py --data self-dialogue.jsonl.xz --data topical-chat.jsonl.xz
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # runs from a checkout

from benchmarks.peers import machine
from chatapp import resources
from chatapp.evaluation.estimates import estimate
from chatapp.evaluation.memory.cases import Part, Remembered, remembered
from chatapp.evaluation.memory.histories import NOW, Pair, history, rounds_of
from chatapp.evaluation.memory.recalling import VARIANTS, K, indexed
from chatapp.evaluation.records import read
from chatapp.evaluation.schemas import parse_messages
from chatapp.memory.types import Round
from chatapp.memory.weighing import Weighing
from retrieval.embedding import Embedder, load_embedder
from retrieval.embedding.pieces import PieceEncoder

PARTS: tuple[Part, ...] = ("tune", "measure")
SLOTS = 48  # rounds in the memory: the best that recall finds
WIDTH = 48
_BATCH, _RATE = 16, 2e-3
_ROUNDS_A_QUESTION = 2  # in the history to train on: some say too little, some are not found
_REPLACED = 0.3  # of a made question's words, by one of the nearest
_NEIGHBOURS, _NEAR = 8, 0.4  # how many count as near, and from which cosine
_SHARPNESS = 10.0  # of cosines, which are about 0 to 1, to log-probabilities


@dataclass(frozen=True)
class Memory:
    """A question over its recalled rounds, float32: (d,), keys and values (slots, d), (slots,)."""

    question: NDArray[np.float32]
    keys: NDArray[np.float32]
    values: NDArray[np.float32]
    recalled: NDArray[np.float32]


class Reader(nn.Module):
    """Scores the slots of memories; `width` is that of the projections."""

    def __init__(self, dimension: int, width: int = WIDTH) -> None:
        super().__init__()
        start = torch.empty(dimension, width)
        nn.init.orthogonal_(start)
        self.question = nn.Parameter(start.clone())
        self.key = nn.Parameter(start.clone())
        self.value = nn.Parameter(start.clone())
        self.again = nn.Parameter(torch.eye(width))
        self.weights = nn.Parameter(torch.tensor([1.0, 0.0, 0.0]))  # recall, first, second look

    def forward(self, question: Tensor, keys: Tensor, values: Tensor, recalled: Tensor) -> Tensor:
        """Return scores (batch, slots) of memories of (batch, d), twice (batch, slots, d) and
        (batch, slots); an empty slot is one whose recalled score is -inf."""
        asked = functional.normalize(question @ self.question, dim=-1)
        held = functional.normalize(values @ self.value, dim=-1)
        first = _cosines(asked, functional.normalize(keys @ self.key, dim=-1))
        looked = self.weights[0] * recalled + self.weights[1] * first
        attention = torch.softmax(_SHARPNESS * looked, dim=-1)
        reading = (attention.unsqueeze(1) @ held).squeeze(1)
        second = functional.normalize((asked + reading) @ self.again, dim=-1)
        return looked + self.weights[2] * _cosines(second, held)


def _cosines(one: Tensor, many: Tensor) -> Tensor:
    return (many @ one.unsqueeze(-1)).squeeze(-1)


class Means:
    """Texts to the means of their states, each text read once."""

    def __init__(self, encoder: PieceEncoder) -> None:
        self.encoder = encoder
        self._known: dict[str, NDArray[np.float32]] = {}

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return unit rows, (len(texts), width)."""
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        means = (read.mean for read in self.encoder.read(new))
        self._known.update(zip(new, means, strict=True))
        return np.stack([self._known[text] for text in texts])


class Questions:
    """Makes questions of rounds as a person might remember them: few words, some of them others."""

    def __init__(self, rounds: Sequence[Pair], embedder: Embedder, seed: int) -> None:
        self._rng, self._embedder, self._weighing = random.Random(seed), embedder, Weighing()
        words = {word for pair in rounds for text in pair for word in text.lower().split()}
        self._vocabulary = sorted(word for word in words if word.isalpha() and len(word) > 2)
        self._vectors = embedder.embed_passages(self._vocabulary)

    def make(self, said: str) -> str | None:
        """Return a question for a round, None if it says too little to be asked for."""
        words = [word for word in said.lower().split() if self._weighing.terms(word)]
        if len(words) < 3:
            return None
        chosen = self._rng.sample(words, min(len(words), self._rng.randint(2, 4)))
        return " ".join(
            self._neighbour(word) if self._rng.random() < _REPLACED else word for word in chosen
        )

    def _neighbour(self, word: str) -> str:
        cosines = self._vectors @ self._embedder.embed_queries([word])[0]
        nearest = np.argsort(-cosines)[1 : _NEIGHBOURS + 1]
        near = [self._vocabulary[place] for place in nearest if cosines[place] > _NEAR]
        return self._rng.choice(near) if near else word


def memory_of(question: str, rounds: Sequence[Round], means: Means) -> Memory:
    """Return the reader's view of `rounds` for a question."""
    texts = [question, *(f.question for f in rounds), *(f"{f.question} {f.answer}" for f in rounds)]
    vectors = means(texts)
    # probabilities; as their logarithms over the sharpness they come out of the softmax as they are
    scores = np.log(np.array([max(found.score, 1e-6) for found in rounds], np.float32)) / _SHARPNESS
    return Memory(vectors[0], vectors[1 : len(rounds) + 1], vectors[len(rounds) + 1 :], scores)


def stacked(memories: Sequence[Memory]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return the tensors `Reader` takes, short memories filled up with empty slots."""
    slots = max(len(memory.recalled) for memory in memories)

    def filled(array: NDArray[np.float32], value: float) -> NDArray[np.float32]:
        room = [(0, slots - len(array)), *[(0, 0)] * (array.ndim - 1)]
        return np.pad(array, room, constant_values=value)

    return (
        torch.from_numpy(np.stack([memory.question for memory in memories])),
        torch.from_numpy(np.stack([filled(memory.keys, 0.0) for memory in memories])),
        torch.from_numpy(np.stack([filled(memory.values, 0.0) for memory in memories])),
        torch.from_numpy(np.stack([filled(memory.recalled, -1e4) for memory in memories])),
    )


def examples(
    rounds: Sequence[Pair], count: int, embedder: Embedder, means: Means, seed: int
) -> list[tuple[Memory, int]]:
    """Return up to `count` memories of made questions, each with the slot to be found.

    All other slots hold what recall took for it, which makes them the hard ones.
    """
    made = history([], rounds, min(_ROUNDS_A_QUESTION * count, len(rounds)), seed)
    try:
        recall = indexed(made, embedder, means.encoder)
        questions = Questions(rounds[: len(made.order)], embedder, seed)
        found: list[tuple[Memory, int]] = []
        for wanted in made.order:
            question = questions.make(made.store.message(wanted).text)
            if question is None or len(found) == count:
                continue
            rounds_found = recall.search(question, NOW, limit=SLOTS)
            places = [place for place, it in enumerate(rounds_found) if it.message_id == wanted]
            if places:
                found.append((memory_of(question, rounds_found, means), places[0]))
        return found
    finally:
        made.store.close()


def train(reader: Reader, taught: Sequence[tuple[Memory, int]], epochs: int, seed: int) -> float:
    """Train by cross-entropy over the slots; return the loss of the last epoch, nats a question."""
    rng, optimizer, loss_sum = (
        random.Random(seed),
        torch.optim.Adam(reader.parameters(), _RATE),
        0.0,
    )
    for _ in range(epochs):
        order, loss_sum = rng.sample(taught, len(taught)), 0.0
        for start in range(0, len(order), _BATCH):
            batch = order[start : start + _BATCH]
            scores = reader(*stacked([memory for memory, _ in batch]))
            targets = torch.tensor([slot for _, slot in batch])
            loss = functional.cross_entropy(_SHARPNESS * scores, targets)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            loss_sum += loss.item() * len(batch)
    return loss_sum / max(len(taught), 1)


def judge(
    readers: dict[str, Reader],
    cases: Sequence[Remembered],
    others: Sequence[Pair],
    rounds: int,
    embedder: Embedder,
    means: Means,
    seed: int,
) -> dict[str, list[float]]:
    """Return by name whether each case's round is among the first five: recall's ways, readers."""
    made = history(cases, others, rounds, seed)
    try:
        recall = indexed(made, embedder, means.encoder)
        hits: dict[str, list[float]] = {name: [] for name in [*VARIANTS, *readers]}
        for case in cases:
            wanted = made.places[case.question]
            for name, routes in VARIANTS.items():
                found = recall.search(case.question, NOW, limit=K, routes=routes)
                hits[name].append(float(wanted in [it.message_id for it in found]))
            found = recall.search(case.question, NOW, limit=SLOTS)
            for name, reader in readers.items():
                best = reread(reader, case.question, found, means)[:K]
                hits[name].append(float(wanted in [it.message_id for it in best]))
        return hits
    finally:
        made.store.close()


def reread(reader: Reader, question: str, rounds: Sequence[Round], means: Means) -> list[Round]:
    """Return the rounds in the reader's order, best first."""
    if not rounds:
        return []
    with torch.no_grad():
        scores = reader(*stacked([memory_of(question, rounds, means)]))[0]
    return [rounds[place] for place in scores.argsort(descending=True, stable=True).tolist()]


def halves(paths: Sequence[Path]) -> tuple[list[Pair], list[Pair]]:
    """Return the rounds to train on and those for histories, parted by dialogue."""
    asked = {case.source for part in PARTS for case in remembered(part)}
    taught: list[Pair] = []
    judged: list[Pair] = []
    for path in paths:
        for identity, pairs in read(path, _dialogue):
            if zlib.crc32(identity.encode()) % 2:
                judged += pairs
            elif f"{path.name.split('.')[0]}/{identity}" not in asked:
                taught += pairs
    return list(dict.fromkeys(taught)), list(dict.fromkeys(judged))


def _dialogue(record: dict[str, Any], where: str) -> tuple[str, list[Pair]]:
    return str(record.get("id", where)), list(rounds_of(parse_messages(record, where)))


def compare(
    paths: Sequence[Path], questions: int, rounds: int, epochs: int, seed: int
) -> dict[str, Any]:
    """Train a reader and judge it on both parts; return the report."""
    torch.manual_seed(seed)
    embedder = load_embedder(resources.embedder_dir())
    assert embedder is not None
    taught_rounds, others = halves(paths)
    means = Means(PieceEncoder.load(resources.pieces_dir()))
    width = means.encoder.width
    taught = examples(taught_rounds, questions, embedder, means, seed)
    readers = {"reader untrained": Reader(width), "reader": Reader(width)}
    loss = train(readers["reader"], taught, epochs, seed)
    print(f"{len(taught)} questions, loss {loss:.3f} nats", file=sys.stderr)
    metrics, errors, counts = {}, {}, {}
    for part in PARTS:
        cases = remembered(part)
        judged = judge(readers, cases, others, rounds, embedder, means, seed)
        for name, figure in ((name, estimate(hits)) for name, hits in judged.items()):
            assert figure is not None
            label = f"recall@{K}: {name} [{part}]"
            metrics[label], errors[label] = round(figure.mean, 4), round(figure.stderr, 4)
            print(f"{label:<36} {figure.mean:.3f} ± {figure.stderr:.3f}", file=sys.stderr)
        counts[part] = len(cases)
    config = {
        "data": [path.name for path in paths],
        "questions": len(taught),
        "rounds": rounds,
        "epochs": epochs,
        "seed": seed,
        "weights": sum(weight.numel() for weight in readers["reader"].parameters()),
    }
    report = {"metrics": metrics, "n": counts, "stderr": errors, "config": config}
    return {**report, "machine": machine()}


def main() -> None:
    """Compare; a table on stderr and one JSON line on stdout."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, action="append", required=True)
    parser.add_argument("--questions", type=int, default=3_000)
    parser.add_argument("--rounds", type=int, default=1_000, help="of each history")
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    report = compare(given.data, given.questions, given.rounds, given.epochs, given.seed)
    print(json.dumps(report))


if __name__ == "__main__":
    main()
