"""A batch that requests join and leave between steps (continuous batching).

Every `advance` makes one token of each reply under way and reads a little of the prompts that have
joined. A prompt is read in pieces of at most `PIECE` tokens, because the compiled runtime gives
for those, bit for bit, what single steps give: so a reply depends on its prompt and seed alone,
not on what was cached, nor on who else is in the batch. Not thread-safe.
"""

from __future__ import annotations

import dataclasses
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from chatapp.inference.decoder import Decoder
from chatapp.inference.generator import Finished, SamplingParams, TextDelta
from chatapp.inference.masks.protocol import ConstraintError, TokenMask
from chatapp.inference.reply import Reply
from chatapp.inference.sampler import Drawn, Sampler
from chatapp.inference.slots import Slots

PIECE = 32
_READING_SECONDS = 0.02  # how long replies under way wait for prompts, a step
_WEIGHT = 0.1  # of a new value in a running mean

Listener = Callable[[TextDelta | Finished | Exception], None]


@dataclass(eq=False)
class Work:
    """One reply: wanted, in the making, or over.

    Attributes:
        prompt: token ids, at least one.
        params: how to sample; the seed and the constraint count by themselves.
        seed: where its random numbers come from.
        reply: its tokens and text.
        listener: told of every piece of text, and last of the end: `Finished` or what went wrong.
            It is called by the thread that makes all replies, so it must be quick.
        mask: what the reply may be.
        client: who asked.
        cancelled: nobody wants it any more; set by any thread.
    """

    prompt: list[int]
    params: SamplingParams
    seed: int
    reply: Reply
    listener: Listener
    mask: GuardedMask | None = None
    client: str = ""
    cancelled: bool = False
    slot: int = -1
    cached: int = 0
    begun_at: float = 0.0
    read_at: float = 0.0
    last: int = -1  # the token that the decoder has not seen yet


class GuardedMask:
    """Follows a reply like the mask it wraps; a mask that fails ends its own reply only.

    Attributes:
        error: what went wrong, once something has.
    """

    def __init__(self, mask: TokenMask, vocab_size: int, end: int) -> None:
        self._mask, self._vocab_size, self._end = mask, vocab_size, end
        self.error: ConstraintError | None = None

    def allowed(self) -> Tensor:
        """See `TokenMask.allowed`; after a failure, the end alone."""
        if self.error is None:
            try:
                return self._mask.allowed()
            except ConstraintError as error:
                self.error = error
        ended = torch.zeros(self._vocab_size, dtype=torch.bool)
        ended[self._end] = True
        return ended

    def advance(self, token: int) -> None:
        """See `TokenMask.advance`."""
        if self.error is None:
            try:
                self._mask.advance(token)
            except ConstraintError as error:
                self.error = error


@dataclass
class Counts:
    """What a batch has done since it was made; `seconds_a_reply` is a mean of the latest."""

    steps: int = 0
    stepped_rows: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    replies: Counter[str] = field(default_factory=Counter)  # by how they ended
    seconds_a_reply: float = 1.0


class RunningBatch:
    """The replies that a decoder's slots work on.

    Args:
        decoder: the model; as many replies are made at once as it has slots.
        clock: seconds that only grow.
    """

    def __init__(self, decoder: Decoder, clock: Callable[[], float] = time.monotonic) -> None:
        self._decoder, self._clock = decoder, clock
        self._slots = Slots(decoder)
        self._reading: list[Work] = []  # oldest first; only the first may hold a slot
        self._making: list[Work] = []
        self._samplers: dict[SamplingParams, Sampler] = {}
        self.counts = Counts()

    @property
    def size(self) -> int:
        """How many replies are in it."""
        return len(self._reading) + len(self._making)

    @property
    def room(self) -> int:
        """How many more may join."""
        return self._decoder.slots - self.size

    def clients(self) -> Counter[str]:
        """Return how many replies each client has in it."""
        return Counter(work.client for work in (*self._reading, *self._making))

    def join(self, work: Work) -> None:
        """Take a reply in, which must have room."""
        work.begun_at = self._clock()
        self._reading.append(work)

    def advance(self) -> None:
        """Make one token of each reply under way, then read on in the prompts that wait."""
        self._drop_cancelled()
        self._step()
        until = self._clock() + _READING_SECONDS
        while self._reading and self._clock() < until:
            self._drop_cancelled()
            if self._reading:
                self._read(self._reading[0])

    def dismiss(self, work: Work) -> None:
        """End a reply that was cancelled before it could join."""
        work.reply.reason = "interrupted"
        self._finish(work)

    def fail(self, error: Exception) -> None:
        """End every reply with an error and forget what the slots hold."""
        for work in (*self._reading, *self._making):
            self._end(work, error)
        self._reading.clear()
        self._making.clear()
        self._samplers.clear()
        self._slots.clear()

    def _drop_cancelled(self) -> None:
        for group in (self._reading, self._making):
            for work in [work for work in group if work.cancelled]:
                group.remove(work)
                self.dismiss(work)

    def _step(self) -> None:
        if not self._making:
            return
        works = list(self._making)
        logits = self._slots.step([work.slot for work in works], [work.last for work in works])
        self.counts.steps += 1
        self.counts.stepped_rows += len(works)
        self._choose(works, logits)

    def _read(self, work: Work) -> None:
        """Read a piece of a prompt; after its last piece the reply gets its first token."""
        if work.slot < 0:
            self._claim(work)
        start = len(self._slots.tokens(work.slot))
        logits = self._slots.read(work.slot, work.prompt[start : start + PIECE])
        if start + PIECE < len(work.prompt):
            return
        self._reading.remove(work)
        self._making.append(work)
        work.read_at = self._clock()
        self._start_sampling(work)
        self._choose([work], logits[None])

    def _claim(self, work: Work) -> None:
        held = {other.slot for other in self._making}
        free = [slot for slot in range(self._decoder.slots) if slot not in held]
        work.slot = self._slots.claim(work.prompt, free, longest=len(work.prompt) - 1)
        work.cached = len(self._slots.tokens(work.slot))
        self.counts.prompt_tokens += len(work.prompt)
        self.counts.cached_tokens += work.cached

    def _start_sampling(self, work: Work) -> None:
        key = self._way(work)
        if key not in self._samplers:
            self._samplers[key] = Sampler(key, rows=self._decoder.slots, top=key.logprobs)
        self._samplers[key].start(work.slot, work.seed, work.mask)

    def _way(self, work: Work) -> SamplingParams:
        """Return what replies must share to be sampled together."""
        longest = self._decoder.context_length
        return dataclasses.replace(
            work.params, max_tokens=longest, seed=None, stop=(), stop_tokens=(), constraint=None
        )

    def _choose(self, works: list[Work], logits: Tensor) -> None:
        """Give each work its next token from logits (N, V), and let those leave that are over."""
        ways: dict[SamplingParams, list[int]] = {}
        for place, work in enumerate(works):
            ways.setdefault(self._way(work), []).append(place)
        for key, places in ways.items():
            rows = [works[place].slot for place in places]
            part = logits if len(places) == len(works) else logits[places]
            for place, drawn in zip(places, self._samplers[key].next(rows, part), strict=True):
                self._push(works[place], drawn)
        used = {self._way(work) for work in self._making}
        for key in [key for key in self._samplers if key not in used]:
            del self._samplers[key]

    def _push(self, work: Work, drawn: Drawn) -> None:
        if work.mask is not None and work.mask.error is not None:
            self._making.remove(work)
            self._end(work, work.mask.error)
            return
        work.last = drawn.token
        delta = work.reply.push(drawn)
        if delta is not None:
            work.listener(delta)
        if work.reply.ended:
            self._making.remove(work)
            self._finish(work)
        else:
            work.reply.steps += 1

    def _finish(self, work: Work) -> None:
        if last := work.reply.finish():
            work.listener(last)
        now = self._clock()
        read_at = work.read_at or now
        finished = Finished(
            reason=work.reply.reason,
            prompt_tokens=len(work.prompt),
            completion_tokens=len(work.reply.tokens),
            prefill_seconds=read_at - (work.begun_at or now),
            decode_seconds=now - read_at,
            cached_tokens=work.cached,
            steps=work.reply.steps,
        )
        self._end(work, finished)

    def _end(self, work: Work, how: Finished | Exception) -> None:
        self.counts.completion_tokens += len(work.reply.tokens)
        if work.begun_at:
            seconds = self._clock() - work.begun_at
            self.counts.seconds_a_reply += _WEIGHT * (seconds - self.counts.seconds_a_reply)
        self.counts.replies[how.reason if isinstance(how, Finished) else "error"] += 1
        work.listener(how)
