"""Search, then let a reader put the best hits in a better order.

The thing to know: a reader looks at question and passage together, which vectors cannot, and costs
milliseconds a passage. So it sees the first `DEPTH` hits only, and where documents begin that the
question names; what comes after keeps its place. A labelled line that says what is asked of the
thing that is asked about (`retrieval.labelled`) comes first.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Protocol

from retrieval.labelled import asked_labels, is_about, value_of
from retrieval.terms import content_words, fold, words
from retrieval.types import Filters, Hit, SearchMode

if TYPE_CHECKING:
    from retrieval.index import Index

DEPTH = 30
READ = 16  # the depth where a person waits for the answer
OPENINGS = 2  # documents whose beginning is read as well
_QUALIFIER = re.compile(r"\s*\([^)]*\)")  # "Mercury (planet)"


class Reranker(Protocol):
    """What is asked of a reader (`retrieval.reading.reader.Reader` is one)."""

    def rerank(self, question: str, hits: Sequence[Hit]) -> list[Hit]:
        """Return the same hits, best first."""
        ...


def search_reranked(
    index: Index,
    reranker: Reranker | None,
    question: str,
    k: int,
    *,
    depth: int = DEPTH,
    mode: SearchMode = "hybrid",
    collections: Sequence[str] = (),
    filters: Filters | None = None,
) -> list[Hit]:
    """Return the `k` best hits, the first `depth` of them reordered; None reorders nothing."""
    hits = index.search(
        question,
        max(k, 2 * depth) if reranker else k,
        mode=mode,
        collections=collections,
        filters=filters or Filters(),
    )
    if reranker is None:
        return hits
    labelled = _labelled(index, question, hits)
    opening = _openings(index, question, hits, depth)
    seen = {hit.passage.id for hit in (*labelled, *opening)}
    read = [*(hit for hit in hits[:depth] if hit.passage.id not in seen), *opening]
    rest = [hit for hit in hits[depth:] if hit.passage.id not in seen]
    return [*labelled, *reranker.rerank(question, read), *rest][:k]


def _labelled(index: Index, question: str, hits: Sequence[Hit]) -> list[Hit]:
    """Return the passages whose labelled line answers, of documents named like the subject.

    A search need not find them: all that such a line shares with the question is one word.
    """

    def stem(text: str) -> list[str]:
        return index.stems(fold(word) for word in words(text))

    labels = asked_labels(question, stem)
    about = {
        hit.passage.document_id: (hit, asked)
        for asked in labels
        for hit in hits
        if is_about(asked, hit.passage.title, stem)
    }
    found = []
    for hit, asked in about.values():
        text = index.document(hit.passage.document_id).text
        line = next((one for one in text.splitlines() if value_of(asked, one, stem)), "")
        within = Filters(uri=hit.passage.uri)
        for other in index.search(line, OPENINGS, filters=within) if line else ():
            if line in other.passage.text and other.passage.document_id == hit.passage.document_id:
                found.append(replace(hit, passage=other.passage, score=1.0))
                break
    return found


def _openings(index: Index, question: str, hits: Sequence[Hit], depth: int) -> list[Hit]:
    """Return the beginnings of documents whose title the question names, if they are not read yet.

    What a thing is stands where its article begins, which a search for its name need not prefer.
    Each beginning counts as found like the best hit of its document.
    """
    asked = set(index.stems(content_words(question)))
    named: dict[str, Hit] = {}
    for hit in hits:
        title = set(index.stems(content_words(_QUALIFIER.sub("", hit.passage.title))))
        if title and title <= asked:
            named.setdefault(hit.passage.document_id, hit)
    read = {hit.passage.id for hit in hits[:depth]}
    openings = (passage for passage in index.openings(list(named)) if passage.id not in read)
    return [replace(named[each.document_id], passage=each) for each in islice(openings, OPENINGS)]
