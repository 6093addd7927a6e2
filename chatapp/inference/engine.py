"""The engine: streams chat replies from any `Decoder`.

What a slot holds outlives a call: the next prompt is compared with it, and only the part that
differs is read, so a chat's next turn costs its new tokens only. Reading stops within about 50 ms
of an interrupt, because the prompt is read in pieces whose size follows the measured speed.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Sequence

from torch import Tensor

from chatapp.inference.decoder import Decoder
from chatapp.inference.generator import (
    ChatMessage,
    Finished,
    SamplingParams,
    TextDelta,
)
from chatapp.inference.graph_decoder import GraphDecoder
from chatapp.inference.lookup import PromptLookup
from chatapp.inference.pace import Pace
from chatapp.inference.prompt_ids import prompt_ids, room_after
from chatapp.inference.reply import Reply, stop_ids
from chatapp.inference.sampler import Drawn, Sampler, fresh_seed
from chatapp.inference.slots import Slots
from chatapp.model.tokenizer import ChatTokenizer

Clock = Callable[[], float]


class Engine:
    """A `Generator` over a decoder. Not thread-safe: one stream at a time.

    Args:
        name: what the model is called.
        decoder: the model; two slots let a side question leave the conversation's cache alone.
        tokenizer: the model's own.
        longest_draft: tokens that prompt lookup may guess at once; 0 turns speculation off.
        clock: seconds that only grow; tests have their own.
    """

    def __init__(
        self,
        name: str,
        decoder: Decoder,
        tokenizer: ChatTokenizer,
        *,
        longest_draft: int = 12,
        clock: Clock = time.monotonic,
    ) -> None:
        self.name = name
        self.context_length = decoder.context_length
        self.knows_tools = tokenizer.knows_tools
        self.decoder = decoder
        self._tokenizer = tokenizer
        self._slots = Slots(decoder)
        self._longest_draft = longest_draft
        self._clock = clock
        self._pace = Pace(clock)

    def count_tokens(self, messages: Sequence[ChatMessage]) -> int:
        """Return how many tokens the prompt for `messages` takes, template included."""
        return len(prompt_ids(self._tokenizer, messages))

    def stream(
        self,
        messages: Sequence[ChatMessage],
        params: SamplingParams,
        should_stop: Callable[[], bool],
    ) -> Iterator[TextDelta | Finished]:
        """Yield the assistant's reply as it is made; see `Generator.stream`.

        Raises:
            ContextOverflow: the prompt leaves no room for one new token.
            ConstraintError: the constraint cannot serve.
        """
        prompt = prompt_ids(self._tokenizer, messages)
        room = room_after(prompt, self.context_length)
        reply = Reply(self._tokenizer, params, limit=min(params.max_tokens, room))
        seed = fresh_seed(params)
        sampler = self._sampler(params, seed)
        begun = self._clock()
        slot = self._slots.claim(prompt, range(self.decoder.slots), longest=len(prompt) - 1)
        cached = len(self._slots.tokens(slot))
        logits = self._prefill(slot, prompt, should_stop)
        prefilled = self._clock()
        if logits is None:
            reply.reason = "interrupted"
        elif isinstance(self.decoder, GraphDecoder) and self.decoder.serves(params):
            first = sampler.next([0], logits[None])[0]
            yield from self._loop(slot, prompt, first, seed, params, reply, should_stop)
        else:
            yield from self._decode(slot, prompt, logits[None], sampler, reply, should_stop)
        if last := reply.finish():
            yield last
        yield Finished(
            reason=reply.reason,
            prompt_tokens=len(prompt),
            completion_tokens=len(reply.tokens),
            prefill_seconds=prefilled - begun,
            decode_seconds=self._clock() - prefilled,
            cached_tokens=cached,
            steps=reply.steps,
        )

    def _sampler(self, params: SamplingParams, seed: int) -> Sampler:
        sampler = Sampler(params, rows=1, top=params.logprobs)
        constraint = params.constraint
        mask = constraint.start(self._tokenizer) if constraint is not None else None
        sampler.start(0, seed, mask)
        return sampler

    def _prefill(
        self, slot: int, prompt: list[int], should_stop: Callable[[], bool]
    ) -> Tensor | None:
        """Read what the slot lacks of the prompt; None when interrupted on the way."""
        logits = None
        while (start := len(self._slots.tokens(slot))) < len(prompt):
            if should_stop():
                return None
            with self._pace.piece(len(prompt) - start) as size:
                logits = self._slots.read(slot, prompt[start : start + size])
        return logits

    def _decode(
        self,
        slot: int,
        prompt: list[int],
        logits: Tensor,
        sampler: Sampler,
        reply: Reply,
        should_stop: Callable[[], bool],
    ) -> Iterator[TextDelta]:
        """Yield the reply's text; `logits` (1, V) follow the prompt.

        Each round chooses tokens from the logits after the last token and after every guess, for as
        long as the guesses come true; what they were wrong about is taken back.
        """
        context, draft = list(prompt), list[int]()
        lookup = PromptLookup(context, self._longest_draft)
        while not reply.ended:
            right = 0
            while True:
                if should_stop():
                    reply.reason = "interrupted"
                    return
                drawn = sampler.next([0], logits[right : right + 1])[0]
                if delta := reply.push(drawn):
                    yield delta
                if reply.ended:
                    return
                context.append(drawn.token)
                if right == len(draft) or drawn.token != draft[right]:
                    break
                right += 1
            lookup.extend(context[len(context) - right - 1 :])
            lookup.learn(right, len(draft))
            room = min(reply.left - 1, self.context_length - len(context), self._pace.size - 1)
            draft = lookup.guess(room)
            logits = self._verify(slot, context, draft)
            reply.steps += 1

    def _verify(self, slot: int, context: list[int], draft: list[int]) -> Tensor:
        """Return the logits after the last token and after each of the draft, (1 + n, V)."""
        held = self._slots.truncate(slot, len(context) - 1)
        ahead = context[held:] + draft
        if len(ahead) == 1:
            return self._slots.step([slot], ahead)
        return self._slots.read(slot, ahead, every=True)[-1 - len(draft) :]

    def _loop(
        self,
        slot: int,
        prompt: list[int],
        first: Drawn,
        seed: int,
        params: SamplingParams,
        reply: Reply,
        should_stop: Callable[[], bool],
    ) -> Iterator[TextDelta]:
        """Yield the reply's text from a loop on the device, one burst ahead of what is read."""
        assert isinstance(self.decoder, GraphDecoder)
        loop = self.decoder.loop(params, stop_ids(self._tokenizer, params))
        loop.admit(slot, first.token, seed=seed, limit=reply.left)
        drawn: Iterator[Drawn] = itertools.chain([first], loop.replies(slot))
        try:
            while not reply.ended:
                if should_stop():
                    reply.reason = "interrupted"
                    return
                if delta := reply.push(next(drawn)):
                    yield delta
        finally:
            reply.steps = max(0, len(reply.tokens) - 1)
            loop.retire(slot, len(prompt) + reply.steps)
            self._slots.adopt(slot, prompt + reply.tokens)
