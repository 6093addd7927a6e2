"""How much of a prompt to read at once, so that an interrupt is noticed soon."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

_TARGET = 0.025  # seconds a piece; an interrupt is promised within twice that
_SMALLEST, _LARGEST = 8, 1024


class Pace:
    """Adapts the size of pieces to the measured speed.

    Sizes are powers of two: few different shapes, so that rounding differs as little as possible
    between a fast and a slow moment.

    Attributes:
        size: how many tokens can be read in time, as far as is known.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.size = _SMALLEST

    @contextmanager
    def piece(self, left: int) -> Iterator[int]:
        """Give the number of tokens to read now, of `left`, and measure the reading."""
        size = min(left, self.size)
        begun = self._clock()
        yield size
        self._learn(size, self._clock() - begun)

    def _learn(self, size: int, seconds: float) -> None:
        # at most doubled, because a small piece says little of the speed of large ones
        affordable = min(2 * size, int(size * _TARGET / max(seconds, 1e-9)))
        if size < self.size and affordable >= size:
            return  # a remainder that was in time
        self.size = min(_LARGEST, max(_SMALLEST, 1 << max(0, affordable.bit_length() - 1)))
