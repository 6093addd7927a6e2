"""What a stage of reading learns from, mixed: labels, searched passages, statements, raw text."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from retrieval.reading.train import mining
from retrieval.reading.train.cloze.maker import Maker
from retrieval.reading.train.examples import Example
from retrieval.reading.train.judged import JudgedSearch, Searches
from retrieval.reading.train.labels import Asked, Labelled, Paired
from retrieval.reading.train.statements import answered, as_example, held_out_rating, ratings
from retrieval.reading.words import Vocabulary


@dataclass(frozen=True)
class Shares:
    """How much of a stage each kind of example is; the rest is questions made of raw text.

    `written` and `twins` are labels again: of the questions that were written for this project,
    and of those that come in pairs, of which one is not answered. `judged` are searched passages
    again, that were read one by one.
    """

    labels: float
    searched: float
    statements: float
    written: float = 0.0
    twins: float = 0.0
    judged: float = 0.0


@dataclass(frozen=True)
class Lessons:
    """What there is to learn from; `data` is the shared pack, for its ratings of statements."""

    vocabulary: Vocabulary
    labels: Sequence[Asked]
    written: Sequence[Asked]
    twins: Sequence[Asked]
    searched: Sequence[mining.Mined]
    judged: Sequence[JudgedSearch]
    maker: Maker
    data: Path

    def examples(self, shares: Shares, seed: int) -> Iterator[Example]:
        """Yield without end; the same seed gives the same examples."""
        order = random.Random(seed)
        asked = [*self.labels, *self.written] if shares.written else self.labels
        taught = shares.labels + shares.written + shares.twins + shares.judged
        raw = 1 - taught - shares.searched - shares.statements
        sources = [
            (shares.labels, _endless(Labelled(self.vocabulary, self.labels), order)),
            (shares.written, _endless(Labelled(self.vocabulary, self.written), order)),
            (shares.twins, _endless(Paired(self.vocabulary, self.twins), order)),
            (shares.searched, mining.examples(self.vocabulary, self.searched, order)),
            (shares.judged, Searches(self.vocabulary, self.judged).endless(order)),
            (shares.statements, self._statements(asked, order)),
            (raw, self.maker.examples(seed + 1)),
        ]
        return _mixed([(share, source) for share, source in sources if share > 0], seed)

    def _statements(self, asked: Sequence[Asked], order: random.Random) -> Iterator[Example]:
        rated = [one for one in ratings(self.data, "learn") if not held_out_rating(one)]
        while True:
            chosen = [*rated, *order.sample(list(answered(asked, order)), len(rated) // 2)]
            order.shuffle(chosen)
            yield from (as_example(self.vocabulary, one) for one in chosen)


def _endless(labelled: Labelled, order: random.Random) -> Iterator[Example]:
    while labelled.questions:
        yield from labelled.epoch(order)


def _mixed(sources: Sequence[tuple[float, Iterator[Example]]], seed: int) -> Iterator[Example]:
    """Yield from several sources, each in its share, until one ends."""
    order = random.Random(seed)
    shares = [share for share, _ in sources]
    iterators = [iterator for _, iterator in sources]
    while True:
        yield next(order.choices(iterators, shares)[0])
