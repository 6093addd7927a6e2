"""What a search brings up for questions to learn from: right passages, and wrong ones that look it.

Questions without a paragraph of their own learn from passages that hold their answer (distant
supervision, as in DrQA); questions with one learn which other passages only look right.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from retrieval.index import Index
from retrieval.reading.batch import encode_passage, encode_question
from retrieval.reading.kinds import question_kind
from retrieval.reading.train.corpus import records
from retrieval.reading.train.examples import Example
from retrieval.reading.train.labels import Asked, token_spans
from retrieval.reading.words import Vocabulary
from retrieval.splits import part_of
from retrieval.squad import contains_answer, normalise
from retrieval.types import Passage

OPEN_FILES = ("efficientqa", "webquestions", "triviaqa-subset")
_DEPTH = 14
_ANSWERS = 8  # aliases that are looked for
_WRONG = 0.5  # share of questions that are shown a passage without their answer


class Mined(NamedTuple):
    """A question and passages found for it, (title, text): those that answer, those that do not."""

    question: str
    answers: tuple[str, ...]
    right: tuple[tuple[str, str], ...]
    wrong: tuple[tuple[str, str], ...]


def mine(index: Index, questions: Sequence[Asked], without: set[str]) -> Iterator[Mined]:
    """Search for each question; one that has a paragraph of its own has only that as right.

    Passages of articles whose folded title is in `without` are left out.
    """
    for asked in questions:
        found = [hit.passage for hit in index.search(asked.question, _DEPTH, mode="lexical")]
        hits = [p for p in found if p.title.replace("_", " ").casefold() not in without]
        holding = [p for p in hits if contains_answer(p.text, asked.answers)]
        context = normalise(asked.context)
        own = [p for p in holding if not context or normalise(p.text) in context]
        wrong = [p for p in hits if p not in holding]
        yield Mined(asked.question, asked.answers[:_ANSWERS], _texts(own), _texts(wrong))


def _texts(passages: Sequence[Passage]) -> tuple[tuple[str, str], ...]:
    return tuple((f"{p.title} {p.heading}".strip(), p.text) for p in passages)


def open_questions(data: Path, names: Sequence[str]) -> list[Asked]:
    """Return the questions to learn from of files that have no paragraphs."""
    return [
        Asked(str(record["question"]), tuple(record["answers"]), "", "", name)
        for name in names
        for record in records(next((data / "qa").glob(f"{name}.jsonl*")))
        if part_of(str(record["question"])) == "learn"
    ]


def save(mined: Iterator[Mined], path: Path) -> None:
    """Write one JSON line a question, by temporary file and rename."""
    temporary = path.with_name(path.name + ".tmp")
    with temporary.open("w") as lines:
        for one in mined:
            print(json.dumps(one), file=lines, flush=True)
    temporary.replace(path)


def load(path: Path) -> list[Mined]:
    """Read what `save` wrote."""
    found = []
    with path.open() as lines:
        for line in lines:
            question, answers, right, wrong = json.loads(line)
            pairs = [tuple((title, text) for title, text in side) for side in (right, wrong)]
            found.append(Mined(question, tuple(answers), *pairs))
    return found


def examples(
    vocabulary: Vocabulary, mined: Sequence[Mined], order: random.Random
) -> Iterator[Example]:
    """Yield examples without end: a passage that answers, or one that does not."""
    usable = [one for one in mined if one.right or one.wrong]
    while usable:
        one = order.choice(usable)
        away = not one.right or (bool(one.wrong) and order.random() < _WRONG)
        title, text = order.choice(one.wrong if away else one.right)
        example = found_example(vocabulary, one.question, title, text, () if away else one.answers)
        if away or example.spans:  # else the answer is written differently there
            yield example


def found_example(
    vocabulary: Vocabulary, question: str, title: str, text: str, answers: Sequence[str]
) -> Example:
    """Return a passage that was found as an example; without `answers` it does not answer."""
    body = vocabulary.encode(text)
    passage, offset = encode_passage(vocabulary.encode(title), body)
    spans = token_spans(text, body, answers)
    return Example(
        encode_question(vocabulary.encode(question)),
        passage,
        question_kind(question),
        tuple((a + offset, b + offset) for a, b in spans if b + offset < len(passage.keys)),
        relevance=float(bool(answers)),
    )
