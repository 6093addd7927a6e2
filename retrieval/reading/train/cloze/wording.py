"""How a question is worded: a wh-word, the auxiliary first, the article's name, other words."""

from __future__ import annotations

import random

from retrieval.question import AnswerKind
from retrieval.reading.batch import MOST_QUESTION
from retrieval.reading.train.cloze.article import Article, Taken, clause
from retrieval.reading.train.cloze.lexicon import AUXILIARIES, PRONOUNS
from retrieval.reading.train.cloze.table import WordTable
from retrieval.reading.words import (
    LOWER,
    MIXED,
    STOP,
    TITLE,
    UPPER,
    YEAR,
    Tokens,
    folded,
    shape_of,
)
from retrieval.terms import STOP_WORDS


def question(
    table: WordTable,
    article: Article,
    sentence: tuple[int, int],
    taken: Taken,
    order: random.Random,
) -> Tokens | None:
    """Ask for a span in the words of its sentence; None where too few words are left."""
    words, shapes = article.words, article.shapes
    begin, end = sentence
    if order.random() < 0.75:
        begin, end = clause(article, begin, end, taken)
    left = [(words[p], int(shapes[p])) for p in range(begin, taken.first)]
    right = [(words[p], int(shapes[p])) for p in range(taken.end, end) if shapes[p] != STOP]
    while (left and left[-1][0] in ("the", "a", "an", "$")) or (
        left
        and taken.kind in (AnswerKind.TIME, AnswerKind.PLACE)
        and left[-1][0] in ("in", "on", "at", "since", "during")
    ):
        left.pop()
    wh = _asking(taken.kind, words[taken.end - 1], article.shapes[taken.first], order)
    left = named(left, article.title, order, opening=begin == sentence[0])
    right = named(right, article.title, order, opening=False)
    content = [w for w, _ in left if w.isalpha() and w not in STOP_WORDS]
    if not content:
        body = right
    else:
        at = next((n for n, (w, _) in enumerate(left) if n and w in AUXILIARIES), None)
        if at is not None and order.random() < 0.85:
            body = [left[at], *left[:at], *left[at + 1 :], *right]
        elif order.random() < 0.2:
            body = right + left
        else:
            did = [("did", LOWER)] if at is None and order.random() < 0.6 else []
            body = did + left + right
    body = [pair for pair in (noised(table, pair, order) for pair in body) if pair is not None]
    asked = [(w, LOWER) for w in wh] + body[: MOST_QUESTION - 8]
    if order.random() < 0.3:
        asked = [(w, LOWER if s in (TITLE, UPPER, MIXED) else s) for w, s in asked]
    elif asked:
        asked[0] = (asked[0][0], TITLE)
    if order.random() < 0.8:
        asked.append(("?", STOP))
    tokens = table.pairs(asked)
    return tokens if int((tokens.rarity > 0.25).sum()) >= 2 else None


def named(
    run: list[tuple[str, int]], title: list[str], order: random.Random, opening: bool
) -> list[tuple[str, int]]:
    """Say the article's name for a pronoun, as somebody outside the article would."""
    name = [(folded(word), shape_of(word)) for word in title]
    said: list[tuple[str, int]] = []
    done = not name
    for n, (word, shape) in enumerate(run):
        chance = 0.75 if opening and n == 0 else 0.3
        if not done and word in PRONOUNS and order.random() < chance:
            said += name
            done = True
        else:
            said.append((word, shape))
    return said


def noised(
    table: WordTable, pair: tuple[str, int], order: random.Random, share: float = 1.0
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
        near = table.neighbours(word)
        return (order.choice(near), shape) if near else pair
    return pair


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
