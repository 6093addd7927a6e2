"""`/v1/completions`: a text goes on; no chat template, no roles."""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from chatapp.inference.generator import Finished, SamplingParams, TextDelta, TokenLogprob
from chatapp.inference.scheduler import Scheduler
from chatapp.server.chat import FINGERPRINT
from chatapp.server.choice import REASONS, Event, Tally
from chatapp.server.errors import ApiError
from chatapp.server.logprobs import completion_logprobs
from chatapp.server.replies import Item, Replies
from chatapp.server.sampling import sampling_params
from chatapp.server.threads import beside


@dataclass(frozen=True)
class CompletionRequest:
    """A checked request: prompts as texts or as token ids."""

    model: str
    prompts: list[str] | list[list[int]]
    params: SamplingParams
    count: int
    echo: bool
    include_usage: bool


def read_completion(
    body: dict[str, Any], defaults: SamplingParams, vocab_size: int
) -> CompletionRequest:
    """Take a checked body apart. Raises ApiError for what this model cannot do."""
    prompts = body["prompt"]
    if isinstance(prompts, str) or isinstance(prompts[0], int):
        prompts = [prompts]
    if any(
        token >= vocab_size for prompt in prompts if not isinstance(prompt, str) for token in prompt
    ):
        raise ApiError(
            400,
            f"prompt: token ids are below {vocab_size}",
            code="invalid_request",
            param="prompt",
        )
    if body.get("echo") and "logprobs" in body:
        raise ApiError(
            400,
            "echo with logprobs is not supported: leave one of them out",
            code="unsupported",
            param="echo",
        )
    params = replace(sampling_params(body, defaults, vocab_size), logprobs=body.get("logprobs"))
    usage = bool(body.get("stream_options", {}).get("include_usage"))
    return CompletionRequest(
        body["model"], prompts, params, body.get("n", 1), bool(body.get("echo")), usage
    )


class CompletionAnswer:
    """The replies to one request, as one JSON object or as chunks. Use once."""

    def __init__(self, request: CompletionRequest, replies: Replies, scheduler: Scheduler) -> None:
        self._request, self._replies = request, replies
        self._spelled = scheduler.spelled
        prompts = [scheduler.text(prompt) for prompt in request.prompts] if request.echo else []
        total = len(request.prompts) * request.count
        self._texts = [prompts[place // request.count] if prompts else "" for place in range(total)]
        self._tokens: list[list[TokenLogprob]] = [[] for _ in range(total)]
        self._reasons = [""] * total
        self._tally = Tally()
        self._base = {
            "id": f"cmpl-{secrets.token_hex(12)}",
            "object": "text_completion",
            "created": int(time.time()),
            "model": request.model,
            "system_fingerprint": FINGERPRINT,
        }

    @classmethod
    async def ask(
        cls, request: CompletionRequest, scheduler: Scheduler, client: str
    ) -> CompletionAnswer:
        """Submit a request; raises what `Scheduler.submit` raises."""
        prompts = await beside(
            lambda: [scheduler.text_ids(prompt) for prompt in request.prompts],
            sum(len(prompt) for prompt in request.prompts),
        )
        replies = await Replies.ask(
            scheduler, prompts, request.params, count=request.count, client=client
        )
        return cls(request, replies, scheduler)

    async def whole(self) -> Event:
        """Return the answer once it is complete."""
        async for place, item in self._replies.items():
            self._take(place, item)
        return {
            **self._base,
            "choices": [
                self._choice(place, self._texts[place], self._tokens[place], self._reasons[place])
                for place in range(len(self._texts))
            ],
            "usage": self._tally.usage(),
        }

    async def chunks(self) -> AsyncGenerator[Event, None]:
        """Yield the answer as it is made."""
        for place, prompt in enumerate(self._texts):
            if prompt:
                yield self._chunk([self._choice(place, prompt, (), None)])
        async for place, item in self._replies.items():
            self._take(place, item)
            if isinstance(item, TextDelta):
                choice = self._choice(place, item.text, item.logprobs, None)
            else:
                choice = self._choice(place, "", (), self._reasons[place])
            yield self._chunk([choice])
        if self._request.include_usage:
            yield self._chunk([]) | {"usage": self._tally.usage()}

    def _take(self, place: int, item: Item) -> None:
        if isinstance(item, TextDelta):
            self._texts[place] += item.text
            self._tokens[place] += item.logprobs
            return
        assert isinstance(item, Finished)
        self._reasons[place] = REASONS[item.reason]
        if place % self._request.count == 0:
            self._tally.prompt(item)
        self._tally.completion(item)

    def _chunk(self, choices: list[Event]) -> Event:
        usage = {"usage": None} if self._request.include_usage else {}
        return {**self._base, "choices": choices, **usage}

    def _choice(
        self, place: int, text: str, tokens: Sequence[TokenLogprob], reason: str | None
    ) -> Event:
        logprobs = None
        if self._request.params.logprobs is not None and tokens:
            logprobs = completion_logprobs(
                self._spelled, tokens, len(self._texts[place]) - len(text)
            )
        return {"index": place, "text": text, "logprobs": logprobs, "finish_reason": reason}
