"""Two-hop search: find the page that names what a question only describes, then look there.

"What is the middle name of the actor who hosted the 24th People's Choice Awards?" names an award;
the answer stands on the page of a person whom only the award's page names. The thing to know: names
in the first hits that the question does not hold are searched for, together with those words of the
question that the first hit left open. Only pages of that very name count, and each is worth what
led to it and how much of the question it closes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from retrieval.sentences import sentence_spans
from retrieval.terms import content_words
from retrieval.types import Hit

_NAME = re.compile(
    r"[A-Z][\w'’.-]*(?:\s+(?:(?:of|the|de|la|and|for|in|on|von|van)\s+(?:the\s+)?)?[A-Z][\w'’.-]*"
    r"|\s+\d{4})*"
)
READ = 6  # first hits that names are taken from
_NAMES = 6  # names followed
_EACH = 12  # hits of a second search that are looked at
# Fitted on 150 learning questions of HotpotQA, of 200 settings; see docs/log.md.
_INHERITED = 0.8
_CLOSED = 0.4
_TITLE_WORTH = 0.7  # a title's claim to be the name, beside that of a name in a fitting sentence
_PAGE_WORTH = 0.3

Search = Callable[[str, int], list[Hit]]
Stems = Callable[[str], set[str]]
Weights = Mapping[str, float]


class _Bridge(NamedTuple):
    """A name to follow: what it is worth, the hit it stands in, what of the question is open."""

    worth: float
    source: Hit
    left: str


def two_hops(
    question: str, first: Sequence[Hit], k: int, *, search: Search, stems: Stems, weights: Weights
) -> list[Hit]:
    """Return the `k` best of the first hits and of what they lead to; `via` says by way of what.

    Args:
        question: what was asked.
        first: hits for the question itself, best first.
        k: how many to return.
        search: finds passages for a query, as `first` was found.
        stems: stems of the content words of a text.
        weights: the rarity of each stem of the question.
    """
    total = sum(weights.values())
    best = {hit.passage.id: hit for hit in first}
    if not total:
        return list(first[:k])
    for name, bridge in _bridges(question, first[:READ], stems, weights).items():
        wanted, open_stems = stems(name), stems(bridge.left)
        for hit in search(f"{name} {bridge.left}", _EACH):
            title = stems(hit.passage.title)
            if not title or not (wanted <= title or title <= wanted):
                continue
            closed = open_stems & stems(f"{hit.passage.title} {hit.passage.text}")
            gained = sum(weights.get(stem, 0.0) for stem in closed) / total
            score = _INHERITED * bridge.source.score + _CLOSED * gained
            known = best.get(hit.passage.id)
            if known is None or score > known.score:
                best[hit.passage.id] = replace(hit, score=score, via=bridge.source.passage.title)
    return sorted(best.values(), key=lambda hit: -hit.score)[:k]


def _bridges(
    question: str, hits: Sequence[Hit], stems: Stems, weights: Weights
) -> dict[str, _Bridge]:
    """Return the most promising names: those whose sentence and page share rare words with it."""
    found: dict[str, _Bridge] = {}
    for hit in hits:
        on_page = stems(f"{hit.passage.title} {hit.passage.text}")
        left = " ".join(word for word in content_words(question) if not stems(word) <= on_page)
        page = sum(weights[stem] for stem in on_page & weights.keys())
        for name, sentence in _named(hit):
            shared = stems(sentence) & weights.keys()
            own = sum(weights[stem] for stem in shared) if sentence else _TITLE_WORTH * page
            worth = own + _PAGE_WORTH * page
            if not stems(name) <= weights.keys() and (
                name not in found or worth > found[name].worth
            ):
                found[name] = _Bridge(worth, hit, left)
    best = sorted(found.items(), key=lambda item: -item[1].worth)[:_NAMES]
    return dict(best)


def _named(hit: Hit) -> Iterator[tuple[str, str]]:
    """Yield each name in a passage with its sentence; its title with none."""
    yield hit.passage.title, ""
    for start, end in sentence_spans(hit.passage.text):
        sentence = hit.passage.text[start:end]
        for match in _NAME.finditer(sentence):
            yield match.group().rstrip(" ."), sentence
