"""What an engine needs of a model: tokens in, logits out, caches kept in between.

A decoder owns the key-value caches of a fixed number of sequences, its slots. Plain PyTorch, the
compiled int8 runtime and a CUDA graph are decoders; sampling, stop strings, masks, speculation and
batching are written once, above this seam. Decoders are not thread-safe.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from torch import Tensor


class Decoder(Protocol):
    """A model with its caches. Positions of a slot count from 0 to `length(slot) - 1`."""

    vocab_size: int
    context_length: int
    slots: int

    def length(self, slot: int) -> int:
        """Return how many tokens the slot holds."""
        ...

    def read(self, slot: int, tokens: Sequence[int], *, every: bool = False) -> Tensor:
        """Append one or more tokens to a slot.

        Returns:
            float32 logits after the last token, shape (V,); with `every`, after each of the T
            tokens, shape (T, V).

        Raises:
            ContextOverflow: the slot cannot hold that many.
        """
        ...

    def step(self, slots: Sequence[int], tokens: Sequence[int]) -> Tensor:
        """Append one token to each of N different slots; return float32 logits, shape (N, V).

        The result for a slot does not depend on which other slots take part, up to rounding.
        """
        ...

    def truncate(self, slot: int, length: int) -> int:
        """Forget the tokens from `length` on; return how many the slot holds now.

        That is less than asked where a ring cache no longer has what those positions would see;
        the caller reads the difference again.
        """
        ...

    def copy(self, source: int, target: int) -> None:
        """Make one slot a copy of another, so that several samples share one prefill."""
        ...

    def cache_bytes(self) -> int:
        """Return the bytes that the caches of all slots take."""
        ...
