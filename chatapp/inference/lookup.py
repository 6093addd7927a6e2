"""Prompt lookup: guessing the next tokens as a copy of what followed the last ones before.

An answer that quotes its sources repeats runs of the prompt (Saxena, "Prompt Lookup Decoding",
2023; the same idea in arXiv:2304.04487). The engine reads the guess in one go and keeps what it
would have said anyway, so a guess changes the speed and never the answer.
"""

from __future__ import annotations

from collections.abc import Sequence

_LENGTHS = (4, 3, 2)  # how many last tokens must have occurred before, longest first


class PromptLookup:
    """Guesses from all tokens so far, and more of them the more often it was right.

    How many is a function of the tokens alone, never of time, so that a run can be repeated.
    """

    def __init__(self, tokens: Sequence[int], longest: int) -> None:
        self._tokens: list[int] = []
        self._after: dict[tuple[int, ...], int] = {}
        self._longest = longest
        self._length = min(4, longest)
        self._failures = 0  # guesses in a row of which nothing came true
        self._pause = 0  # rounds to go without a guess
        if longest:
            self.extend(tokens)

    def extend(self, tokens: Sequence[int]) -> None:
        """Take notice of more tokens."""
        for token in tokens:
            place = len(self._tokens)
            for length in _LENGTHS:
                if place >= length:
                    self._after[tuple(self._tokens[place - length :])] = place
            self._tokens.append(token)

    def guess(self, limit: int) -> list[int]:
        """Return at most `limit` tokens that may come next; often none."""
        if self._pause:
            self._pause -= 1
            return []
        count = min(limit, self._length)
        if count < 1:
            return []
        for length in _LENGTHS:
            place = self._after.get(tuple(self._tokens[-length:]))
            if place is not None and len(self._tokens) >= length:
                return self._copy(place, count)
        return []

    def _copy(self, place: int, count: int) -> list[int]:
        """Copy from `place`; at the end of all tokens go on with the copy, as repetitions do."""
        copied = self._tokens[place : place + count]
        while len(copied) < count:
            copied += copied[: count - len(copied)]
        return copied

    def learn(self, right: int, guessed: int) -> None:
        """Adapt to how many of the guessed tokens came true."""
        if not guessed:
            return
        if right == guessed:
            self._length = min(2 * self._length, self._longest)
        else:
            self._length = max(1, right + 1)
        self._failures = 0 if right else self._failures + 1
        self._pause = min(2**self._failures - 1, 15)
