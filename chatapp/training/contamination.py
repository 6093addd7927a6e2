"""Whether the records of an evaluation stand in the training text.

An evaluation record is contaminated when a run of 13 of its words, case and punctuation aside, is
found in the training data (arXiv:2005.14165, appendix C). A text with fewer words is looked for
whole, down to 8; a record with none that long is counted as too short, as its words would be found
by chance. Runs that many training documents share are stock phrases and do not count.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from chatapp.training.readers import Row
from chatapp.training.words import Hashes, run_hashes, word_hashes

RUN = 13
SHORTEST = 8
COMMON = 10
_PLACES_SHOWN = 3

# The fields, in any of the record schemas, whose text gives an evaluation record away.
_TEXTS = ("question", "context", "solution", "prompt", "code", "text", "response", "chosen")


@dataclass(frozen=True)
class Flagged:
    """A contaminated record.

    Attributes:
        overlap: by field, the share of its runs that the training data hold; fields of none are
            left out.
        found_in: some of the training records that hold them.
    """

    id: str
    overlap: Mapping[str, float]
    found_in: tuple[str, ...]


@dataclass(frozen=True)
class Report:
    """What was found; `flagged` in the order of the evaluation file."""

    records: int
    too_short: int
    documents: int
    stock_phrases: int
    flagged: tuple[Flagged, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        judged = self.records - self.too_short
        return {
            "records": self.records,
            "too_short": self.too_short,
            "training_documents": self.documents,
            "stock_phrases": self.stock_phrases,
            "contaminated": len(self.flagged),
            "rate": len(self.flagged) / judged if judged else 0.0,
            "flagged": [
                {"id": one.id, "overlap": dict(one.overlap), "found_in": list(one.found_in)}
                for one in self.flagged
            ],
        }


class _Part:
    """The runs of one text of an evaluation record."""

    def __init__(self, name: str, text: str, run: int, shortest: int) -> None:
        words = word_hashes(text)
        self.name, self.length = name, min(run, len(words))
        self.runs = run_hashes(words, run)[: 0 if self.length < shortest else None]


class _Watch:
    """The runs of one length that are looked for, and where they turned up."""

    def __init__(self, length: int, runs: Hashes) -> None:
        self.length, self._runs = length, np.unique(runs)
        self._documents = np.zeros(len(self._runs), dtype=np.int64)
        self._places: dict[int, list[str]] = {}

    def look(self, words: Hashes, where: str) -> None:
        """Count one training document for every run that it holds."""
        if len(words) < self.length:
            return
        runs = np.unique(run_hashes(words, self.length))
        nearest = np.minimum(np.searchsorted(self._runs, runs), len(self._runs) - 1)
        hits = nearest[self._runs[nearest] == runs]
        self._documents[hits] += 1
        for hit in hits.tolist():
            places = self._places.setdefault(hit, [])
            if len(places) < _PLACES_SHOWN:
                places.append(where)

    def judge(self, runs: Hashes, common: int) -> tuple[float, list[str]]:
        """Return the share of `runs` that were found and are no stock phrases, and where."""
        index = np.searchsorted(self._runs, runs)
        counts = self._documents[index]
        found = (counts > 0) & (counts <= common)
        places = [place for hit in index[found].tolist() for place in self._places[hit]]
        return float(found.mean()), places

    def stock_phrases(self, common: int) -> int:
        """Return how many runs are too common to count."""
        return int((self._documents > common).sum())


def check(
    evaluation: Iterable[Row],
    training: Iterable[Row],
    *,
    run: int = RUN,
    shortest: int = SHORTEST,
    common: int = COMMON,
) -> Report:
    """Look for every evaluation record in the training records, reading both once.

    Args:
        run: words of a run.
        shortest: texts with fewer words are not judged.
        common: a run that more training documents hold is a stock phrase.
    """
    records = [
        (str(row.fields.get("id", row.where)), _parts(row.fields, run, shortest))
        for row in evaluation
    ]
    watches = _watches([part for _, parts in records for part in parts])
    documents = 0
    for row in training:
        documents += 1
        words = word_hashes("\n".join(text for _, text in _texts(row.fields)))
        for watch in watches.values():
            watch.look(words, str(row.fields.get("id", row.where)))
    judged = (_judge(identity, parts, watches, common) for identity, parts in records)
    return Report(
        len(records),
        sum(not parts for _, parts in records),
        documents,
        sum(watch.stock_phrases(common) for watch in watches.values()),
        tuple(flagged for flagged in judged if flagged is not None),
    )


def _judge(
    identity: str, parts: list[_Part], watches: Mapping[int, _Watch], common: int
) -> Flagged | None:
    overlap: dict[str, float] = {}
    places: list[str] = []
    for part in parts:
        share, found_in = watches[part.length].judge(part.runs, common)
        if share:
            overlap[part.name] = round(max(share, overlap.get(part.name, 0.0)), 4)
            places += found_in
    if not overlap:
        return None
    return Flagged(identity, overlap, tuple(dict.fromkeys(places))[:_PLACES_SHOWN])


def _parts(fields: Mapping[str, Any], run: int, shortest: int) -> list[_Part]:
    parts = [_Part(name, text, run, shortest) for name, text in _texts(fields)]
    return [part for part in parts if len(part.runs)]


def _watches(parts: list[_Part]) -> dict[int, _Watch]:
    by_length: dict[int, list[Hashes]] = {}
    for part in parts:
        by_length.setdefault(part.length, []).append(part.runs)
    return {length: _Watch(length, np.concatenate(runs)) for length, runs in by_length.items()}


def _texts(fields: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield (field, text) of everything in a record that is worth looking for."""
    for name in _TEXTS:
        if isinstance(text := fields.get(name), str):
            yield name, text
    for choice in fields.get("choices") or ():
        yield "choices", str(choice)
    for message in fields.get("messages") or ():
        yield "messages", str(message.get("content", ""))
