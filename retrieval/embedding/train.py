"""Train the static embedder: `python -m retrieval.embedding.train --data DIR --out DIR`.

The thing to know: no labels are used. A span cut out of a passage must find the passage it was cut
from (inverse cloze), and a title must find its passage, among all other passages of the batch; a
batch holds several passages of each document, so topic alone does not win. One CPU core, minutes.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from retrieval.chunking import chunk
from retrieval.embedding.static import CONFIG_NAME, VOCABULARY_NAME, WEIGHTS_NAME, RowMap
from retrieval.loaders import Loaded, load
from retrieval.terms import fold, words

if TYPE_CHECKING:
    import torch

Rows = NDArray[np.int32]


@dataclass(frozen=True)
class Settings:
    """What decides the result besides the data."""

    dimension: int = 192
    vocabulary: int = 32_000
    buckets: int = 8_000
    documents_per_batch: int = 256
    passages_per_document: int = 4
    temperature: float = 0.05
    learning_rate: float = 2e-2
    title_share: float = 0.25  # of the pairs; the rest are inverse-cloze pairs
    shortest_span: int = 4
    longest_span: int = 14
    minutes: float = 8.0
    seed: int = 7


class Corpus:
    """Passages as table rows in one flat array, with offsets.

    Passage i is `rows[start[i]:end[i]]`; title and heading come first, its text begins at
    `text[i]`. Passages of one document are neighbours: document d owns `first[d]:first[d + 1]`.
    """

    def __init__(self, rows: Rows, bounds: NDArray[np.int64], first: NDArray[np.int64]) -> None:
        """`bounds` is (passages, 3): start, text, end."""
        self.rows = rows
        self.start, self.text, self.end = bounds.T
        self.first = first


def read_documents(directory: Path) -> Iterator[Loaded]:
    """Yield every document of the record files in `directory`."""
    for path in sorted(directory.glob("*.jsonl*")):
        for item in load(path.resolve()):
            if isinstance(item, Loaded):
                yield item


def read_corpus(directory: Path, settings: Settings) -> tuple[Corpus, list[str]]:
    """Return the corpus and the vocabulary: the words of the most occurrences, most first."""
    numbers: dict[str, int] = {}
    folded: dict[str, str] = {}
    stream: list[NDArray[np.int32]] = []
    bounds: list[tuple[int, int, int]] = []
    first = [0]
    length = 0

    def numbered(text: str) -> list[int]:
        found = []
        for word in words(text):
            key = folded.get(word)
            if key is None:
                key = folded[word] = fold(word)
            found.append(numbers.setdefault(key, len(numbers)))
        return found

    for item in read_documents(directory):
        title = numbered(item.title)
        for piece in chunk(item.text):
            lead = title + numbered(piece.heading)
            body = numbered(item.text[piece.start : piece.end])
            stream.append(np.array(lead + body, dtype=np.int32))
            bounds.append((length, length + len(lead), length + len(lead) + len(body)))
            length += len(lead) + len(body)
        first.append(len(bounds))
    flat = np.concatenate(stream)
    vocabulary = _most_frequent(flat, list(numbers), settings.vocabulary)
    rows, moved = _to_rows(flat, list(numbers), RowMap(vocabulary, settings.buckets))
    return Corpus(rows, moved[np.array(bounds)], np.array(first)), vocabulary


def _most_frequent(flat: Rows, names: list[str], size: int) -> list[str]:
    counts = np.bincount(flat, minlength=len(names))
    return [names[number] for number in np.argsort(-counts, kind="stable")[:size]]


def _to_rows(flat: Rows, names: list[str], table: RowMap) -> tuple[Rows, NDArray[np.int64]]:
    """Replace word numbers by table rows (two for hashed words); also return where each moved."""
    rows = [table.rows(name) or [0] for name in names]
    one = np.array([row[0] for row in rows], dtype=np.int32)
    two = np.array([row[1] if len(row) > 1 else -1 for row in rows], dtype=np.int32)
    pairs = np.stack([one[flat], two[flat]], axis=1)
    moved = np.concatenate(([0], np.cumsum((pairs >= 0).sum(axis=1))))
    kept: Rows = pairs[pairs >= 0]
    return kept, moved


@dataclass(frozen=True)
class Batch:
    """Queries and their passages as flat rows with offsets; `document` masks false negatives."""

    queries: Rows
    query_offsets: NDArray[np.int64]
    passages: Rows
    passage_offsets: NDArray[np.int64]
    document: NDArray[np.int64]
    is_title: NDArray[np.bool_]


def make_batch(corpus: Corpus, settings: Settings, rng: np.random.Generator) -> Batch:
    """Draw documents, some passages of each, and cut a query out of (or above) each passage."""
    queries: list[Rows] = []
    passages: list[Rows] = []
    owners: list[int] = []
    titles: list[bool] = []
    for document in rng.integers(len(corpus.first) - 1, size=settings.documents_per_batch):
        low, high = int(corpus.first[document]), int(corpus.first[document + 1])
        if low == high:
            continue
        wanted = min(settings.passages_per_document, high - low)
        for passage in low + rng.choice(high - low, size=wanted, replace=False):
            title = bool(rng.random() < settings.title_share)
            query, rest = _pair(corpus, int(passage), title, settings, rng)
            if len(query) and len(rest):
                queries.append(query)
                passages.append(rest)
                owners.append(int(document))
                titles.append(title)
    return Batch(
        np.concatenate(queries),
        _offsets(queries),
        np.concatenate(passages),
        _offsets(passages),
        np.array(owners),
        np.array(titles),
    )


def _pair(
    corpus: Corpus, passage: int, title: bool, settings: Settings, rng: np.random.Generator
) -> tuple[Rows, Rows]:
    start, text, end = corpus.start[passage], corpus.text[passage], corpus.end[passage]
    if title:
        return corpus.rows[start:text], corpus.rows[text:end]
    length = int(rng.integers(settings.shortest_span, settings.longest_span + 1))
    cut = int(rng.integers(text, max(text + 1, end - length)))
    query = corpus.rows[cut : min(cut + length, end)]
    # One pair in ten keeps its span, so that sharing the exact words stays worth something.
    if rng.random() < 0.1:
        return query, corpus.rows[start:end]
    return query, np.concatenate([corpus.rows[start:cut], corpus.rows[cut + length : end]])


def _offsets(parts: list[Rows]) -> NDArray[np.int64]:
    return np.concatenate(([0], np.cumsum([len(part) for part in parts])[:-1])).astype(np.int64)


def train(corpus: Corpus, size: int, settings: Settings) -> NDArray[np.float32]:
    """Return the table (size = vocabulary + buckets, dimension) with word weights folded in."""
    import torch
    from torch.nn import functional

    torch.manual_seed(settings.seed)
    rng = np.random.default_rng(settings.seed)
    table = torch.nn.Parameter(torch.randn(size, settings.dimension) / settings.dimension**0.5)
    weight = torch.nn.Parameter(torch.from_numpy(initial_log_weights(corpus.rows, size)))
    optimiser = torch.optim.Adam(
        [
            {"params": [table], "lr": settings.learning_rate * 0.25},
            {"params": [weight], "lr": settings.learning_rate},
        ],
        fused=True,
    )
    base = [group["lr"] for group in optimiser.param_groups]

    def encode(rows: Rows, offsets: NDArray[np.int64]) -> torch.Tensor:
        index = torch.from_numpy(rows.astype(np.int64))
        bags = functional.embedding_bag(
            index,
            table,
            torch.from_numpy(offsets),
            mode="sum",
            per_sample_weights=weight[index].exp(),
        )
        return functional.normalize(bags, dim=1)

    began = time.monotonic()
    step, shown = 0, 0.0
    while (spent := (time.monotonic() - began) / 60 / settings.minutes) < 1:
        for group, rate in zip(optimiser.param_groups, base, strict=True):
            group["lr"] = rate * (1 - spent)
        batch = make_batch(corpus, settings, rng)
        loss = contrastive_loss(
            encode(batch.queries, batch.query_offsets),
            encode(batch.passages, batch.passage_offsets),
            batch,
            settings.temperature,
        )
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        step += 1
        if spent - shown > 0.02:
            shown = spent
            print(f"step {step}  {spent:4.0%}  loss {loss.item():.3f}", file=sys.stderr, flush=True)
    folded: NDArray[np.float32] = (table * weight.exp()[:, None]).detach().numpy()
    return folded


def initial_log_weights(rows: Rows, size: int) -> NDArray[np.float32]:
    """Return log SIF weights a / (a + p(word)), a = 1e-3 (Arora, Liang and Ma, 2017)."""
    share = np.bincount(rows, minlength=size) / len(rows)
    return np.log(1e-3 / (1e-3 + share)).astype(np.float32)


def contrastive_loss(
    queries: torch.Tensor, passages: torch.Tensor, batch: Batch, temperature: float
) -> torch.Tensor:
    """Return the mean cross entropy of finding each query's passage in the batch.

    A title fits all passages of its document, so those are no negatives for it.
    """
    import torch
    from torch.nn import functional

    scores = queries @ passages.T / temperature
    owner = torch.from_numpy(batch.document)
    same = (owner[:, None] == owner[None, :]) & torch.from_numpy(batch.is_title)[:, None]
    same.fill_diagonal_(False)
    target = torch.arange(len(scores))
    return functional.cross_entropy(scores.masked_fill(same, -1e4), target)


def save(out: Path, table: NDArray[np.float32], vocabulary: list[str], settings: Settings) -> None:
    """Write weights (int8 with a float16 scale a row), vocabulary and configuration."""
    from safetensors.numpy import save_file

    out.mkdir(parents=True, exist_ok=True)
    scales = np.maximum(np.abs(table).max(axis=1) / 127, 1e-7).astype(np.float16)
    rows = np.clip(np.rint(table / scales.astype(np.float32)[:, None]), -127, 127).astype(np.int8)
    save_file({"rows": rows, "scales": scales}, out / WEIGHTS_NAME)
    (out / VOCABULARY_NAME).write_text(json.dumps(vocabulary, ensure_ascii=False), "utf-8")
    digest = hashlib.sha256((out / WEIGHTS_NAME).read_bytes())
    digest.update((out / VOCABULARY_NAME).read_bytes())
    config = {
        "kind": "static",
        "revision": digest.hexdigest()[:12],
        "dimension": settings.dimension,
        "buckets": settings.buckets,
    }
    (out / CONFIG_NAME).write_text(json.dumps(config, indent=2) + "\n", "utf-8")


def main() -> None:
    """Parse the command line, train, save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="directory of record files")
    parser.add_argument("--out", type=Path, required=True, help="directory for the embedder")
    parser.add_argument("--minutes", type=float, default=Settings.minutes, help="training time")
    parser.add_argument("--dimension", type=int, default=Settings.dimension)
    chosen = parser.parse_args()
    settings = Settings(minutes=chosen.minutes, dimension=chosen.dimension)
    began = time.monotonic()
    corpus, vocabulary = read_corpus(chosen.data, settings)
    seconds = time.monotonic() - began
    print(f"{len(corpus.start):,} passages read in {seconds:.0f} s", file=sys.stderr)
    table = train(corpus, len(vocabulary) + settings.buckets, settings)
    save(chosen.out, table, vocabulary, settings)


if __name__ == "__main__":
    main()
