"""Many replies at once: roll-outs, best-of-n, evaluation.

Every slot of the decoder works on one reply, and takes the next prompt when its reply ends
(continuous batching). The samples of a prompt share one reading of it. Each sample has its own
stream of random numbers, so it is the same in any batch, up to rounding of the logits.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from chatapp.inference.decoder import Decoder
from chatapp.inference.generator import ContextOverflow, SamplingParams
from chatapp.inference.graph_decoder import GraphDecoder
from chatapp.inference.reply import stop_ids
from chatapp.inference.sampler import Drawn, Sampler, fresh_seed
from chatapp.inference.sampling import child_seed
from chatapp.inference.slots import Slots
from chatapp.inference.text_stream import TextStream
from chatapp.model.tokenizer import ChatTokenizer

_PIECE = 512  # tokens of a prompt that are read at once


@dataclass
class Sample:
    """One reply to one prompt.

    Attributes:
        tokens: what the model chose, the token that ended the reply included.
        logprobs: log-probability of each under the model's own distribution (temperature 1,
            nothing cut or penalised): what a policy gradient needs.
        sampling_logprobs: the same under the distribution it was drawn from; 0 when greedy.
        finished: it ended by itself, and was neither cut at the limit nor interrupted.
    """

    tokens: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    sampling_logprobs: list[float] = field(default_factory=list)
    finished: bool = False


@dataclass
class _Row:
    """The reply that a slot works on."""

    sample: Sample
    limit: int
    text: TextStream | None

    def push(self, drawn: Drawn, ends: frozenset[int]) -> bool:
        """Add a token; return whether the reply goes on."""
        self.sample.tokens.append(drawn.token)
        self.sample.logprobs.append(drawn.logprob)
        self.sample.sampling_logprobs.append(drawn.sampling_logprob)
        self.sample.finished = drawn.token in ends
        if self.text is not None and not self.sample.finished:
            self.text.push(drawn.token)
            self.sample.finished = self.text.stopped
        return not self.sample.finished and len(self.sample.tokens) < self.limit


class BatchEngine:
    """Batched generation over a decoder's slots.

    Args:
        decoder: the model; as many replies are made at once as it has slots.
        tokenizer: the model's own.
    """

    def __init__(self, decoder: Decoder, tokenizer: ChatTokenizer) -> None:
        self._decoder, self._tokenizer = decoder, tokenizer

    def generate(
        self,
        prompts: Sequence[Sequence[int]],
        params: SamplingParams,
        n: int = 1,
        *,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> list[Sample]:
        """Return `n` samples of each prompt: first those of the first prompt, and so on.

        With `params.seed`, sample j of prompt i depends on the seed, on i and on j alone. Nothing
        read before is reused, so the weights may have changed since the last call.

        Args:
            prompts: token ids, at least one each.
            params: how to sample; `logprobs` is ignored, those of the tokens are always there.
            n: samples of a prompt.
            should_stop: asked before every step; unfinished samples stay as they are.

        Raises:
            ContextOverflow: a prompt leaves no room for one new token.
        """
        self._check(prompts)
        on_device = isinstance(self._decoder, GraphDecoder) and self._decoder.serves(params)
        kind = _DeviceRun if on_device else _Run
        run = kind(self._decoder, self._tokenizer, prompts, params, n)
        while run.busy and not should_stop():
            run.advance()
        return run.samples

    def _check(self, prompts: Sequence[Sequence[int]]) -> None:
        for place, prompt in enumerate(prompts):
            if not prompt:
                raise ValueError(f"prompt {place} is empty; it must begin with at least one token")
            if len(prompt) >= self._decoder.context_length:
                raise ContextOverflow(
                    f"prompt {place} takes {len(prompt)} tokens, "
                    f"the model reads {self._decoder.context_length}"
                )


class _Run:
    """One call of `generate`."""

    def __init__(
        self,
        decoder: Decoder,
        tokenizer: ChatTokenizer,
        prompts: Sequence[Sequence[int]],
        params: SamplingParams,
        n: int,
    ) -> None:
        self._decoder, self._tokenizer = decoder, tokenizer
        self._prompts, self._params = prompts, params
        self._slots = Slots(decoder)
        self._slots.clear()
        self._sampler = Sampler(params, rows=decoder.slots)
        self._ends = stop_ids(tokenizer, params)
        self._seed = fresh_seed(params)
        self.samples = [Sample() for _ in range(len(prompts) * n)]
        self._waiting = deque(
            (place, sample) for place in range(len(prompts)) for sample in range(n)
        )
        self._per_prompt = n
        self._rows: dict[int, _Row] = {}  # by slot
        self._seeds: dict[int, int] = {}  # by slot
        self._first: tuple[int, Tensor] | None = None  # a prompt and the logits that follow it

    @property
    def busy(self) -> bool:
        """Whether a reply is in the making or waits for a slot."""
        return bool(self._rows or self._waiting) and self._params.max_tokens > 0

    def advance(self) -> None:
        """Choose one token of every reply in the making, after giving free slots to new ones."""
        slots = list(self._rows)
        parts = []
        if slots:
            parts.append(self._slots.step(slots, [self._rows[s].sample.tokens[-1] for s in slots]))
        while self._waiting and len(self._rows) < self._decoder.slots:
            slot, logits = self._begin(*self._waiting.popleft())
            slots.append(slot)
            parts.append(logits[None])
        for slot, drawn in zip(slots, self._sampler.next(slots, torch.cat(parts)), strict=True):
            if not self._rows[slot].push(drawn, self._ends):
                del self._rows[slot]

    def _begin(self, place: int, number: int) -> tuple[int, Tensor]:
        """Give a free slot to a sample; return it and the logits (V,) for the first token."""
        prompt, params = self._prompts[place], self._params
        free = [slot for slot in range(self._decoder.slots) if slot not in self._rows]
        known = self._first is not None and self._first[0] == place
        slot = self._slots.claim(prompt, free, longest=len(prompt) - (0 if known else 1))
        for start in range(len(self._slots.tokens(slot)), len(prompt), _PIECE):
            logits = self._slots.read(slot, list(prompt[start : start + _PIECE]))
            self._first = (place, logits)
        sample = self.samples[place * self._per_prompt + number]
        room = self._decoder.context_length - len(prompt)
        stop = (*self._tokenizer.stop, *params.stop)
        text = TextStream(self._tokenizer.decode, stop) if stop else None
        self._rows[slot] = _Row(sample, min(params.max_tokens, room), text)
        mask = params.constraint.start(self._tokenizer) if params.constraint is not None else None
        self._seeds[slot] = child_seed(self._seed, place, number)
        self._sampler.start(slot, self._seeds[slot], mask)
        assert self._first is not None
        return slot, self._first[1]


class _DeviceRun(_Run):
    """One call of `generate` where the device samples by itself; see `SamplingLoop`."""

    def __init__(
        self,
        decoder: Decoder,
        tokenizer: ChatTokenizer,
        prompts: Sequence[Sequence[int]],
        params: SamplingParams,
        n: int,
    ) -> None:
        super().__init__(decoder, tokenizer, prompts, params, n)
        assert isinstance(decoder, GraphDecoder)
        self._loop = decoder.loop(params, self._ends)

    def advance(self) -> None:
        """Give free slots to new replies, then take a burst of tokens of all of them."""
        self._admit()
        while self._rows and self._loop.pending < 2:
            self._loop.launch()
        burst = self._loop.collect() if self._loop.pending else None
        for slot, row in list(self._rows.items()):
            for drawn in burst.of(slot) if burst else ():
                if not row.push(drawn, self._ends):
                    self._retire(slot)
                    break

    def _admit(self) -> None:
        self._loop.settle()
        begun = []
        while self._waiting and len(self._rows) < self._decoder.slots:
            begun.append(self._begin(*self._waiting.popleft()))
        if not begun:
            return
        slots = [slot for slot, _ in begun]
        logits = torch.stack([logits for _, logits in begun])
        for slot, drawn in zip(slots, self._sampler.next(slots, logits), strict=True):
            row = self._rows[slot]
            goes_on = row.push(drawn, self._ends)
            limit = row.limit if goes_on else 1
            self._loop.admit(slot, drawn.token, seed=self._seeds[slot], limit=limit)
            if not goes_on:
                self._retire(slot)

    def _retire(self, slot: int) -> None:
        row = self._rows.pop(slot)
        held = [*self._slots.tokens(slot), *row.sample.tokens[:-1]]
        self._loop.retire(slot, len(held))
        self._slots.adopt(slot, held)
