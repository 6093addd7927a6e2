"""Train the reader: `python -m retrieval.reading.train --data DIR --out DIR`.

Steps, each kept below `--out`/work and skipped where it is already there: the encyclopaedia as
numbers; word vectors, by which questions are made of raw text; passages that a search brings up;
reading learnt from raw text; then from labels, those passages and statements beside raw text; then
the same with the questions that were written for this project, of as many articles as paragraphs;
then with those that come in pairs, nearly alike, of which the text answers one: a paragraph of an
encyclopaedia or a note as people keep them; then with everyday questions and what a search finds
for them, each passage judged. Questions as people type them into a search box are
searched for, like those that have no paragraph. The encoder starts from MiniLM (extra `[minilm]`).
The data is that of the shared pack. A GPU is used where there is one.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
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
from retrieval.reading.train.judged import JUDGED, divided, load_judged
from retrieval.reading.train.labels import (
    NOTES,
    PAIRED,
    TWINS,
    TYPED,
    WRITTEN,
    Asked,
    held_out,
    load,
)
from retrieval.reading.train.loop import Stage, batches, learn, read_loss
from retrieval.reading.train.mix import Lessons, Shares
from retrieval.reading.train.statements import held_out_rating, ratings
from retrieval.reading.train.tuning import reading_figures, support_figures
from retrieval.reading.train.vectors import choose_vocabulary, train_vectors
from retrieval.reading.words import Vocabulary
from retrieval.store.embedded import SqliteStore

if TYPE_CHECKING:
    from numpy.typing import NDArray

WORDS = 60_000
VECTOR = 192
_SQUAD = ("squad-v1.1-dev-a", "squad-v2.0-dev-a")
_SECOND = Shares(labels=0.55, searched=0.25, statements=0.12)
_THIRD = Shares(labels=0.20, searched=0.23, statements=0.09, written=0.48)
_FOURTH = Shares(labels=0.17, searched=0.17, statements=0.06, written=0.05, twins=0.55)
_FIFTH = Shares(labels=0.14, searched=0.15, statements=0.04, written=0.02, twins=0.25, judged=0.40)


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


def searched(data: Path, work: Path, questions: list[Asked]) -> list[mining.Mined]:
    """Return what a full-text search over encyclopaedia and paragraphs finds.

    Searched for on the first call with these questions.
    """
    asked = "\n".join(one.question for one in questions)
    path = work / f"mined-{hashlib.sha256(asked.encode()).hexdigest()[:12]}.jsonl"
    if not path.exists():
        store = SqliteStore.open(work / "index.sqlite3", embedder="", dimension=0)
        index = Index(store, None)
        index.add(sorted((data / "knowledge").glob("*.jsonl*")))
        index.add([next((data / "qa").glob(f"{name}.jsonl*")) for name in _SQUAD])
        mining.save(mining.mine(index, questions, measured_titles(data)), path)
        index.close()
    return mining.load(path)


def main() -> None:
    """Parse the command line and run what is not done yet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the shared data pack")
    parser.add_argument("--out", type=Path, required=True, help="where the reader is written")
    parser.add_argument("--raw-steps", type=int, default=500, help="batches of 32 of raw text")
    parser.add_argument("--label-steps", type=int, default=1_800, help="batches with labels")
    parser.add_argument("--written-steps", type=int, default=1_000, help="batches with those")
    parser.add_argument("--written", type=Path, default=WRITTEN, help="written questions")
    parser.add_argument("--twin-steps", type=int, default=6_050, help="batches with pairs")
    parser.add_argument("--twins", type=Path, default=TWINS, help="written pairs of questions")
    parser.add_argument("--notes", type=Path, default=NOTES, help="the same, of notes")
    parser.add_argument("--typed", type=Path, default=TYPED, help="written searches")
    parser.add_argument("--judged-steps", type=int, default=1_700, help="batches with searches")
    parser.add_argument("--judged", type=Path, default=JUDGED, help="judged searches")
    parser.add_argument("--searched", type=int, default=8_000, help="questions to search for")
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    work: Path = chosen.out / "work"
    work.mkdir(parents=True, exist_ok=True)
    device = "cuda" if torch.cuda.is_available() else "cpu"

    corpus, vocabulary, table = prepare(chosen.data, work)
    questions = load(chosen.data, more=[chosen.written, chosen.twins, chosen.notes, chosen.typed])
    kept = [asked for asked in questions if held_out(asked)]
    learnt = [asked for asked in questions if not held_out(asked)]
    written = [asked for asked in learnt if asked.source == "written"]
    twins = [asked for asked in learnt if asked.source in PAIRED]
    typed = [asked for asked in learnt if asked.source == "typed"]
    labels = [asked for asked in learnt if asked.source not in ("written", "typed", *PAIRED)]
    open_ended = [asked for asked in labels if asked.source == _SQUAD[0]]
    open_ended += mining.open_questions(chosen.data, mining.OPEN_FILES)
    random.Random(0).shuffle(open_ended)
    found = searched(chosen.data, work, [*open_ended[: chosen.searched], *typed])
    torch.manual_seed(chosen.seed)
    network = ReaderNetwork(Shape(pieces=len(vocabulary.pieces)))
    starting.begin(network.encoder, minilm_directory())

    maker = Maker(corpus, vocabulary, table)
    judged, _ = divided(load_judged(chosen.judged))
    lessons = Lessons(vocabulary, labels, written, twins, found, judged, maker, chosen.data)
    stages = {
        "raw": (maker.examples(chosen.seed), Stage(chosen.raw_steps, last=0.5)),
        "labels": (lessons.examples(_SECOND, chosen.seed), Stage(chosen.label_steps, last=0.02)),
        "written": (
            lessons.examples(_THIRD, chosen.seed),
            Stage(chosen.written_steps, rate=6e-4, last=0.02),
        ),
        "twins": (
            lessons.examples(_FOURTH, chosen.seed),
            Stage(chosen.twin_steps, rate=6e-4, last=0.02),
        ),
        "judged": (
            lessons.examples(_FIFTH, chosen.seed),
            Stage(chosen.judged_steps, rate=7e-4, last=0.02),
        ),
    }
    for name, (source, stage) in stages.items():
        path = work / f"{name}.safetensors"
        if path.exists():
            _take(network, path)
        else:
            made = batches(source, stage.batch, random.Random(chosen.seed))
            network = learn(
                network, made, stage, path, read_loss, device=device, seed=chosen.seed
            ).to("cpu")
        _report(name, network.eval(), vocabulary, kept, chosen.data)
    files.save(network, vocabulary, chosen.out)


def _take(network: ReaderNetwork, path: Path) -> None:
    from safetensors.torch import load_file

    network.load_state_dict(load_file(path))


def _report(
    name: str, network: ReaderNetwork, vocabulary: Vocabulary, kept: list[Asked], data: Path
) -> None:
    for source in (*_SQUAD, "written", "typed", *PAIRED):
        chosen = [asked for asked in kept if asked.source == source]
        print(
            json.dumps({name: source, **reading_figures(network, vocabulary, chosen)}), flush=True
        )
    rated = [one for one in ratings(data, "learn") if held_out_rating(one)]
    print(json.dumps({name: "ratings", **support_figures(network, vocabulary, rated)}), flush=True)


if __name__ == "__main__":
    main()
