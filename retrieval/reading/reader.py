"""Our own reader: (question, passage) → answer spans, no answer, relevance; and what supports what.

The thing to know: it is a small encoder that learnt to read on this project's data (`python -m
retrieval.reading.train`), not a language model: it can only point at text that is there. Readings
are remembered, so that ranking passages and then quoting them reads each once.
"""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from retrieval.reading.kinds import STATEMENT, question_kind
from retrieval.reading.ranking import rank_scores
from retrieval.types import Hit, Passage

if TYPE_CHECKING:
    from retrieval.reading.batch import Encoded
    from retrieval.reading.network import Judged, ReaderNetwork
    from retrieval.reading.words import Tokens, Vocabulary

SPANS = 4  # spans kept of a passage
_WINDOW, _STRIDE = 200, 140  # tokens of a long passage that are read at once
_BATCH = 4  # larger ones are slower: their states no longer fit into a core's cache
_MEMO = 512


class SpanScore(NamedTuple):
    """Characters start … end of the passage's text; `score` is its logit over "no answer".

    `chance` is the probability that the network gives to exactly these characters, against all
    other spans of the passage and "no answer".
    """

    start: int
    end: int
    score: float
    chance: float


class Reading(NamedTuple):
    """What one passage says to a question. `spans` best first; probabilities from 0 to 1."""

    passage: int  # its place among those that were read
    relevance: float
    no_answer: float
    spans: tuple[SpanScore, ...]


class _Window(NamedTuple):
    passage: int
    tokens: Tokens  # of the passage, only those in the window
    encoded: Encoded
    offset: int  # tokens of the title before them


def load_reader(directory: Path) -> Reader:
    """Load the reader in `directory`.

    Raises:
        ReaderDamaged: a file is missing, damaged or not the one that belongs there.
    """
    from retrieval.reading import files

    return Reader(*files.load(directory))


class Reader:
    """Reads passages; safe to use from several threads, the same input gives the same output."""

    def __init__(self, network: ReaderNetwork, vocabulary: Vocabulary, name: str) -> None:
        """Use `load_reader`; `name` stands in reports."""
        self.id = name
        self._network, self._vocabulary = network, vocabulary
        self._lock = threading.Lock()
        self._memo: OrderedDict[tuple[str, str, str, str], Reading] = OrderedDict()

    def read(self, question: str, passages: Sequence[Passage]) -> list[Reading]:
        """Read `passages` for `question`; one reading each, in their order."""
        keys = [(question, p.title, p.heading, p.text) for p in passages]
        with self._lock:
            known = {key: self._memo[key] for key in keys if key in self._memo}
        missing = [n for n, key in enumerate(keys) if key not in known]
        fresh = self._read(question, [passages[n] for n in missing])
        known.update((keys[n], reading) for n, reading in zip(missing, fresh, strict=True))
        with self._lock:
            self._memo.update(known)
            while len(self._memo) > _MEMO:
                self._memo.popitem(last=False)
        return [known[key]._replace(passage=n) for n, key in enumerate(keys)]

    def rerank(self, question: str, hits: Sequence[Hit]) -> list[Hit]:
        """Return `hits` in the order of what they say to the question, scored from 0 to 1."""
        readings = self.read(question, [hit.passage for hit in hits])
        scored = list(zip(rank_scores(hits, readings), hits, strict=True))
        scored.sort(key=lambda pair: -pair[0])  # stable: equal scores keep the order of the search
        return [replace(hit, score=score) for score, hit in scored]

    def supports(self, statement: str, evidence: str) -> float:
        """Return the probability that `evidence` says what `statement` says, from 0 to 1."""
        import torch

        from retrieval.reading.batch import collate, encode_question

        windows = self._windows(0, "", evidence)
        if not windows:
            return 0.0
        asked = encode_question(self._vocabulary.encode(statement))
        with torch.inference_mode():
            judged = self._network(
                collate([asked] * len(windows)),
                collate([window.encoded for window in windows]),
                torch.full((len(windows),), STATEMENT),
            )
        return _sigmoid(float(judged.support.max()))

    def _read(self, question: str, passages: Sequence[Passage]) -> list[Reading]:
        import torch

        from retrieval.reading.batch import collate, encode_question

        windows = [
            window
            for number, passage in enumerate(passages)
            for window in self._windows(number, _title(passage), passage.text)
        ]
        windows.sort(key=lambda window: len(window.encoded.keys))  # like lengths, little padding
        asked = encode_question(self._vocabulary.encode(question))
        kind = question_kind(question)
        found: list[list[Reading]] = [[] for _ in passages]
        for begin in range(0, len(windows), _BATCH):
            part = windows[begin : begin + _BATCH]
            with torch.inference_mode():
                judged = self._network(
                    collate([asked] * len(part)),
                    collate([window.encoded for window in part]),
                    torch.full((len(part),), kind),
                )
            for row, window in enumerate(part):
                found[window.passage].append(_reading(window, judged, row))
        return [_merged(number, readings) for number, readings in enumerate(found)]

    def _windows(self, number: int, title: str, text: str) -> list[_Window]:
        """Cut a passage into stretches that the network reads at once; most are one."""
        from retrieval.reading.batch import encode_passage

        body = self._vocabulary.encode(text)
        head = self._vocabulary.encode(title)
        windows = []
        for begin in range(0, max(1, len(body.keys) - _WINDOW + _STRIDE), _STRIDE):
            tokens = body.cut(begin, begin + _WINDOW)
            if len(tokens.keys):
                windows.append(_Window(number, tokens, *encode_passage(head, tokens)))
        return windows


def _title(passage: Passage) -> str:
    """Return title and heading; one that repeats the title would count each match twice."""
    again = passage.heading.casefold().startswith(passage.title.casefold())
    return passage.heading if again else f"{passage.title} {passage.heading}".strip()


def _reading(window: _Window, judged: Judged, row: int) -> Reading:
    import numpy as np

    from retrieval.reading.decode import best_spans

    # What lies beyond is padding to the length of the longest window that was read with it.
    logits = judged.spans[row, : len(window.encoded.keys)].numpy()
    null = float(judged.null[row])
    everything = math.log1p(float(np.exp(logits.astype(np.float64) - null).sum()))
    spans = tuple(
        SpanScore(
            int(window.tokens.starts[span.first - window.offset]),
            int(window.tokens.ends[span.last - window.offset]),
            span.margin,
            math.exp(span.margin - everything),
        )
        for span in best_spans(logits, null, SPANS)
        if span.first >= window.offset
    )
    relevance = _sigmoid(float(judged.relevance[row]))
    return Reading(window.passage, relevance, math.exp(-everything), spans)


def _merged(number: int, readings: Sequence[Reading]) -> Reading:
    """Return what the windows of one passage say together."""
    if not readings:
        return Reading(number, 0.0, 1.0, ())
    spans = sorted({span for reading in readings for span in reading.spans}, key=_by_score)
    return Reading(
        number,
        max(reading.relevance for reading in readings),
        min(reading.no_answer for reading in readings),
        tuple(spans[:SPANS]),
    )


def _by_score(span: SpanScore) -> tuple[float, int]:
    return -span.score, span.start


def _sigmoid(logit: float) -> float:
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, logit))))
