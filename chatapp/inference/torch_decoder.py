"""A `Decoder` over a plain PyTorch `GPT`, on any device and in any dtype.

It reads the module's current weights at every call, so it may wrap a model that is being trained;
what a slot holds is then out of date after an optimiser step, and must be read again.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from chatapp.inference.generator import ContextOverflow
from chatapp.model.cache import SlotCaches
from chatapp.model.gpt import GPT
from chatapp.model.layouts.shapes import DEFAULT_SLACK


class TorchDecoder:
    """See `chatapp.inference.decoder.Decoder`.

    Args:
        model: in the mode it should run in; `eval()` it if it has dropout.
        slots: how many sequences are cached.
        capacity: positions per slot; by default the model's context length.
        slack: see `SlotCaches`.
        spare: positions of a slot that are allocated and never count.
    """

    def __init__(
        self,
        model: GPT,
        *,
        slots: int = 1,
        capacity: int | None = None,
        slack: int = DEFAULT_SLACK,
        spare: int = 0,
    ) -> None:
        self._model = model
        weight = model.embedding.weight
        self.vocab_size = model.config.vocab_size
        self.context_length = min(
            capacity or model.config.context_length, model.config.context_length
        )
        self.slots = slots
        self._device = weight.device
        self._caches = SlotCaches(
            model.config,
            slots=slots,
            capacity=self.context_length + spare,
            dtype=weight.dtype if weight.is_floating_point() else torch.float32,
            device=weight.device,
            slack=slack,
        )

    def length(self, slot: int) -> int:
        """See `Decoder.length`."""
        return self._caches.lengths[slot]

    @torch.inference_mode()
    def read(self, slot: int, tokens: Sequence[int], *, every: bool = False) -> Tensor:
        """See `Decoder.read`."""
        self._check_room(slot, len(tokens))
        ids = torch.tensor([list(tokens)], dtype=torch.int64, device=self._device)
        hidden = self._model.hidden(ids, self._caches.reading(slot))[0]
        return self._model.head(hidden if every else hidden[-1]).float()  # type: ignore[no-any-return]

    @torch.inference_mode()
    def step(self, slots: Sequence[int], tokens: Sequence[int]) -> Tensor:
        """See `Decoder.step`."""
        for slot in slots:
            self._check_room(slot, 1)
        ids = torch.tensor(tokens, dtype=torch.int64, device=self._device)[:, None]
        hidden = self._model.hidden(ids, self._caches.stepping(slots))
        return self._model.head(hidden[:, 0]).float()  # type: ignore[no-any-return]

    @torch.inference_mode()
    def truncate(self, slot: int, length: int) -> int:
        """See `Decoder.truncate`."""
        return self._caches.truncate(slot, length)

    @torch.inference_mode()
    def copy(self, source: int, target: int) -> None:
        """See `Decoder.copy`."""
        self._caches.copy(source, target)

    def cache_bytes(self) -> int:
        """See `Decoder.cache_bytes`."""
        return self._caches.bytes()

    def _check_room(self, slot: int, count: int) -> None:
        if self.length(slot) + count > self.context_length:
            raise ContextOverflow(
                f"slot {slot} holds {self.length(slot)} tokens and {count} more were given, "
                f"the model reads {self.context_length}"
            )
