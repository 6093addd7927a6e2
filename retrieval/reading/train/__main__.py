"""Train the reader: `python -m retrieval.reading.train --data DIR --out DIR`.

Steps, each kept below `--out`/work and skipped where it is already there: the encyclopaedia as
numbers; word vectors, by which questions are made of raw text; passages that a search brings up;
reading learnt from raw text; then from labels, those passages and statements beside raw text. The
encoder starts from MiniLM (extra `[minilm]`). The data is that of the shared pack. A GPU is used
where there is one.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from retrieval.embedding.minilm import minilm_directory
from retrieval.index import Index
from retrieval.reading import files
from retrieval.reading.encoder import Shape
from retrieval.reading.network import ReaderNetwork
from retrieval.reading.train import mining, starting
from retrieval.reading.train.cloze.maker import Maker
from retrieval.reading.train.corpus import Corpus, build, measured_titles
from retrieval.reading.train.examples import Example
from retrieval.reading.train.labels import Asked, Labelled, held_out, load
from retrieval.reading.train.loop import Stage, batches, learn
from retrieval.reading.train.statements import answered, as_example, held_out_rating, ratings
from retrieval.reading.train.tuning import reading_figures, support_figures
from retrieval.reading.train.vectors import choose_vocabulary, train_vectors
from retrieval.reading.words import Vocabulary
from retrieval.store.embedded import SqliteStore

if TYPE_CHECKING:
    from numpy.typing import NDArray

WORDS = 60_000
VECTOR = 192
# Shares of the second stage; the rest is raw text.
_LABELS, _MINED, _STATEMENTS = 0.55, 0.25, 0.12


def prepare(data: Path, work: Path) -> tuple[Corpus, Vocabulary, NDArray[np.float32]]:
    """Return corpus, vocabulary and word vectors, made on the first call."""
    if not (work / "corpus" / "words.json").exists():
        articles = sorted((data / "knowledge").glob("wikipedia*.jsonl*"))
        build(articles, measured_titles(data)).save(work / "corpus")
    corpus = Corpus.load(work / "corpus")
    if not (work / "vectors.npy").exists():
        vocabulary = choose_vocabulary(corpus, WORDS, starting.pieces(minilm_directory()))
        vocabulary.save(work / files.VOCABULARY_NAME)
        np.save(work / "vectors.npy", train_vectors(corpus, vocabulary, VECTOR))
    return corpus, Vocabulary.load(work / files.VOCABULARY_NAME), np.load(work / "vectors.npy")


def searched(data: Path, work: Path, questions: list[Asked], most: int) -> list[mining.Mined]:
    """Return what a full-text search over encyclopaedia and paragraphs finds, on the first call."""
    path = work / "mined.jsonl"
    if not path.exists():
        store = SqliteStore.open(work / "index.sqlite3", embedder="", dimension=0)
        index = Index(store, None)
        names = ("squad-v1.1-dev-a", "squad-v2.0-dev-a")
        index.add(sorted((data / "knowledge").glob("*.jsonl*")))
        index.add([next((data / "qa").glob(f"{name}.jsonl*")) for name in names])
        asked = [one for one in questions if one.source == names[0]]
        asked += mining.open_questions(data, mining.OPEN_FILES)
        random.Random(0).shuffle(asked)
        found = mining.mine(index, asked[:most], measured_titles(data))
        mining.save(found, path)
        index.close()
    return mining.load(path)


def mixed(sources: Sequence[tuple[float, Iterator[Example]]], seed: int) -> Iterator[Example]:
    """Yield from several sources, each in its share, without end."""
    order = random.Random(seed)
    shares = [share for share, _ in sources]
    iterators = [iterator for _, iterator in sources]
    while True:
        yield next(order.choices(iterators, shares)[0])


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
    parser.add_argument("--raw-steps", type=int, default=500, help="batches of 32 of raw text")
    parser.add_argument("--label-steps", type=int, default=1_800, help="batches with labels")
    parser.add_argument("--searched", type=int, default=8_000, help="questions to search for")
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    work: Path = chosen.out / "work"
    work.mkdir(parents=True, exist_ok=True)
    device = "cuda" if torch.cuda.is_available() else "cpu"

    corpus, vocabulary, table = prepare(chosen.data, work)
    questions = load(chosen.data)
    kept = [asked for asked in questions if held_out(asked)]
    learnt = [asked for asked in questions if not held_out(asked)]
    labelled = Labelled(vocabulary, learnt)
    mined = searched(chosen.data, work, learnt, chosen.searched)
    maker = Maker(corpus, vocabulary, table)
    torch.manual_seed(chosen.seed)
    network = ReaderNetwork(Shape(pieces=len(vocabulary.pieces)))
    starting.begin(network.encoder, minilm_directory())

    order = random.Random(chosen.seed)
    everything = mixed(
        [
            (_LABELS, _endless(labelled, order)),
            (_MINED, mining.examples(vocabulary, mined, order)),
            (_STATEMENTS, _statements(learnt, chosen.data, vocabulary, order)),
            (1 - _LABELS - _MINED - _STATEMENTS, maker.examples(chosen.seed + 1)),
        ],
        chosen.seed,
    )
    stages = {
        "raw": (maker.examples(chosen.seed), Stage(chosen.raw_steps, last=0.5)),
        "labels": (everything, Stage(chosen.label_steps, last=0.02)),
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
