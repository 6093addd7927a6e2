"""Train the reader: `python -m retrieval.reading.train --data DIR --out DIR`.

Steps, each kept below `--out`/work and skipped where it is already there: the encyclopaedia as
numbers; word vectors, by which questions are made of raw text; passages that a search brings up;
reading learnt from raw text; then from labels, those passages and statements beside raw text; then
further, with quiz questions whose passages the reader confirms and bared paragraphs. The reader is
the mean of what the last two left. The encoder starts from MiniLM (extra `[minilm]`). The data is
that of the shared pack. A GPU is used where there is one.
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
from retrieval.reading.reader import Reader
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
# Shares of the second and third stage; the rest is raw text.
_LABELS, _MINED, _STATEMENTS = 0.55, 0.25, 0.12
_BARED = 0.1  # share of labelled questions of the third stage that lose their answer
_SQUAD = ("squad-v1.1-dev-a", "squad-v2.0-dev-a")


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


def searched(data: Path, path: Path, asked: list[Asked], most: int) -> list[mining.Mined]:
    """Return what a full-text search over encyclopaedia and paragraphs finds, kept at `path`."""
    if not path.exists():
        store = SqliteStore.open(path.with_name("index.sqlite3"), embedder="", dimension=0)
        index = Index(store, None)
        index.add(sorted((data / "knowledge").glob("*.jsonl*")))
        index.add([next((data / "qa").glob(f"{name}.jsonl*")) for name in _SQUAD])
        random.Random(0).shuffle(asked)
        mining.save(mining.mine(index, asked[:most], measured_titles(data)), path)
        index.close()
    return mining.load(path)


def _confirmed(
    data: Path, work: Path, network: ReaderNetwork, vocabulary: Vocabulary, most: int
) -> list[mining.Mined]:
    """Return the quiz questions that `network` answers as they should be, kept in `work`."""
    path = work / "confirmed.jsonl"
    if not path.exists():
        quiz = [q for q in mining.open_questions(data, mining.FURTHER_FILES) if mining.plain(q)]
        found = searched(data, work / "quiz.jsonl", quiz, most)
        reader = Reader(network.eval().to("cpu"), vocabulary, "labels")
        mining.save(mining.confirmed(found, reader), path)
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
    parser.add_argument("--further-steps", type=int, default=2_000, help="batches of stage three")
    parser.add_argument("--quiz", type=int, default=14_000, help="quiz questions to search for")
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
    asked = [one for one in learnt if one.source == _SQUAD[0]]
    asked += mining.open_questions(chosen.data, mining.OPEN_FILES)
    mined = searched(chosen.data, work / "mined.jsonl", asked, chosen.searched)
    maker = Maker(corpus, vocabulary, table)
    torch.manual_seed(chosen.seed)
    network = ReaderNetwork(Shape(pieces=len(vocabulary.pieces)))
    starting.begin(network.encoder, minilm_directory())

    def everything(mined: list[mining.Mined], bared: float, seed: int) -> Iterator[Example]:
        order = random.Random(seed)
        return mixed(
            [
                (_LABELS, _endless(Labelled(vocabulary, learnt, bared), order)),
                (_MINED, mining.examples(vocabulary, mined, order)),
                (_STATEMENTS, _statements(learnt, chosen.data, vocabulary, order)),
                (1 - _LABELS - _MINED - _STATEMENTS, maker.examples(seed + 1)),
            ],
            seed,
        )

    def run(name: str, source: Iterator[Example], stage: Stage) -> ReaderNetwork:
        path = work / f"{name}.safetensors"
        if path.exists():
            _take(network, path)
            learnt_here = network
        else:
            made = batches(source, stage.batch, random.Random(chosen.seed))
            learnt_here = learn(network, made, stage, path, device=device, seed=chosen.seed)
        _report(name, learnt_here.to("cpu").eval(), vocabulary, kept, chosen.data)
        return learnt_here

    network = run("raw", maker.examples(chosen.seed), Stage(chosen.raw_steps, last=0.5))
    labels = Stage(chosen.label_steps, last=0.02)
    network = run("labels", everything(mined, 0.0, chosen.seed), labels)
    mined += _confirmed(chosen.data, work, network, vocabulary, chosen.quiz)
    further = Stage(chosen.further_steps, rate=8e-4, last=0.02)
    network = run("further", everything(mined, _BARED, chosen.seed + 1), further)
    _take(network, work / "labels.safetensors", work / "further.safetensors")
    _report("mean", network, vocabulary, kept, chosen.data)
    files.save(network, vocabulary, chosen.out)


def _take(network: ReaderNetwork, *paths: Path) -> None:
    """Load the mean of the weights at `paths`: better than either (Wortsman et al. 2022)."""
    from safetensors.torch import load_file

    states = [load_file(path) for path in paths]
    mean = {name: torch.stack([state[name] for state in states]).mean(0) for name in states[0]}
    network.load_state_dict(mean)


def _report(
    name: str, network: ReaderNetwork, vocabulary: Vocabulary, kept: list[Asked], data: Path
) -> None:
    for source in _SQUAD:
        chosen = [asked for asked in kept if asked.source == source]
        print(
            json.dumps({name: source, **reading_figures(network, vocabulary, chosen)}), flush=True
        )
    rated = [one for one in ratings(data, "learn") if held_out_rating(one)]
    print(json.dumps({name: "ratings", **support_figures(network, vocabulary, rated)}), flush=True)


if __name__ == "__main__":
    main()
