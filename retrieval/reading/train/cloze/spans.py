"""Spans of a sentence that could be answers: dates, numbers, names, runs of content words."""

from __future__ import annotations

from collections import defaultdict

from retrieval.question import AnswerKind
from retrieval.reading.train.cloze.article import Article, Taken
from retrieval.reading.train.cloze.lexicon import BREAKS, INSIDE, MONTHS, NUMBERS, PLACE_BEFORE
from retrieval.reading.train.cloze.table import WordTable
from retrieval.reading.words import LOWER, MIXED, NUMBER, SHORT, TITLE, UPPER, YEAR, folded
from retrieval.terms import STOP_WORDS


def find_spans(table: WordTable, article: Article, begin: int, end: int) -> list[Taken]:
    """Return the spans of a sentence that could be answers, of every kind."""
    words, shapes = article.words, article.shapes
    found: list[Taken] = []
    place = begin
    while place < end:
        shape, word = shapes[place], words[place]
        stop = place + 1
        if (word in MONTHS and shape == TITLE) or (
            shape == SHORT and stop < end and words[stop] in MONTHS
        ):
            while (
                stop < end
                and stop - place < 5
                and (
                    words[stop] in MONTHS
                    or shapes[stop] in (SHORT, YEAR)
                    or (words[stop] == "," and stop + 1 < end and shapes[stop + 1] == YEAR)
                )
            ):
                stop += 1
            found.append(Taken(place, stop, AnswerKind.TIME))
        elif shape == YEAR:
            found.append(Taken(place, stop, AnswerKind.TIME))
        elif shape in (SHORT, NUMBER) or word in NUMBERS:
            first = place - 1 if place > begin and words[place - 1] in "$€£" else place
            while stop < end and (words[stop] in NUMBERS or words[stop] == "%"):
                stop += 1
            found.append(Taken(first, stop, AnswerKind.NUMBER))
            if stop < end and shapes[stop] == LOWER and words[stop] not in BREAKS:
                found.append(Taken(first, stop + 1, AnswerKind.NUMBER))
        elif shape in (TITLE, UPPER, MIXED) and word not in STOP_WORDS:
            while stop < end:
                if shapes[stop] in (TITLE, UPPER, MIXED):
                    stop += 1
                elif (
                    words[stop] in INSIDE and stop + 1 < end and shapes[stop + 1] in (TITLE, UPPER)
                ):
                    stop += 2
                else:
                    break
            found.append(Taken(place, stop, _name_kind(table, article, place, stop, begin)))
        elif shape == LOWER and word not in BREAKS and word not in STOP_WORDS:
            while stop < end and shapes[stop] == LOWER and words[stop] not in BREAKS:
                stop += 1
            while stop > place and words[stop - 1] in STOP_WORDS:
                stop -= 1
            if 0 < stop - place <= 5:
                found.append(Taken(place, stop, AnswerKind.OTHER))
        place = max(stop, place + 1)
    return found


def _name_kind(table: WordTable, article: Article, first: int, end: int, begin: int) -> AnswerKind:
    score = table.personality(article.kinds[first:end])
    before = article.words[first - 1] if first > begin else ""
    if score > 0.15 and before not in ("in", "at"):
        return AnswerKind.PERSON
    if score < -0.1 and before in PLACE_BEFORE:
        return AnswerKind.PLACE
    return AnswerKind.NAME


def recurring(
    table: WordTable, article: Article, usable: list[int], spans: dict[int, list[Taken]]
) -> list[tuple[Taken, list[int]]]:
    """Return spans that stand in two sentences or more, with those sentences' numbers."""
    places: dict[tuple[str, ...], list[tuple[int, Taken]]] = defaultdict(list)
    for number in usable[:30]:
        for span in spans[number]:
            words = tuple(article.words[span.first : span.end])
            if len(words) > 1 or table.rarity[article.kinds[span.first]] > 0.3:
                places[words].append((number, span))
    title = {folded(word) for word in article.title}
    return [
        (found[0][1], sorted({number for number, _ in found}))
        for words, found in places.items()
        if len({number for number, _ in found}) > 1 and not title.issuperset(words)
    ]
