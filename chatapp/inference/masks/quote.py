"""A reply that must be a quote: one contiguous run of characters of a given text.

The same characters can be cut into tokens in many ways, and a quote may begin and end inside what
the tokenizer would make one token of the text. So the mask follows bytes: a token is allowed where
its bytes go on with the text at one of the places where the quote so far occurs. A quote begins and
ends between characters, never inside the bytes of one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from chatapp.inference.masks.protocol import ConstraintError
from chatapp.model.tokenizer import ChatTokenizer

Places = NDArray[np.int64]


@dataclass(frozen=True)
class QuoteOf:
    """The reply is a run of at least `least` characters of `text`; see `Constraint`."""

    text: str
    least: int = 1

    def start(self, tokenizer: ChatTokenizer) -> QuoteMask:
        """See `Constraint.start`."""
        if len(self.text) < max(1, self.least):
            raise ConstraintError(
                f"a quote of {self.least} characters cannot be taken from a text of "
                f"{len(self.text)}; ask for a shorter quote or give more text"
            )
        return QuoteMask(_Spelling(self.text, tokenizer), self.least)


class QuoteMask:
    """Follows one quote; a `TokenMask`."""

    def __init__(self, spelling: _Spelling, least: int) -> None:
        self._spelling, self._missing = spelling, max(1, least)
        self._places = spelling.starts(self._missing)

    def allowed(self) -> Tensor:
        """See `TokenMask.allowed`."""
        mask = torch.zeros(self._spelling.vocab_size, dtype=torch.bool)
        tokens, _ = self._spelling.continuations(self._places)
        mask[torch.from_numpy(tokens)] = True
        mask[self._spelling.end] = bool(
            self._missing <= 0 and self._spelling.between(self._places[0])
        )
        return mask

    def advance(self, token: int) -> None:
        """See `TokenMask.advance`."""
        tokens, places = self._spelling.continuations(self._places)
        spelled = self._spelling.bytes_of[token]
        self._places = places[tokens == token] + len(spelled)
        self._missing -= _characters(spelled)


class _Spelling:
    """Which tokens spell the bytes of a text from each of its places on."""

    def __init__(self, text: str, tokenizer: ChatTokenizer) -> None:
        self._bytes = text.encode("utf-8", errors="replace")
        self.bytes_of = tokenizer.token_bytes()
        self.vocab_size, self.end = len(self.bytes_of), tokenizer.end_of_turn
        found = [self._at(place) for place in range(len(self._bytes))]
        self._tokens = np.array([token for tokens in found for token in tokens], dtype=np.int64)
        self._first = np.cumsum([0, *map(len, found), 0], dtype=np.int64)

    @cached_property
    def _by_bytes(self) -> dict[bytes, list[int]]:
        spelled: dict[bytes, list[int]] = {}
        for token, written in enumerate(self.bytes_of):
            if written:
                spelled.setdefault(written, []).append(token)
        return spelled

    @cached_property
    def _lengths(self) -> list[int]:
        return sorted({len(written) for written in self._by_bytes})

    def _at(self, place: int) -> Sequence[int]:
        rest = len(self._bytes) - place
        return [
            token
            for length in self._lengths
            if length <= rest
            for token in self._by_bytes.get(self._bytes[place : place + length], ())
        ]

    def starts(self, least: int) -> Places:
        """Return where a quote of `least` characters may begin, as offsets in bytes."""
        between = [place for place in range(len(self._bytes)) if self.between(place)]
        return np.array(between[: len(between) - least + 1], dtype=np.int64)

    def between(self, place: int) -> bool:
        """Say whether a place lies between two characters, or at an end of the text."""
        return place == len(self._bytes) or self._bytes[place] & 0xC0 != 0x80

    def continuations(self, places: Places) -> tuple[Places, Places]:
        """Return all tokens that go on from any of the places, and beside each its place."""
        counts = self._first[places + 1] - self._first[places]
        ends = np.cumsum(counts)
        within = np.arange(counts.sum()) - np.repeat(ends - counts, counts)
        return self._tokens[np.repeat(self._first[places], counts) + within], np.repeat(
            places, counts
        )


def _characters(spelled: bytes) -> int:
    """Count the characters that begin in these bytes."""
    return sum(byte & 0xC0 != 0x80 for byte in spelled)
