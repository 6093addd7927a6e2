"""How a message falls into what rules are tried on: sentences, clauses, and pieces of them.

A clause is tried whole first. People string facts together, though, and leave out what is
understood ("Maya, 34, nurse from Porto, allergic to latex"), so a clause is then cut further, and
a piece without a subject is completed by the one before it, as long as that one was about the
person. The thing to know: a piece is only as good as its governor. What follows a piece that
asks, plans, denies or speaks of somebody else inherits that, unless it begins with "I" again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from chatapp.memory.rules_file import RuleSet

_LONGEST_BARE = 300  # characters of a message that may leave out its subjects; longer is prose
_COLON = re.compile(r":(?=\s|$)")


class Voice(Enum):
    """Who a piece is about: somebody else, the person acting, or the person being something."""

    OTHER = 0
    ACTS = 1
    IS = 2


class Standing(Enum):
    """Whether rules may read a piece: all, only those for what is taken for granted, or none."""

    STATED = 0
    PRESUPPOSED = 1
    REJECTED = 2


@dataclass(frozen=True)
class Sentence:
    """A part of a message, as offsets; `cut` if what followed in it makes it less than sure."""

    start: int
    end: int
    cut: bool = False


@dataclass(frozen=True)
class Piece:
    """Words to try rules on; `completions` are what may be put in front of them, "" for none."""

    start: int
    end: int
    standing: Standing
    completions: tuple[str, ...] = ("",)


def sentences(text: str, rules: RuleSet) -> Iterator[Sentence]:
    """Yield the sentences that may state a fact, without a question at their end.

    A supposition or a report colours what follows it in its sentence. What is complete before it
    stays, but is not sure: "I have a Zoe and wonder if …", "I am a morning person, said nobody".
    """
    own = _end_of_own_words(text, rules)
    for start, end in _greeted(text, _cut(text, 0, own, rules.split.sentence), rules):
        if found := rules.split.asks.search(text, start, end):
            end = found.start()
        sentence = text[start:end]
        rejected = [found for p in rules.reject.sentence if (found := p.search(sentence))]
        if not rejected:
            yield Sentence(start, end)
            continue
        coloured = start + min(found.start() for found in rejected)
        *_, whole = [
            start,
            *(cut.start() for cut in rules.split.piece.finditer(text, start, coloured)),
        ]
        if whole > start:
            yield Sentence(start, whole, cut=True)


def clauses(text: str, start: int, end: int, rules: RuleSet) -> Iterator[Piece]:
    """Yield the clauses of a sentence, each with how it stands."""
    completions = ("", *rules.ellipsis.acts, *rules.ellipsis.being)
    bare = _opens_bare(text, start, end, rules)
    for first, last in _greeted(text, _cut(text, start, end, rules.split.clause), rules):
        standing = _standing(text[first:last], rules)
        yield Piece(first, last, standing, completions if bare else ("",))
        bare = False


def pieces(text: str, start: int, end: int, rules: RuleSet) -> Iterator[Piece]:
    """Yield the pieces of a sentence, each with how it stands and what completes it."""
    opens = _opens_bare(text, start, end, rules)
    voice, standing = Voice.IS if opens else Voice.OTHER, Standing.STATED
    for first, last in _cut(text, start, end, rules.split.piece):
        piece = text[first:last]
        own = _voice(piece, rules)
        leans = voice is not Voice.OTHER and (opens or rules.ellipsis.bare.match(piece))
        opens = False
        if own is Voice.OTHER and leans:
            standing = max(standing, _standing(piece, rules), key=lambda found: found.value)
            spoken = rules.ellipsis.acts
            if voice is Voice.IS:
                spoken += rules.ellipsis.being
            yield Piece(first, last, standing, spoken)
            continue
        voice, standing = own, _standing(piece, rules)
        yield Piece(first, last, standing)
        if rules.reject.negation.search(piece):
            voice = Voice.OTHER  # "I don't smoke, drink or gamble"


def _standing(piece: str, rules: RuleSet) -> Standing:
    if any(pattern.search(piece) for pattern in rules.reject.clause):
        return Standing.REJECTED
    if any(p.search(piece) for p in (*rules.reject.asking, *rules.reject.unsettled)):
        return Standing.PRESUPPOSED
    return Standing.STATED


def _voice(piece: str, rules: RuleSet) -> Voice:
    if rules.ellipsis.is_speaker.match(piece):
        return Voice.IS
    return Voice.ACTS if rules.ellipsis.speaker.match(piece) else Voice.OTHER


def _opens_bare(text: str, start: int, end: int, rules: RuleSet) -> bool:
    """Say whether a sentence leaves out its "I am": "Living in Lyon now". Headings look alike,
    so somewhere in the message the person must speak."""
    if len(text) > _LONGEST_BARE or not rules.ellipsis.speech.search(text):
        return False
    return rules.ellipsis.opening.match(text, start, end) is not None


def _end_of_own_words(text: str, rules: RuleSet) -> int:
    """Return where somebody else's text begins: after a colon, unless it only opens a remark."""
    for colon in _COLON.finditer(text):
        start = max(text.rfind(mark, 0, colon.start()) for mark in "\n.!?,;") + 1
        head = text[start : colon.start()].strip(" -–*(")
        if not rules.split.own_words.fullmatch(head):
            return colon.start()
    return len(text)


def _greeted(
    text: str, parts: Iterator[tuple[int, int]], rules: RuleSet
) -> Iterator[tuple[int, int]]:
    """Yield the parts; one that only greets is kept together with the next: "Hi! I'm Tom"."""
    held: int | None = None
    for start, end in parts:
        start, held = (start if held is None else held), None
        if rules.split.greeting.fullmatch(text[start:end]):
            held = start
        else:
            yield start, end


def _cut(text: str, start: int, end: int, cut: re.Pattern[str]) -> Iterator[tuple[int, int]]:
    for separator in cut.finditer(text, start, end):
        if text[start : separator.start()].strip():
            yield start, separator.start()
        start = separator.end()
    if text[start:end].strip():
        yield start, end
