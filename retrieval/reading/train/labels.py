"""Labelled questions as examples: those to learn from, and the learnt articles held out to tune.

The thing to know: nothing here touches a measuring record, nor a paragraph that measures under
another name: a context that shares twelve words in a row with a measuring context is dropped.
"""

from __future__ import annotations

import hashlib
import random
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from retrieval.reading.batch import encode_passage, encode_question
from retrieval.reading.kinds import question_kind
from retrieval.reading.train.corpus import records
from retrieval.reading.train.examples import UNKNOWN, Example
from retrieval.reading.train.unanswerable import turned
from retrieval.reading.words import Tokens, Vocabulary
from retrieval.splits import part_of

FILES = (
    "squad-v1.1-dev-a",
    "squad-v2.0-dev-a",
    "t0-reading",
    "squad-train-sample",
    "covidqa",
    "qed-dev",
)
WRITTEN = Path("data/samples/reading/written.jsonl.xz")  # in a checkout
TWINS = Path("data/samples/reading/twins.jsonl.xz")
NOTES = Path("data/samples/reading/notes.jsonl.xz")
TYPED = Path("data/samples/reading/typed.jsonl.xz")  # as typed into a search box
PAIRED = ("twins", "notes")  # the sources whose questions come in pairs
_RUN = 12  # words in a row that make two paragraphs the same
_WORD = re.compile(r"\w+")
_HELD_OUT = 0.2
_LONGEST = 220  # tokens of a passage in training
_AWAY = 0.2  # share of questions that are shown a paragraph without their answer
_TURNED = 0.15  # share of questions that are changed until their paragraph does not answer them


class Asked(NamedTuple):
    """A labelled question; no answers: unanswerable from its context."""

    question: str
    answers: tuple[str, ...]
    context: str
    title: str
    source: str


def held_out(asked: Asked) -> bool:
    """Say whether a question to learn from is kept to tune and calibrate on, by article."""
    by_title = asked.source.startswith(("squad-v", "typed", *PAIRED))
    key = asked.title if asked.title and by_title else asked.context
    digest = hashlib.sha256(f"chatapp reader held out\n{key}".encode()).digest()
    return int.from_bytes(digest[:8]) < _HELD_OUT * 2**64


def names_its_subject(asked: Asked) -> bool:
    """Say whether a question can be searched for: those of one paragraph say "the city", "he".

    The written ones that do are lines as typed into a search box, without a question mark; none of
    the pairs need.
    """
    if asked.source in PAIRED:
        return False
    return asked.source != "written" or not asked.question.endswith("?")


def load(data: Path, names: Iterable[str] = FILES, more: Sequence[Path] = ()) -> list[Asked]:
    """Return the questions to learn from, held-out ones included.

    `more` are files of records that lie elsewhere; a question's source is the name of its file.
    """
    measuring: set[int] = set()
    kept: list[Asked] = []
    for path in (*(next((data / "qa").glob(f"{name}.jsonl*")) for name in names), *more):
        for record in records(path):
            asked = Asked(
                str(record["question"]),
                tuple(record["answers"]),
                str(record["context"] or ""),
                str(record["title"] or ""),
                path.name.partition(".jsonl")[0],
            )
            if part_of(asked.question, title=asked.title, context=asked.context) == "measure":
                measuring.update(_runs(asked.context))
            elif asked.context:
                kept.append(asked)
    clean = {
        context: measuring.isdisjoint(_runs(context))
        for context in {asked.context for asked in kept}
    }
    return [asked for asked in kept if clean[asked.context]]


def _runs(text: str) -> Iterator[int]:
    words = _WORD.findall(text.casefold())
    for place in range(max(1, len(words) - _RUN + 1)):
        yield hash(tuple(words[place : place + _RUN]))


class Labelled:
    """Examples from labelled questions, other paragraphs of their articles among them."""

    def __init__(self, vocabulary: Vocabulary, questions: Sequence[Asked]) -> None:
        self._vocabulary = vocabulary
        self.questions = list(questions)
        self._contexts: dict[str, Tokens] = {}
        self._paragraphs: dict[str, list[str]] = defaultdict(list)
        for asked in self.questions:
            if asked.context not in self._contexts:
                self._contexts[asked.context] = vocabulary.encode(asked.context)
                if asked.title:
                    self._paragraphs[asked.title].append(asked.context)
        self._others = [self._distractors(asked) for asked in self.questions]

    def epoch(self, order: random.Random) -> Iterator[Example]:
        """Yield every question once, in random order."""
        numbers = list(range(len(self.questions)))
        order.shuffle(numbers)
        for number in numbers:
            asked, others = self.questions[number], self._others[number]
            chance = order.random()
            if others and chance < _AWAY:
                yield self._example(asked, order.choice(others), order, away=True)
            elif asked.answers and chance > 1 - _TURNED:
                changed = turned(asked.question, asked.context, asked.answers, order)
                if changed:
                    other = asked._replace(question=changed, answers=())
                    yield self._example(other, asked.context, order, away=False)
            else:
                yield self._example(asked, asked.context, order, away=False)

    def _example(self, asked: Asked, context: str, order: random.Random, away: bool) -> Example:
        question = self._vocabulary.encode(asked.question)
        body = self._contexts[context]
        spans = [] if away else token_spans(context, body, asked.answers)
        body, spans = _crop(body, spans, order)
        title = asked.title if order.random() < 0.8 else ""
        passage, offset = encode_passage(self._vocabulary.encode(title), body)
        inside = tuple((a + offset, b + offset) for a, b in spans if b + offset < len(passage.keys))
        relevance = 0.0 if away else 1.0 if inside else UNKNOWN
        return Example(
            encode_question(question),
            passage,
            question_kind(asked.question),
            inside,
            True,
            relevance,
        )

    def _distractors(self, asked: Asked) -> list[str]:
        """Return the paragraphs of the article that resemble the question but do not answer."""
        tokens = self._vocabulary.encode(asked.question)
        rarity = dict(zip(tokens.stems.tolist(), tokens.rarity.tolist(), strict=True))
        found = []
        for context in self._paragraphs.get(asked.title, ()):
            if context == asked.context or any(answer in context for answer in asked.answers):
                continue
            held = set(self._contexts[context].stems.tolist())
            found.append((sum(r for s, r in rarity.items() if s in held), context))
        found.sort(key=lambda pair: -pair[0])
        return [context for _, context in found[:4]]


class Paired(Labelled):
    """Twins: each answered question with the unanswered one that follows it, as they are.

    Twins that are read in one batch cancel what they share: what is left to learn from is the word
    by which they differ.
    """

    def epoch(self, order: random.Random) -> Iterator[Example]:
        """Yield every question once, the pairs in random order."""
        pairs: list[list[Asked]] = []
        for asked in self.questions:
            before = pairs[-1] if pairs else []
            if len(before) == 1 and before[0].answers and not asked.answers:
                before.append(asked)
            else:
                pairs.append([asked])
        order.shuffle(pairs)
        for pair in pairs:
            yield from (self._example(asked, asked.context, order, away=False) for asked in pair)


def token_spans(text: str, tokens: Tokens, answers: Iterable[str]) -> list[tuple[int, int]]:
    """Return where the answers stand in `text`, as (first, last) tokens."""
    spans: list[tuple[int, int]] = []
    for answer in answers:
        place = text.find(answer) if answer else -1
        while place >= 0:
            end = place + len(answer)
            whole = not (text[place - 1 : place].isalnum() or text[end : end + 1].isalnum())
            if whole:
                first = int(np.searchsorted(tokens.ends, place, side="right"))
                last = int(np.searchsorted(tokens.starts, end, side="left")) - 1
                if first <= last and (first, last) not in spans:
                    spans.append((first, last))
            place = text.find(answer, place + 1)
    return spans


def _crop(
    body: Tokens, spans: list[tuple[int, int]], order: random.Random
) -> tuple[Tokens, list[tuple[int, int]]]:
    """Cut a long passage to a window of whole sentences around an answer."""
    length = len(body.keys)
    if length <= _LONGEST:
        return body, spans
    anchor = order.choice(spans)[0] if spans else order.randrange(length)
    edges = np.flatnonzero(body.opens)
    lowest = max(0, anchor - _LONGEST + 40)
    starts = [int(e) for e in edges if lowest <= e <= anchor] or [lowest]
    begin = order.choice(starts)
    end = begin + _LONGEST
    return body.cut(begin, end), [
        (a - begin, b - begin) for a, b in spans if a >= begin and b < end
    ]
