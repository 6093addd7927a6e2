"""Value types of retrieval: document → passage → hit → quote. No I/O, no heavy imports."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

SearchMode = Literal["hybrid", "lexical", "dense", "rrf"]
"""`hybrid` blends the scores of both routes, `rrf` their ranks alone."""


@dataclass(frozen=True)
class Document:
    """A source as stored. `text` is sanitised; every offset in the index refers to it.

    `date` is what is known of when it was written: "2021", "2021-03" or "2021-03-14", "" if
    nothing. `language` is a code such as "en" or "pt-BR", "" if unknown.
    """

    id: str
    uri: str
    title: str
    text: str
    collection: str
    date: str = ""
    language: str = ""


@dataclass(frozen=True)
class Filters:
    """Which documents a search may return; what is empty does not filter.

    `paths` are globs (`*` also crosses folders) on the file a document came from, or on its
    address when it came from none; a folder stands for all below it. `uri` is how the address
    begins. `since` and `until` are inclusive and as coarse as they are written: "2021" is the whole
    year. A document without a date or language passes no filter on it. `kinds` are those of
    `retrieval.store.scope.kind_of`.
    """

    paths: tuple[str, ...] = ()
    uri: str = ""
    since: str = ""
    until: str = ""
    language: str = ""
    kinds: tuple[str, ...] = ()


@dataclass(frozen=True)
class Passage:
    """A chunk of a document: `text == document.text[start:end]`."""

    id: str
    document_id: str
    uri: str
    title: str
    heading: str
    text: str
    start: int
    end: int


@dataclass(frozen=True)
class Hit:
    """A passage that matched, with why: 1-based ranks and raw scores per route, None if absent.

    `copies` is how many near copies of it were left out; `via` is the title of the passage that led
    to it, "" where the query itself did.
    """

    passage: Passage
    score: float
    lexical_rank: int | None = None
    dense_rank: int | None = None
    lexical_score: float | None = None
    dense_score: float | None = None
    copies: int = 0
    via: str = ""

    @property
    def why(self) -> str:
        """Say in words what made it match: `words: 2nd (11.3) · meaning: 1st (0.62)`."""
        parts = [
            f"{name}: {rank}{_ending(rank)} ({score:.{digits}f})"
            for name, rank, score, digits in (
                ("words", self.lexical_rank, self.lexical_score, 1),
                ("meaning", self.dense_rank, self.dense_score, 2),
            )
            if rank is not None and score is not None
        ]
        if self.copies:
            parts.append(f"stands for {self.copies + 1} copies")
        if self.via:
            parts.append(f"by way of {self.via}")
        return " · ".join(parts)


def _ending(rank: int) -> str:
    if rank % 100 in (11, 12, 13):
        return "th"
    return {1: "st", 2: "nd", 3: "rd"}.get(rank % 10, "th")


@dataclass(frozen=True)
class Quote:
    """A span verified to stand in the stored text: `text == document.text[start:end]`.

    `score` is the calibrated probability that it answers the question, from 0 to 1. `answer` is the
    part of `text` that a reader pointed at, "" if none did; `certainty` the calibrated probability
    that this part alone is a right answer. `labelled`: `answer` stands below the label that was
    asked for, under the name of what it was asked of (`retrieval.labelled`).
    """

    text: str
    passage_id: str
    document_id: str
    uri: str
    title: str
    start: int
    end: int
    score: float
    answer: str = ""
    certainty: float = 0.0
    labelled: bool = False


@dataclass(frozen=True)
class IngestProgress:
    """Where `Index.add` stands; `total_bytes` is 0 while unknown."""

    path: str
    documents: int
    passages: int
    done_bytes: int
    total_bytes: int


@dataclass(frozen=True)
class IngestProblem:
    """One input that could not be taken, why, and what to do."""

    path: str
    message: str
    hint: str = ""


@dataclass(frozen=True)
class IngestReport:
    """What one `Index.add` did."""

    added: int = 0
    updated: int = 0
    unchanged: int = 0
    removed: int = 0
    passages: int = 0
    seconds: float = 0.0
    interrupted: bool = False
    problems: list[IngestProblem] = field(default_factory=list)


@dataclass(frozen=True)
class IndexStatus:
    """Size and health of an index."""

    path: str
    documents: int
    passages: int
    vectors: int
    bytes_on_disk: int
    embedder: str
    dimension: int
    collections: dict[str, int]
    problems: int = 0
