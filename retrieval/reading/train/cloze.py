"""Questions from raw text: a sentence loses a span, what is left is asked, its surroundings answer.

Three sources (Dhingra et al. 2018; Ram et al. 2021, recurring spans; Lewis et al. 2019, wh-words by
the kind of the span): the sentence itself; another sentence of the article that holds the same
span; and either one with the answer taken out of the passage, which makes it unanswerable.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch

from retrieval.question import AnswerKind, analyse
from retrieval.reading.batch import MOST_QUESTION, encode_passage, encode_question
from retrieval.reading.kinds import STATEMENT, kind_number
from retrieval.reading.train.examples import UNKNOWN, Example
from retrieval.reading.words import (
    COMMA,
    LOWER,
    MIXED,
    NUMBER,
    SHORT,
    STOP,
    TITLE,
    UPPER,
    YEAR,
    Tokens,
    Vocabulary,
    folded,
    shape_of,
)
from retrieval.terms import STOP_WORDS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from retrieval.reading.train.corpus import Corpus

_MONTHS = frozenset(
    [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ]
)
_NUMBERS = frozenset(
    [
        "one",
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
        "eight",
        "nine",
        "ten",
        "eleven",
        "twelve",
        "twenty",
        "thirty",
        "forty",
        "fifty",
        "hundred",
        "thousand",
        "million",
        "billion",
        "dozen",
        "half",
    ]
)
_INSIDE = frozenset(
    [
        "of",
        "the",
        "de",
        "la",
        "le",
        "du",
        "van",
        "von",
        "der",
        "den",
        "di",
        "da",
        "del",
        "al",
        "bin",
        "ibn",
        "and",
        "&",
    ]
)
_BREAKS = frozenset(
    [
        "is",
        "are",
        "was",
        "were",
        "be",
        "been",
        "being",
        "has",
        "have",
        "had",
        "do",
        "does",
        "did",
        "and",
        "or",
        "but",
        "that",
        "which",
        "who",
        "whom",
        "whose",
        "when",
        "where",
        "while",
        "because",
        "as",
        "by",
        "in",
        "on",
        "at",
        "from",
        "to",
        "with",
        "for",
        "into",
        "than",
        "during",
        "after",
        "before",
        "since",
        "until",
        "if",
        "it",
        "they",
        "he",
        "she",
        "this",
        "these",
        "those",
        "also",
        "not",
        "can",
        "could",
        "will",
        "would",
        "may",
        "might",
        "must",
        "should",
        "such",
        "then",
        "so",
        "there",
        "his",
        "her",
        "its",
        "their",
        "an",
        "a",
        "the",
        "he",
        "we",
        "i",
        "you",
        "who",
        "be",
        "under",
        "over",
        "between",
        "through",
    ]
)
_AUXILIARIES = frozenset(
    [
        "is",
        "are",
        "was",
        "were",
        "has",
        "have",
        "had",
        "can",
        "could",
        "will",
        "would",
        "may",
        "might",
        "must",
        "should",
        "did",
        "does",
        "do",
    ]
)
_CUTS = frozenset(
    ["which", "who", "that", "when", "where", "while", "because", "although", "but", "whereas"]
)
_PRONOUNS = frozenset(["he", "she", "it", "they", "him", "them", "his", "her", "its", "their"])
_PLACE_BEFORE = frozenset(["in", "at", "near", "from", "to", "within", "outside", "around", "into"])
_PEOPLE = [
    "john",
    "james",
    "maria",
    "robert",
    "william",
    "anna",
    "george",
    "david",
    "peter",
    "smith",
]
_PLACES = [
    "london",
    "france",
    "germany",
    "ontario",
    "india",
    "city",
    "california",
    "village",
    "africa",
    "chicago",
]


_FREQUENT = 20_000  # words that may be replaced by a neighbour
_ALIKE = 0.5  # least cosine of a neighbour
_STATED = 0.14  # share of statements, to be judged by what they rest on


class Taken(NamedTuple):
    """A span of an article, [first, end), and what kind of answer it is."""

    first: int
    end: int
    kind: AnswerKind


class Article(NamedTuple):
    """One article: its words, and where its sentences lie."""

    words: list[str]
    kinds: NDArray[np.int32]
    shapes: NDArray[np.uint8]
    opens: NDArray[np.uint8]
    sentences: list[tuple[int, int]]
    title: list[str]


class Maker:
    """Makes questions of a corpus; the same seed makes the same ones."""

    def __init__(self, corpus: Corpus, vocabulary: Vocabulary, table: NDArray[np.float32]) -> None:
        self._corpus, self._vocabulary = corpus, vocabulary
        facts = vocabulary.facts(corpus.words)
        columns = np.array(facts, dtype=np.float64)
        self._rows, self._keys = columns[:, 0].astype(np.int32), columns[:, 1].astype(np.int32)
        self._stems, self._rarity = columns[:, 2].astype(np.int32), columns[:, 3].astype(np.float32)
        self._kind_of = {word: kind for kind, word in enumerate(corpus.words)}
        self._table = table
        people = table[[vocabulary.facts([w])[0].row for w in _PEOPLE]].mean(0)
        places = table[[vocabulary.facts([w])[0].row for w in _PLACES]].mean(0)
        self._person = table @ people - table @ places
        self._near = _nearest(table, min(_FREQUENT, len(vocabulary.words)))

    def examples(self, seed: int, per_article: int = 8) -> Iterator[Example]:
        """Yield examples without end, articles in random order."""
        order = random.Random(seed)
        articles = len(self._corpus.titles)
        while True:
            numbers = list(range(articles))
            order.shuffle(numbers)
            for number in numbers:
                made = self._of_article(self._article(number), order, per_article)
                yield from made

    def _article(self, number: int) -> Article:
        begin, end = self._corpus.bounds[number : number + 2]
        end = min(end, begin + 4_000)
        kinds = np.asarray(self._corpus.kinds[begin:end])
        opens = np.asarray(self._corpus.opens[begin:end])
        edges = [*np.flatnonzero(opens).tolist(), len(kinds)]
        words = [self._corpus.words[kind] for kind in kinds]
        title = self._corpus.titles[number].split("(")[0].split(",")[0].split()
        sentences = [(a, b) for a, b in pairwise(edges) if b > a]
        return Article(
            words, kinds, np.asarray(self._corpus.shapes[begin:end]), opens, sentences, title
        )

    def _of_article(self, article: Article, order: random.Random, most: int) -> list[Example]:
        usable = [n for n, (a, b) in enumerate(article.sentences[:90]) if 8 <= b - a <= 70]
        if not usable:
            return []
        spans_of = {n: self._spans(article, *article.sentences[n]) for n in usable}
        recurring = self._recurring(article, usable, spans_of)
        made: list[Example] = []
        for _ in range(min(most, 1 + len(usable))):
            if order.random() < _STATED:
                example = self._state(article, order.choice(usable), spans_of, order)
            elif recurring and order.random() < 0.35:
                span, places = order.choice(recurring)
                asked, told = order.sample(places, 2)
                where = next((s for s in span_places(article, span, asked)), None)
                if where is None:
                    continue
                taken = Taken(where, where + span.end - span.first, span.kind)
                example = self._ask(article, asked, taken, told, order)
            else:
                asked = order.choice(usable)
                spans = spans_of[asked]
                if not spans:
                    continue
                example = self._ask(article, asked, _pick(spans, order), asked, order)
            if example is not None:
                made.append(example)
        return made

    # -- spans ---------------------------------------------------------------------------------

    def _spans(self, article: Article, begin: int, end: int) -> list[Taken]:
        """Return the spans of a sentence that could be answers, of every kind."""
        words, shapes = article.words, article.shapes
        found: list[Taken] = []
        place = begin
        while place < end:
            shape, word = shapes[place], words[place]
            stop = place + 1
            if (word in _MONTHS and shape == TITLE) or (
                shape == SHORT and stop < end and words[stop] in _MONTHS
            ):
                while (
                    stop < end
                    and stop - place < 5
                    and (
                        words[stop] in _MONTHS
                        or shapes[stop] in (SHORT, YEAR)
                        or (words[stop] == "," and stop + 1 < end and shapes[stop + 1] == YEAR)
                    )
                ):
                    stop += 1
                found.append(Taken(place, stop, AnswerKind.TIME))
            elif shape == YEAR:
                found.append(Taken(place, stop, AnswerKind.TIME))
            elif shape in (SHORT, NUMBER) or word in _NUMBERS:
                first = place - 1 if place > begin and words[place - 1] in "$€£" else place
                while stop < end and (words[stop] in _NUMBERS or words[stop] == "%"):
                    stop += 1
                found.append(Taken(first, stop, AnswerKind.NUMBER))
                if stop < end and shapes[stop] == LOWER and words[stop] not in _BREAKS:
                    found.append(Taken(first, stop + 1, AnswerKind.NUMBER))
            elif shape in (TITLE, UPPER, MIXED) and word not in STOP_WORDS:
                while stop < end:
                    if shapes[stop] in (TITLE, UPPER, MIXED):
                        stop += 1
                    elif (
                        words[stop] in _INSIDE
                        and stop + 1 < end
                        and shapes[stop + 1] in (TITLE, UPPER)
                    ):
                        stop += 2
                    else:
                        break
                found.append(Taken(place, stop, self._name_kind(article, place, stop, begin)))
            elif shape == LOWER and word not in _BREAKS and word not in STOP_WORDS:
                while stop < end and shapes[stop] == LOWER and words[stop] not in _BREAKS:
                    stop += 1
                while stop > place and words[stop - 1] in STOP_WORDS:
                    stop -= 1
                if 0 < stop - place <= 5:
                    found.append(Taken(place, stop, AnswerKind.OTHER))
            place = max(stop, place + 1)
        return found

    def _name_kind(self, article: Article, first: int, end: int, begin: int) -> AnswerKind:
        score = float(self._person[self._rows[article.kinds[first:end]]].mean())
        before = article.words[first - 1] if first > begin else ""
        if score > 0.15 and before not in ("in", "at"):
            return AnswerKind.PERSON
        if score < -0.1 and before in _PLACE_BEFORE:
            return AnswerKind.PLACE
        return AnswerKind.NAME

    def _recurring(
        self, article: Article, usable: list[int], spans: dict[int, list[Taken]]
    ) -> list[tuple[Taken, list[int]]]:
        """Return spans that stand in two sentences or more, with those sentences' numbers."""
        places: dict[tuple[str, ...], list[tuple[int, Taken]]] = defaultdict(list)
        for number in usable[:30]:
            for span in spans[number]:
                words = tuple(article.words[span.first : span.end])
                if len(words) > 1 or self._rarity[article.kinds[span.first]] > 0.3:
                    places[words].append((number, span))
        title = {folded(word) for word in article.title}
        return [
            (found[0][1], sorted({number for number, _ in found}))
            for words, found in places.items()
            if len({number for number, _ in found}) > 1 and not title.issuperset(words)
        ]

    # -- questions -----------------------------------------------------------------------------

    def _ask(
        self, article: Article, asked: int, taken: Taken, told: int, order: random.Random
    ) -> Example | None:
        """Return the example that asks for `taken` of one sentence around the sentence `told`."""
        question = self._question(article, article.sentences[asked], taken, order)
        if question is None:
            return None
        away = order.random() < 0.22
        keep_out = asked if asked != told else None
        window = _window(article, told, keep_out, drop=told if away else None, order=order)
        answer = tuple(article.words[taken.first : taken.end])
        picked = np.array([p for a, b in window for p in range(a, b)], dtype=np.int64)
        if not len(picked):
            return None
        words = [article.words[p] for p in picked]
        spans = _occurrences(words, answer)
        if not away and asked == told:
            exact = np.flatnonzero(picked == taken.first)
            spans = [(int(exact[0]), int(exact[0]) + len(answer) - 1)] if len(exact) else []
        if bool(spans) == away:
            return None
        if asked != told:
            stems = set(self._stems[article.kinds[picked]].tolist())
            mine = [s for s, r in zip(question.stems, question.rarity, strict=True) if r > 0.25]
            if sum(stem in stems for stem in mine) < 2:
                return None  # nothing leads from this question to this passage
        body = self._tokens(article.kinds[picked], article.shapes[picked], article.opens[picked])
        title = self._plain(article.title if order.random() < 0.85 else [])
        passage, offset = encode_passage(title, body)
        inside = tuple((a + offset, b + offset) for a, b in spans if b + offset < len(passage.rows))
        if spans and not inside:
            return None
        asked_kind = taken.kind if order.random() < 0.9 else AnswerKind.OTHER
        relevance = 0.0 if away else 1.0
        return Example(
            encode_question(question),
            passage,
            kind_number(asked_kind),
            inside,
            True,
            relevance,
            UNKNOWN,
        )

    def _question(
        self, article: Article, sentence: tuple[int, int], taken: Taken, order: random.Random
    ) -> Tokens | None:
        words, shapes = article.words, article.shapes
        begin, end = sentence
        if order.random() < 0.75:
            begin, end = _clause(article, begin, end, taken)
        left = [(words[p], int(shapes[p])) for p in range(begin, taken.first)]
        right = [(words[p], int(shapes[p])) for p in range(taken.end, end) if shapes[p] != STOP]
        while (left and left[-1][0] in ("the", "a", "an", "$")) or (
            left
            and taken.kind in (AnswerKind.TIME, AnswerKind.PLACE)
            and left[-1][0] in ("in", "on", "at", "since", "during")
        ):
            left.pop()
        wh = _asking(taken.kind, words[taken.end - 1], article.shapes[taken.first], order)
        left = self._named(left, article.title, order, opening=begin == sentence[0])
        right = self._named(right, article.title, order, opening=False)
        content = [w for w, _ in left if w.isalpha() and w not in STOP_WORDS]
        if not content:
            body = right
        else:
            at = next((n for n, (w, _) in enumerate(left) if n and w in _AUXILIARIES), None)
            if at is not None and order.random() < 0.85:
                body = [left[at], *left[:at], *left[at + 1 :], *right]
            elif order.random() < 0.2:
                body = right + left
            else:
                did = [("did", LOWER)] if at is None and order.random() < 0.6 else []
                body = did + left + right
        body = [pair for pair in (self._noised(pair, order) for pair in body) if pair is not None]
        asked = [(w, LOWER) for w in wh] + body[: MOST_QUESTION - 8]
        if order.random() < 0.3:
            asked = [(w, LOWER if s in (TITLE, UPPER, MIXED) else s) for w, s in asked]
        elif asked:
            asked[0] = (asked[0][0], TITLE)
        if order.random() < 0.8:
            asked.append(("?", STOP))
        tokens = self._pairs(asked)
        return tokens if int((tokens.rarity > 0.25).sum()) >= 2 else None

    def _named(
        self, run: list[tuple[str, int]], title: list[str], order: random.Random, opening: bool
    ) -> list[tuple[str, int]]:
        """Say the article's name for a pronoun, as somebody outside the article would."""
        name = [(folded(word), shape_of(word)) for word in title]
        said: list[tuple[str, int]] = []
        done = not name
        for n, (word, shape) in enumerate(run):
            chance = 0.75 if opening and n == 0 else 0.3
            if not done and word in _PRONOUNS and order.random() < chance:
                said += name
                done = True
            else:
                said.append((word, shape))
        return said

    def _noised(
        self, pair: tuple[str, int], order: random.Random, share: float = 1.0
    ) -> tuple[str, int] | None:
        """Drop or replace a word now and then: nobody asks in the words of the article."""
        word, shape = pair
        chance = order.random() / share
        if not word[:1].isalnum():
            return None if chance < 0.5 else pair
        if word in STOP_WORDS:
            return None if chance < 0.12 else pair
        if chance < 0.1:
            return None
        if chance < 0.25 and shape == LOWER:
            near = self._neighbours(word)
            return (order.choice(near), shape) if near else pair
        return pair

    def _neighbours(self, word: str) -> list[str]:
        row = self._vocabulary.facts([word])[0].row
        words = self._vocabulary.words
        close = self._near[row] if row < len(self._near) else ()
        return [words[n - 1] for n in close if n and words[n - 1] != word]

    # -- statements ----------------------------------------------------------------------------

    def _state(
        self,
        article: Article,
        number: int,
        spans: dict[int, list[Taken]],
        order: random.Random,
    ) -> Example | None:
        """Return a sentence in other words, or one made wrong, beside the text it came from."""
        begin, end = article.sentences[number]
        said = [(article.words[p], int(article.shapes[p])) for p in range(begin, end)]
        wrong = order.choice(["", "", "", "", "other", "other", "not", "gone"])
        if wrong == "other":
            changed = self._exchanged(article, said, begin, spans, number, order)
            if changed is None:
                return None
            said = changed
        elif wrong == "not":
            at = next((n for n, (w, _) in enumerate(said) if w in _AUXILIARIES), None)
            if at is None:
                return None
            if at + 1 < len(said) and said[at + 1][0] == "not":
                del said[at + 1]
            else:
                said.insert(at + 1, ("not", LOWER))
        said = self._named(said, article.title, order, opening=True)
        if order.random() < 0.7:
            said = [p for p in (self._noised(p, order, 0.5) for p in said) if p is not None]
        drop = number if wrong == "gone" else None
        window = _window(article, number, None, drop=drop, order=order)
        picked = np.array([p for a, b in window for p in range(a, b)], dtype=np.int64)
        if not len(picked) or len(said) > MOST_QUESTION:
            return None
        body = self._tokens(article.kinds[picked], article.shapes[picked], article.opens[picked])
        passage, _ = encode_passage(self._plain(article.title), body)
        statement = self._pairs(said)
        return Example(
            encode_question(statement), passage, STATEMENT, (), False, support=float(not wrong)
        )

    def _exchanged(
        self,
        article: Article,
        said: list[tuple[str, int]],
        begin: int,
        spans: dict[int, list[Taken]],
        number: int,
        order: random.Random,
    ) -> list[tuple[str, int]] | None:
        """Put another span of the same kind, from the same article, in the place of one."""
        mine = spans[number]
        if not mine:
            return None
        out = _pick(mine, order)
        words = article.words[out.first : out.end]
        others = [
            span
            for found in spans.values()
            for span in found
            if span.kind is out.kind and article.words[span.first : span.end] != words
        ]
        if not others:
            return None
        put = order.choice(others)
        new = [(article.words[p], int(article.shapes[p])) for p in range(put.first, put.end)]
        return said[: out.first - begin] + new + said[out.end - begin :]

    # -- arrays --------------------------------------------------------------------------------

    def _tokens(
        self, kinds: NDArray[np.integer[Any]], shapes: NDArray[np.uint8], opens: NDArray[np.uint8]
    ) -> Tokens:
        none = np.zeros(0, dtype=np.int32)
        return Tokens(
            self._rows[kinds],
            self._keys[kinds],
            self._stems[kinds],
            self._rarity[kinds],
            shapes,
            opens,
            none,
            none,
        )

    def _plain(self, words: list[str]) -> Tokens:
        return self._pairs([(folded(word), shape_of(word)) for word in words])

    def _pairs(self, pairs: list[tuple[str, int]]) -> Tokens:
        """Return words with shapes as tokens; what the corpus does not know is left out."""
        kept = [(self._kind_of[word], shape) for word, shape in pairs if word in self._kind_of]
        return self._tokens(
            np.array([kind for kind, _ in kept], dtype=np.int64),
            np.array([shape for _, shape in kept], dtype=np.uint8),
            np.zeros(len(kept), dtype=np.uint8),
        )


def _nearest(table: NDArray[np.float32], count: int) -> list[list[int]]:
    """Return for each of the first `count` rows the rows most like it, 0 where none is."""
    vectors = torch.from_numpy(table[: count + 1])
    found: list[list[int]] = []
    for part in vectors.split(1_000):
        values, rows = (part @ vectors.T).topk(5, dim=1)
        found += rows.where(values > _ALIKE, 0)[:, 1:].tolist()
    return found


_WEIGHTS = {AnswerKind.OTHER: 0.5, AnswerKind.NAME: 1.3, AnswerKind.PLACE: 1.0}


def _pick(spans: list[Taken], order: random.Random) -> Taken:
    return order.choices(spans, [_WEIGHTS.get(span.kind, 1.2) for span in spans])[0]


def span_places(article: Article, span: Taken, sentence: int) -> Iterator[int]:
    """Yield where the words of `span` stand in a sentence."""
    wanted = article.words[span.first : span.end]
    begin, end = article.sentences[sentence]
    for place in range(begin, end - len(wanted) + 1):
        if article.words[place : place + len(wanted)] == wanted:
            yield place


def _occurrences(words: list[str], answer: tuple[str, ...]) -> list[tuple[int, int]]:
    size = len(answer)
    return [
        (n, n + size - 1)
        for n in range(len(words) - size + 1)
        if words[n] == answer[0] and tuple(words[n : n + size]) == answer
    ]


def _window(
    article: Article, told: int, keep_out: int | None, *, drop: int | None, order: random.Random
) -> list[tuple[int, int]]:
    """Return sentences around `told`, 50 to 170 tokens, without `keep_out` and `drop`."""
    target = order.randint(50, 170)
    first = last = told
    size = 0
    kept: list[int] = []
    if told != drop:
        kept.append(told)
        size += article.sentences[told][1] - article.sentences[told][0]
    while size < target:
        sides = [s for s in (first - 1, last + 1) if 0 <= s < len(article.sentences)]
        if not sides:
            break
        chosen = order.choice(sides)
        first, last = min(first, chosen), max(last, chosen)
        if chosen != keep_out and chosen != drop:
            kept.append(chosen)
            size += article.sentences[chosen][1] - article.sentences[chosen][0]
    return [article.sentences[n] for n in sorted(kept)]


def _clause(article: Article, begin: int, end: int, taken: Taken) -> tuple[int, int]:
    """Narrow a sentence to the clause around the answer, where enough words remain."""
    cuts = [
        p
        for p in range(begin, end)
        if article.shapes[p] == COMMA or article.words[p] in _CUTS or article.words[p] in "()-"
    ]
    first = max((p + 1 for p in cuts if p < taken.first), default=begin)
    last = min((p for p in cuts if p >= taken.end), default=end)
    if (last - first) - (taken.end - taken.first) >= 5:
        return first, last
    if last - begin - (taken.end - taken.first) >= 5:
        return begin, last
    return begin, end


def _asking(kind: AnswerKind, last: str, shape: int, order: random.Random) -> list[str]:
    if kind is AnswerKind.TIME:
        if shape == YEAR:
            options = ["when", "when", "in what year", "what year", "in which year"]
        else:
            options = ["when", "when", "when", "on what date", "what date", "what day"]
    elif kind is AnswerKind.NUMBER:
        options = (
            ["what percentage", "how much", "what percent"]
            if last == "%"
            else ["how many", "how many", "how many", "how much", "what number", "what"]
        )
    elif kind is AnswerKind.PERSON:
        options = [
            "who",
            "who",
            "who",
            "who",
            "which person",
            "what is the name of the person who",
            "whom",
        ]
    elif kind is AnswerKind.PLACE:
        options = [
            "where",
            "where",
            "where",
            "what place",
            "what city",
            "what country",
            "in what city",
            "which country",
        ]
    elif kind is AnswerKind.NAME:
        options = [
            "what",
            "what",
            "what",
            "which",
            "what group",
            "what organization",
            "what is the name of",
            "who",
        ]
    else:
        options = ["what", "what", "what", "what", "which", "what kind of", "what type of"]
    return order.choice(options).split()


def question_kind(text: str) -> int:
    """Return the number of the kind of answer that a question expects."""
    return kind_number(analyse(text).kind)
