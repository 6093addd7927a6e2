"""Train the reader from nothing: `python -m retrieval.reading.train --data DIR --out DIR`.

Four steps, each kept below `--out`/work and skipped where it is already there: the encyclopaedia as
numbers; word vectors; reading learnt from raw text; then from labels beside raw text. The data is
that of the shared pack. A GPU is used where there is one.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from retrieval.reading import files
from retrieval.reading.network import ReaderNetwork, Shape
from retrieval.reading.train.cloze import Maker
from retrieval.reading.train.corpus import Corpus, build, measured_titles
from retrieval.reading.train.examples import Example
from retrieval.reading.train.labels import Asked, Labelled, held_out, load
from retrieval.reading.train.loop import Stage, batches, learn
from retrieval.reading.train.statements import answered, as_example, held_out_rating, ratings
from retrieval.reading.train.tuning import reading_figures, support_figures
from retrieval.reading.train.vectors import choose_vocabulary, fill_buckets, train_vectors
from retrieval.reading.words import Vocabulary

WORDS = 60_000
VECTOR = 192
_LABELS, _STATEMENTS = 0.55, 0.12  # shares in the second stage; the rest is raw text


def prepare(data: Path, work: Path) -> tuple[Corpus, Vocabulary, torch.Tensor]:
    """Return corpus, vocabulary and word vectors, made on the first call."""
    if not (work / "corpus" / "words.json").exists():
        articles = sorted((data / "knowledge").glob("wikipedia*.jsonl*"))
        build(articles, measured_titles(data)).save(work / "corpus")
    corpus = Corpus.load(work / "corpus")
    if not (work / "vectors.npy").exists():
        vocabulary, rows = choose_vocabulary(corpus, WORDS)
        learnt = train_vectors(corpus, rows, len(vocabulary.words), VECTOR)
        fill_buckets(learnt, vocabulary)
        vocabulary.save(work / files.VOCABULARY_NAME)
        np.save(work / "vectors.npy", learnt)
    vectors = torch.from_numpy(np.load(work / "vectors.npy"))
    # What ships is int8, so that is what everything is learnt on.
    return (
        corpus,
        Vocabulary.load(work / files.VOCABULARY_NAME),
        files.restored(*files.quantise(vectors)),
    )


def mixed(
    raw: Iterator[Example],
    labelled: Labelled,
    data: Path,
    vocabulary: Vocabulary,
    order: random.Random,
) -> Iterator[Example]:
    """Yield labelled questions, statements and raw text in fixed shares, without end."""
    questions = _endless(labelled, order)
    statements = _statements(labelled.questions, data, vocabulary, order)
    while True:
        chance = order.random()
        if chance < _LABELS:
            yield next(questions)
        elif chance < _LABELS + _STATEMENTS:
            yield next(statements)
        else:
            yield next(raw)


def _endless(labelled: Labelled, order: random.Random) -> Iterator[Example]:
    while True:
        yield from labelled.epoch(order)


def _statements(
    questions: list[Asked], data: Path, vocabulary: Vocabulary, order: random.Random
) -> Iterator[Example]:
    rated = [one for one in ratings(data, "learn") if not held_out_rating(one)]
    while True:
        chosen = [*rated, *order.sample(list(answered(questions, order)), len(rated) // 2)]
        order.shuffle(chosen)
        yield from (as_example(vocabulary, one) for one in chosen)


def main() -> None:
    """Parse the command line and run what is not done yet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the shared data pack")
    parser.add_argument("--out", type=Path, required=True, help="where the reader is written")
    parser.add_argument("--raw-steps", type=int, default=6_000, help="batches of 32 of raw text")
    parser.add_argument("--label-steps", type=int, default=4_000, help="batches with labels")
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    work: Path = chosen.out / "work"
    work.mkdir(parents=True, exist_ok=True)
    device = "cuda" if torch.cuda.is_available() else "cpu"

    corpus, vocabulary, table = prepare(chosen.data, work)
    questions = load(chosen.data)
    kept = [asked for asked in questions if held_out(asked)]
    labelled = Labelled(vocabulary, [asked for asked in questions if not held_out(asked)])
    maker = Maker(corpus, vocabulary, table.numpy())
    torch.manual_seed(chosen.seed)
    network = ReaderNetwork(Shape(rows=vocabulary.rows, vector=VECTOR))
    network.set_vectors(table)

    order = random.Random(chosen.seed)
    raw = maker.examples(chosen.seed)
    stages = {
        "raw": (raw, Stage(chosen.raw_steps, last=0.3)),
        "labels": (
            mixed(raw, labelled, chosen.data, vocabulary, order),
            Stage(chosen.label_steps, rate=5e-4, warmup=100, last=0.02),
        ),
    }
    for name, (source, stage) in stages.items():
        path = work / f"{name}.safetensors"
        if path.exists():
            _take(network, path)
        else:
            made = batches(source, stage.batch, random.Random(chosen.seed))
            network = learn(network, made, stage, path, device=device, seed=chosen.seed).to("cpu")
        _report(name, network.eval(), vocabulary, kept, chosen.data)
    files.save(network, vocabulary, chosen.out)


def _take(network: ReaderNetwork, path: Path) -> None:
    from safetensors.torch import load_file

    network.load_state_dict(load_file(path))


def _report(
    name: str, network: ReaderNetwork, vocabulary: Vocabulary, kept: list[Asked], data: Path
) -> None:
    for source in ("squad-v1.1-dev-a", "squad-v2.0-dev-a"):
        chosen = [asked for asked in kept if asked.source == source]
        print(
            json.dumps({name: source, **reading_figures(network, vocabulary, chosen)}), flush=True
        )
    rated = [one for one in ratings(data, "learn") if held_out_rating(one)]
    print(json.dumps({name: "ratings", **support_figures(network, vocabulary, rated)}), flush=True)


if __name__ == "__main__":
    main()
