"""Decoding and sampling that stay on the device: many steps without the host.

A small model decodes faster than a host can launch its kernels, let alone wait for each token. So
one step of all slots, from the last tokens to the next ones, is captured in a CUDA graph and
replayed in bursts; a burst's tokens are copied to the host while the next one runs. Where there is
no CUDA the same step runs eagerly, which is how it is tested.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from chatapp.inference.generator import SamplingParams
from chatapp.inference.sampler import Drawn
from chatapp.inference.sampling import choose, uniforms
from chatapp.model.cache import SlotCaches
from chatapp.model.gpt import GPT

BURST = 8  # steps; at most two bursts are made in vain after an answer has ended
_WARM_UP = 3


@dataclass(frozen=True)
class Burst:
    """What the slots said in some steps, oldest first: (steps, slots); token -1 is silence."""

    tokens: list[list[int]]
    logprobs: list[list[float]]
    log_weights: list[list[float]]

    def of(self, slot: int) -> list[Drawn]:
        """Return what one slot said."""
        columns = zip(self.tokens, self.logprobs, self.log_weights, strict=True)
        rows = [(said[slot], own[slot], drawn[slot]) for said, own, drawn in columns]
        return [Drawn(*row) for row in rows if row[0] >= 0]


def captured(step: Callable[[], None]) -> torch.cuda.CUDAGraph:
    """Return the graph of a step that only touches tensors in place; it keeps nothing of `step`."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(_WARM_UP):  # libraries and kernels set themselves up
            step()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    return graph


class SamplingLoop:
    """One way of sampling, for all slots of a decoder.

    Args:
        model: on the device of the caches.
        caches: with one position to spare behind the context, where idle slots write.
        params: how to sample; seeds and limits belong to the slots.
        ends: tokens after which a slot falls silent.
    """

    def __init__(
        self, model: GPT, caches: SlotCaches, params: SamplingParams, ends: Sequence[int]
    ) -> None:
        self._model, self._caches, self._params = model, caches, params
        device, slots = model.embedding.weight.device, caches.slots
        self._device = device
        self._ends = torch.tensor(list(ends), dtype=torch.int64, device=device)
        self._tokens = torch.zeros(slots, dtype=torch.int64, device=device)
        self._lengths = torch.tensor(caches.lengths, dtype=torch.int64, device=device)
        self._seeds, self._made = torch.zeros_like(self._tokens), torch.zeros_like(self._tokens)
        self._limits = torch.zeros_like(self._tokens)
        self._alive = torch.zeros(slots, dtype=torch.bool, device=device)
        self._seen: Tensor | None = None
        if params.repetition_penalty != 1.0:
            vocab_size = model.config.vocab_size
            self._seen = torch.zeros(slots, vocab_size, dtype=torch.bool, device=device)
        self._place = torch.zeros(1, dtype=torch.int64, device=device)
        self._said = torch.zeros(BURST, slots, dtype=torch.int64, device=device)
        self._measured = torch.zeros(2, BURST, slots, device=device)
        self._launched: deque[tuple[Tensor, Tensor, torch.cuda.Event | None]] = deque()
        self._steps = [0] * slots  # of the replies under way, in vain or not
        self._speaking: set[int] = set()
        self._stale = [0] * slots  # bursts that were launched before that
        # No step is kept beside it: in a cycle a loop that is dropped would hold its memory, and
        # the collector could take its graph apart while another one is captured.
        with torch.inference_mode():
            self._graph = captured(self._step) if device.type == "cuda" else None

    @property
    def pending(self) -> int:
        """How many bursts were launched and not collected."""
        return len(self._launched)

    @torch.inference_mode()
    def reset(self) -> None:
        """Forget all replies; the slots hold what the caches say."""
        self._launched.clear()
        self._alive.zero_()
        self._lengths.copy_(torch.tensor(self._caches.lengths))
        self._steps = [0] * self._caches.slots
        self._speaking.clear()
        self.settle()

    @torch.inference_mode()
    def admit(self, slot: int, token: int, *, seed: int, limit: int) -> None:
        """Begin a reply in a slot that holds its prompt.

        Args:
            token: the reply's first token, chosen from the logits after the prompt.
            seed: of the reply.
            limit: how many tokens it may have, the first one included.
        """
        self._tokens[slot] = token
        self._lengths[slot] = self._caches.lengths[slot]
        self._seeds[slot], self._made[slot], self._limits[slot] = seed, 1, limit
        self._alive[slot] = limit > 1
        self._steps[slot], self._stale[slot] = 0, len(self._launched)
        self._speaking.add(slot)
        if self._seen is not None:
            self._seen[slot] = False
            self._seen[slot, token] = True

    @torch.inference_mode()
    def launch(self) -> None:
        """Let all slots go on for `BURST` steps."""
        self._place.zero_()
        for _ in range(BURST):
            if self._graph is not None:
                self._graph.replay()  # returns before it is done
            else:
                self._step()
        for slot in self._speaking:
            self._steps[slot] += BURST
        said, measured = self._to_host(self._said), self._to_host(self._measured)
        event = None
        if self._device.type == "cuda":
            event = torch.cuda.Event()
            event.record()
        self._launched.append((said, measured, event))

    @torch.inference_mode()
    def collect(self) -> Burst:
        """Return the oldest burst that was launched, once it is there."""
        said, measured, event = self._launched.popleft()
        if event is not None:
            event.synchronize()
        for slot, bursts in enumerate(self._stale):
            if bursts:  # what the reply before would have gone on with
                said[:, slot] = -1
                self._stale[slot] = bursts - 1
        logprobs, weights = measured.tolist()
        return Burst(said.tolist(), logprobs, weights)

    def replies(self, slot: int) -> Iterator[Drawn]:
        """Yield one slot's tokens after its first, for ever; the next burst is always under way."""
        self.launch()
        while True:
            self.launch()
            yield from self.collect().of(slot)

    def retire(self, slot: int, length: int) -> None:
        """End a slot's reply, of which the cache is to keep `length` positions."""
        self._alive[slot] = False
        self._caches.settle(slot, length, self._reached(slot))
        self._steps[slot] = 0
        self._speaking.discard(slot)

    def settle(self) -> None:
        """Tell the caches how far the steps may have written, e.g. before a slot is copied."""
        for slot, length in enumerate(self._caches.lengths):
            self._caches.settle(slot, length, self._reached(slot))

    def _reached(self, slot: int) -> int:
        """Behind the last position that may be written, where a silent slot writes included."""
        last = self._caches.capacity - 1
        return min(last, self._caches.lengths[slot] + self._steps[slot]) + 1

    def _to_host(self, tensor: Tensor) -> Tensor:
        if self._device.type != "cuda":
            return tensor.clone()
        host = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
        return host.copy_(tensor, non_blocking=True)

    def _step(self) -> None:
        """Read every slot's last token and choose the next; silent slots stay where they are."""
        hidden = self._model.hidden(self._tokens[:, None], self._caches.marching(self._lengths))
        logits = self._model.head(hidden[:, 0]).float()
        uniform = uniforms(self._seeds, self._made)
        choice = choose(logits, self._params, uniform, seen=self._seen)
        logprobs = torch.log_softmax(logits, dim=-1).gather(-1, choice.tokens[:, None])[:, 0]
        said = torch.where(self._alive, choice.tokens, -1)
        self._said.index_copy_(0, self._place, said[None])
        measured = torch.stack((logprobs, choice.log_weights))[:, None]
        self._measured.index_copy_(1, self._place, measured)
        self._place.add_(1).remainder_(BURST)
        self._lengths.add_(self._alive)
        self._made.add_(self._alive)
        self._tokens.copy_(torch.where(self._alive, choice.tokens, self._tokens))
        if self._seen is not None:
            spoken = self._seen.gather(1, self._tokens[:, None]) | self._alive[:, None]
            self._seen.scatter_(1, self._tokens[:, None], spoken)
        ended = (self._tokens[:, None] == self._ends).any(dim=-1)
        self._alive.logical_and_(~ended & (self._made < self._limits))
