"""A decoder's slots with the tokens they hold, so that a prompt is read only where it is new."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import takewhile

from torch import Tensor

from chatapp.inference.decoder import Decoder


class Slots:
    """Wraps the calls that change a decoder, and remembers which token lies where."""

    def __init__(self, decoder: Decoder) -> None:
        self._decoder = decoder
        self._tokens: list[list[int]] = [[] for _ in range(decoder.slots)]
        self._used = list(range(decoder.slots))  # the longest unused slot first

    def tokens(self, slot: int) -> Sequence[int]:
        """Return the tokens that a slot holds."""
        return self._tokens[slot]

    def claim(self, prompt: Sequence[int], free: Iterable[int], *, longest: int) -> int:
        """Choose a free slot for a prompt and let it hold as much of its beginning as any does.

        A slot that mostly holds something else is not cut down while an older one can take a copy
        of what they share.

        Args:
            prompt: token ids.
            free: slots that may be overwritten.
            longest: how many tokens the slot may hold at most.
        """
        usable = set(free)
        shared = [min(common_prefix(tokens, prompt), longest) for tokens in self._tokens]
        best = max(range(len(shared)), key=lambda slot: (shared[slot], slot in usable))
        target = best
        if best not in usable or 2 * shared[best] < len(self._tokens[best]):
            target = next(slot for slot in self._used if slot in usable)
        if target != best and shared[best] > shared[target]:
            self._decoder.copy(best, target)
            self._tokens[target] = list(self._tokens[best][: self._decoder.length(target)])
        self.truncate(target, min(common_prefix(self._tokens[target], prompt), longest))
        self._used.remove(target)
        self._used.append(target)
        return target

    def read(self, slot: int, tokens: Sequence[int], *, every: bool = False) -> Tensor:
        """See `Decoder.read`."""
        logits = self._decoder.read(slot, tokens, every=every)
        self._tokens[slot] += tokens
        return logits

    def step(self, slots: Sequence[int], tokens: Sequence[int]) -> Tensor:
        """See `Decoder.step`."""
        logits = self._decoder.step(slots, tokens)
        for slot, token in zip(slots, tokens, strict=True):
            self._tokens[slot].append(token)
        return logits

    def truncate(self, slot: int, length: int) -> int:
        """See `Decoder.truncate`."""
        kept = self._decoder.truncate(slot, length)
        del self._tokens[slot][kept:]
        return kept

    def adopt(self, slot: int, tokens: Sequence[int]) -> None:
        """Take notice of what the decoder put into a slot by itself."""
        self._tokens[slot] = list(tokens[: self._decoder.length(slot)])

    def clear(self) -> None:
        """Forget everything, e.g. because the weights have changed."""
        for slot in range(self._decoder.slots):
            self.truncate(slot, 0)


def common_prefix(first: Sequence[int], second: Sequence[int]) -> int:
    """Return how many leading ids two sequences share."""
    pairs = zip(first, second, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
