"""A `Decoder` whose every step is one call into the compiled int8 runtime.

Reading up to 32 tokens of a slot gives bit for bit the logits of stepping through them one by one,
so that speculation loses nothing. Longer reads use bfloat16 attention where the CPU has tiles for
it, and agree with single steps to about 1 % of the spread of the logits.
"""

from __future__ import annotations

import ctypes
import weakref
from collections.abc import Sequence
from ctypes import c_int32

import torch
from torch import Tensor

from chatapp.inference.generator import ContextOverflow
from chatapp.inference.native.build import NativeUnavailable
from chatapp.inference.native.library import load_library, variants
from chatapp.inference.native.weights import fill, layer_table, shape_of
from chatapp.model.config import ModelConfig
from chatapp.model.gpt import GPT

_LOSSY = 2  # a kind of rings, see native_ring_kind in runtime.cpp


RING_SLACK = 256  # positions; more than an answer that is thrown away usually has


class NativeDecoder:
    """The caches of `slots` sequences and the packed weights of one model.

    Args:
        model: weights of any dtype, or int8 ones; neither changed nor kept.
        context: positions of a slot.
        threads: the calling one among them.
        slack: by how many positions a slot with `local` or `fixed` layers can be cut back without
            reading it again.
        variant: which instruction set to use; by default the best.

    Raises:
        NativeUnavailable: the runtime cannot be built, or does not run such a model.
    """

    def __init__(
        self,
        model: GPT,
        *,
        slots: int,
        context: int,
        threads: int,
        slack: int = RING_SLACK,
        variant: str | None = None,
    ) -> None:
        self._library = load_library()
        self.variant = variant or variants()[0]
        self.vocab_size = model.config.vocab_size
        self._rows = len(model.embedding.weight)  # more than the vocabulary with a soft prompt
        self.context_length, self.slots = context, slots
        self._runtime = _new(model.config, context, threads, slack, self.variant)
        weakref.finalize(self, self._library.native_free, self._runtime)
        self._slot_bytes = int(self._library.native_slot_bytes(self._runtime))
        self._max_rows = int(self._library.native_max_rows(self._runtime))
        self._ring_kind = int(self._library.native_ring_kind(self._runtime))
        self._kept = fill(self._library, self._runtime, model)
        if self._library.native_allocate(self._runtime, slots):
            raise NativeUnavailable(
                f"there is no memory for caches of {self.cache_bytes():,} bytes",
                fix="ask for fewer slots or a shorter context.",
            )
        self._lengths = [0] * slots
        # A ring holds what lies no further back from here than its window and the slack.
        self._slack, self._reached = slack, [0] * slots

    def length(self, slot: int) -> int:
        """Return how many tokens the slot holds."""
        return self._lengths[slot]

    def read(self, slot: int, tokens: Sequence[int], *, every: bool = False) -> Tensor:
        """Append tokens to a slot; see `Decoder.read`."""
        self._check([slot], tokens, len(tokens))
        logits = torch.empty((len(tokens) if every else 1, self.vocab_size))
        for first in range(0, len(tokens), self._max_rows):
            part = tokens[first : first + self._max_rows]
            last = first + len(part) == len(tokens)
            rows = logits[first:] if every else logits
            self._run([slot], [len(part)], part, every, rows if every or last else None)
        return logits if every else logits[0]

    def step(self, slots: Sequence[int], tokens: Sequence[int]) -> Tensor:
        """Append one token to each of N different slots; see `Decoder.step`."""
        if len(set(slots)) != len(slots):
            raise ValueError("a slot steps once at a time")
        self._check(slots, tokens, 1)
        logits = torch.empty((len(slots), self.vocab_size))
        for first in range(0, len(slots), self._max_rows):
            part = slice(first, first + self._max_rows)
            count = len(slots[part])
            self._run(slots[part], [1] * count, tokens[part], False, logits[first:])
        return logits

    def truncate(self, slot: int, length: int) -> int:
        """Forget the tokens from `length` on; see `Decoder.truncate`.

        A roll-back by more than the slack empties the slot where a local or fixed layer keeps
        less than the context.
        """
        if length >= self._lengths[slot]:
            return self._lengths[slot]
        if self._ring_kind and length and length + self._slack < self._reached[slot]:
            if self._ring_kind == _LOSSY:
                length = 0
            else:
                self._library.native_refill(self._runtime, slot, length)
                self._reached[slot] = length + self._slack
        if not length:
            self._reached[slot] = 0
        self._lengths[slot] = length
        return length

    def copy(self, source: int, target: int) -> None:
        """Make one slot a copy of another."""
        self._library.native_copy(self._runtime, source, target)
        self._lengths[target] = self._lengths[source]
        self._reached[target] = self._reached[source]

    def cache_bytes(self) -> int:
        """Return the bytes that the caches of all slots take when they are full."""
        return self._slot_bytes * self.slots

    def _check(self, slots: Sequence[int], tokens: Sequence[int], count: int) -> None:
        """Refuse what the runtime would run into blindly."""
        if not tokens or min(tokens) < 0 or max(tokens) >= self._rows:
            raise ValueError(f"tokens must be one or more ids below {self._rows}")
        for slot in slots:
            if self._lengths[slot] + count > self.context_length:
                raise ContextOverflow(
                    f"slot {slot} holds {self._lengths[slot]} of {self.context_length} tokens, "
                    f"{count} more do not fit"
                )

    def _run(
        self,
        slots: Sequence[int],
        counts: Sequence[int],
        tokens: Sequence[int],
        every: bool,
        logits: Tensor | None,
    ) -> None:
        self._library.native_run(
            self._runtime,
            len(slots),
            _array(slots),
            _array([self._lengths[slot] for slot in slots]),
            _array(counts),
            _array(tokens),
            every,
            None if logits is None else logits.data_ptr(),
        )
        for slot, count in zip(slots, counts, strict=True):
            self._lengths[slot] += count
            self._reached[slot] = max(self._reached[slot], self._lengths[slot])


def cache_bytes(
    config: ModelConfig, *, slots: int = 1, context: int | None = None, slack: int = RING_SLACK
) -> int:
    """Return the bytes that a decoder's caches would take, without making one."""
    library = load_library()
    runtime = _new(config, context or config.context_length, 1, slack, variants()[0])
    try:
        return int(library.native_slot_bytes(runtime)) * slots
    finally:
        library.native_free(runtime)


def _new(config: ModelConfig, context: int, threads: int, slack: int, variant: str) -> int:
    """Return a runtime without weights and caches."""
    shape, layers = shape_of(config, context, slack), layer_table(config)
    runtime: int | None = load_library().native_new(
        ctypes.byref(shape), layers, variant.encode(), threads
    )
    if not runtime:
        raise NativeUnavailable(f"the runtime has no variant {variant!r} for this CPU")
    return runtime


def _array(values: Sequence[int]) -> ctypes.Array[c_int32]:
    return (c_int32 * len(values))(*values)
