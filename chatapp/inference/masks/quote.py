"""A reply that must be a quote: one contiguous run of the characters of a given text.

A quote begins and ends at any character but inside a word and at a blank. In between it is spelled
with the text's own tokens: if any token were allowed whose bytes go on with the text, a model that
would rather say something else picks its way through in fragments, a blank here and a letter there,
as no text that it was trained on is cut. Only at its edges a quote leaves that path, because the
tokenizer may join what lies outside the quote with what lies inside: "The" begins inside the token
" The", and "end." ends inside the token '."'. There the part is spelled in the tokenizer's own way.

The paths form a small automaton over the text. Its states are places in the text; a mask follows
all places at once where the quote so far occurs.
"""

from __future__ import annotations

import itertools
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor

from chatapp.inference.masks.protocol import ConstraintError
from chatapp.model.tokenizer import ChatTokenizer


@dataclass(frozen=True)
class QuoteOf:
    """The reply is a run of at least `least` characters of `text`, in whole words."""

    text: str
    least: int = 1

    def start(self, tokenizer: ChatTokenizer) -> QuoteMask:
        """See `Constraint.start`."""
        return QuoteMask(_Paths(self.text, tokenizer), max(1, self.least), tokenizer)


class QuoteMask:
    """Follows one quote; a `TokenMask`."""

    def __init__(self, paths: _Paths, least: int, tokenizer: ChatTokenizer) -> None:
        self._missing = least
        self._vocab_size, self._end = tokenizer.vocab_size, tokenizer.end_of_turn
        self._spelled = paths.spelled
        self._nodes = [node for node in paths.starts if node.reach >= least]
        if not self._nodes:
            raise ConstraintError(
                f"the text holds no quote of {least} characters; "
                "ask for a shorter one or give more text"
            )

    def allowed(self) -> Tensor:
        """See `TokenMask.allowed`."""
        mask = torch.zeros(self._vocab_size, dtype=torch.bool)
        mask[[token for token, _ in self._edges()]] = True
        if self._missing <= 0 and any(node.may_end for node in self._nodes):
            mask[self._end] = True
        return mask

    def advance(self, token: int) -> None:
        """See `TokenMask.advance`."""
        self._nodes = [node for edge, node in self._edges() if edge == token]
        self._missing -= characters(self._spelled[token])

    def _edges(self) -> Iterator[tuple[int, _Node]]:
        """Yield the tokens that go on, except those after which the quote would stay too short."""
        needed = max(0, self._missing)
        for node in self._nodes:
            for token, target in node.edges:
                if characters(self._spelled[token]) + target.reach >= needed:
                    yield token, target


_NEVER = -(2**40)  # characters that can follow where no quote can end any more


@dataclass
class _Node:
    """A place in the text, and how a quote can go on from it.

    `reach` is how many characters can still follow before an end.
    """

    may_end: bool
    reach: int = _NEVER
    edges: list[tuple[int, _Node]] = field(default_factory=list)


class _Paths:
    """All quotes of a text, as paths of tokens; places are offsets in its UTF-8 bytes."""

    def __init__(self, text: str, tokenizer: ChatTokenizer) -> None:
        self.spelled = tokenizer.token_bytes()
        self.starts: list[_Node] = []
        self._tokenizer, self._bytes = tokenizer, text.encode("utf-8", errors="replace")
        self._begins, self._ends = _edges_of(text)
        tokens = tokenizer.encode(text)
        if b"".join(self.spelled[token] for token in tokens) != self._bytes:
            raise ConstraintError(
                "a quote of this text cannot be spelled, because the model's tokenizer changes it"
            )
        after = self._node(len(self._bytes))
        stop = len(self._bytes)
        for token in reversed(tokens):
            start = stop - len(self.spelled[token])
            after = self._before(token, start, stop, after)
            stop = start

    def _before(self, token: int, start: int, stop: int, after: _Node) -> _Node:
        """Return the node before one of the text's own tokens, with the ways off and on inside."""
        node = self._node(start)
        self._link(node, [token], after)
        inside = range(start + 1, stop)
        for end in inside:
            if end in self._ends:
                self._link(node, self._spell(start, end), self._node(end))
        for begin in inside:
            if begin in self._begins:
                head = _Node(may_end=False)
                self._link(head, self._spell(begin, stop), after)
                for end in range(begin + 1, stop):
                    if end in self._ends:
                        self._link(head, self._spell(begin, end), self._node(end))
                self.starts.append(head)
        if start in self._begins:
            self.starts.append(node)
        return node

    def _node(self, place: int) -> _Node:
        """A new node at a place, with nothing after it yet."""
        may_end = place in self._ends
        return _Node(may_end, reach=0 if may_end else _NEVER)

    def _link(self, node: _Node, tokens: list[int], target: _Node) -> None:
        """Lead from one node to another by some tokens."""
        for token in reversed(tokens[1:]):
            between = _Node(may_end=False)
            self._link(between, [token], target)
            target = between
        node.edges.append((tokens[0], target))
        node.reach = max(node.reach, characters(self.spelled[tokens[0]]) + target.reach)

    def _spell(self, start: int, stop: int) -> list[int]:
        """Return tokens of exactly these bytes: the tokenizer's own, or else one for each byte."""
        part = self._bytes[start:stop]
        tokens = self._tokenizer.encode(part.decode("utf-8", errors="replace"))
        if b"".join(self.spelled[token] for token in tokens) == part:
            return tokens
        return [self.spelled.index(part[place : place + 1]) for place in range(len(part))]


def characters(spelled: bytes) -> int:
    """Count the characters that begin in these bytes of UTF-8."""
    return sum(byte & 0xC0 != 0x80 for byte in spelled)


def _edges_of(text: str) -> tuple[set[int], set[int]]:
    """Return where a quote may begin and where it may end, as offsets in bytes."""
    begins, ends, place = set(), set(), 0
    for before, after in itertools.pairwise(["", *text, ""]):
        place += len(before.encode("utf-8", errors="replace"))
        if before and after and (_joined(before, after)):
            continue
        if after and not after.isspace():
            begins.add(place)
        if before and not before.isspace():
            ends.add(place)
    return begins, ends


def _joined(before: str, after: str) -> bool:
    """Say whether two characters stand in the same word, or the second modifies the first."""
    if unicodedata.combining(after) or unicodedata.category(after) in ("Mn", "Me"):
        return True
    return _in_word(before) and _in_word(after)


def _in_word(character: str) -> bool:
    """Letters and digits, but no signs of scripts that put no blanks between words (Lo)."""
    category = unicodedata.category(character)
    return category[0] in "LN" and category != "Lo"
