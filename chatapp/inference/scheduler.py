"""Many requests, one model: a thread that keeps the running batch full and the queue fair.

Any thread may submit, cancel and close; one thread alone touches the decoder. What waits is
bounded: a request that finds no place is refused at once, with a guess when to come back.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from chatapp.inference.continuous import Counts, GuardedMask, Listener, RunningBatch, Work
from chatapp.inference.decoder import Decoder
from chatapp.inference.generator import ChatMessage, SamplingParams
from chatapp.inference.prompt_ids import prompt_ids, room_after
from chatapp.inference.reply import Reply
from chatapp.inference.sampler import fresh_seed
from chatapp.inference.sampling import child_seed
from chatapp.inference.scheduler_queue import FairQueue, QueueFull
from chatapp.model.tokenizer import ChatTokenizer

_LONGEST_WAIT = 60  # seconds that a client is told to wait, at most


class Busy(Exception):
    """There is no place in the queue; `retry_after` is in seconds."""

    def __init__(self, message: str, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Closing(Exception):
    """No new requests are taken, or this one was cut, because the scheduler ends."""


@dataclass(frozen=True)
class Load:
    """What a scheduler has to do, and what it has done (live counters)."""

    running: int
    waiting: int
    slots: int
    done: Counts


class Ticket:
    """The right to one reply."""

    def __init__(self, work: Work, notify: Callable[[], None]) -> None:
        self._work, self._notify = work, notify

    def cancel(self) -> None:
        """Stop the reply within a step, wherever it is; its listener gets `Finished`."""
        self._work.cancelled = True
        self._notify()


class Scheduler:
    """Serves replies from a decoder's slots.

    Args:
        name: what the model is called.
        decoder: the model. Nobody else may use it.
        tokenizer: the model's own.
        queue: how many replies may wait for a slot.
        queue_per_client: how many of them may be one client's.
        clock: seconds that only grow.
    """

    def __init__(
        self,
        name: str,
        decoder: Decoder,
        tokenizer: ChatTokenizer,
        *,
        queue: int = 64,
        queue_per_client: int = 32,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name, self._tokenizer = name, tokenizer
        self.context_length, self.slots = decoder.context_length, decoder.slots
        self.vocab_size = decoder.vocab_size
        self.most_waiting = min(queue, queue_per_client)  # of one client
        self._batch = RunningBatch(decoder, clock)
        self._queue: FairQueue[Work] = FairQueue(queue, queue_per_client)
        self._changed = threading.Condition()
        self._closing = self._cut = self._any_cancelled = False
        self._thread = threading.Thread(target=self._run, name="chatapp-batch", daemon=True)
        self._thread.start()

    @property
    def spelled(self) -> Sequence[bytes]:
        """The bytes of text that each token id stands for."""
        return self._tokenizer.token_bytes()

    def prompt(self, messages: Sequence[ChatMessage]) -> list[int]:
        """Return the token ids of a chat; an assistant's message at its end is left open."""
        return prompt_ids(self._tokenizer, messages)

    def text_ids(self, text: str | Sequence[int]) -> list[int]:
        """Return the token ids of a text that is to be continued; ids are taken as they are."""
        if not isinstance(text, str):
            return list(text)
        begin = self._tokenizer.begin
        ids = [*([] if begin is None else [begin]), *self._tokenizer.encode(text)]
        return ids or [self._tokenizer.end_of_text]

    def text(self, text: str | Sequence[int]) -> str:
        """Return what `text_ids` takes as text."""
        return text if isinstance(text, str) else self._tokenizer.decode(text)

    def submit(
        self,
        prompt: Sequence[int],
        params: SamplingParams,
        listeners: Sequence[Listener],
        *,
        client: str = "",
    ) -> list[Ticket]:
        """Ask for as many replies to a prompt as there are listeners.

        With a seed, reply j depends on the prompt, the seed and j alone. Compiling a constraint
        happens here, in the caller's thread.

        Raises:
            ContextOverflow: the prompt leaves no room for one new token.
            ConstraintError: the constraint cannot serve.
            Busy: the queue is full.
            Closing: the scheduler ends.
        """
        if not prompt:
            raise ValueError("a prompt begins with at least one token")
        room = room_after(prompt, self.context_length)
        seed = fresh_seed(params)
        works = [
            self._work(list(prompt), params, room, child_seed(seed, 0, place), listener, client)
            for place, listener in enumerate(listeners)
        ]
        with self._changed:
            if self._closing:
                raise Closing("the server is shutting down")
            try:
                self._queue.push(client, works)
            except QueueFull as full:
                raise self._busy(full) from None
            self._changed.notify()
        return [Ticket(work, self._cancelled) for work in works]

    def load(self) -> Load:
        """Return how much there is to do, and what was done."""
        return Load(self._batch.size, len(self._queue), self.slots, self._batch.counts)

    def drain(self, seconds: float) -> bool:
        """Take no new requests and finish the others; return whether that worked in time."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def cut(self) -> None:
        """Take no new requests and cut the others short with `Closing`; do not wait for it."""
        with self._changed:
            self._closing = self._cut = True
            self._changed.notify_all()

    def close(self) -> None:
        """Cut what is left and end the thread."""
        self.cut()
        self._thread.join()

    def _work(
        self,
        prompt: list[int],
        params: SamplingParams,
        room: int,
        seed: int,
        listener: Listener,
        client: str,
    ) -> Work:
        reply = Reply(self._tokenizer, params, limit=min(params.max_tokens, room))
        mask = None
        if params.constraint is not None:
            started = params.constraint.start(self._tokenizer)
            mask = GuardedMask(started, self.vocab_size, self._tokenizer.end_of_turn)
        return Work(prompt, params, seed, reply, listener, mask, client)

    def _busy(self, full: QueueFull) -> Busy:
        rounds = (len(self._queue) + self._batch.size) / self.slots
        seconds = rounds * self._batch.counts.seconds_a_reply
        after = min(_LONGEST_WAIT, max(1, math.ceil(seconds)))
        whose = "this client has" if full.client_only else "the server has"
        return Busy(f"{whose} too many requests waiting; try again in {after} s", after)

    def _cancelled(self) -> None:
        with self._changed:
            self._any_cancelled = True
            self._changed.notify()

    def _run(self) -> None:
        while self._admit():
            try:
                self._batch.advance()
            except Exception as error:  # noqa: BLE001 - it ends the batch, not the server
                self._batch.fail(error)

    def _admit(self) -> bool:
        """Wait for something to do and take it in; return whether to go on."""
        with self._changed:
            while not (self._batch.size or self._queue or self._closing):
                self._changed.wait()
            if self._cut:
                self._abandon()
            if self._any_cancelled:
                self._any_cancelled = False
                for work in self._queue.remove(lambda work: work.cancelled):
                    self._batch.dismiss(work)
            while self._batch.room and (taken := self._queue.pop(self._batch.clients())):
                self._batch.join(taken)
            return bool(self._batch.size) or not self._closing

    def _abandon(self) -> None:
        error = Closing("the server is shutting down, and this answer was cut")
        for work in self._queue.remove(lambda work: True):
            work.listener(error)
        self._batch.fail(error)
