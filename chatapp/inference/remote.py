"""A model behind an API like OpenAI's, as a `Generator`: vLLM, llama.cpp, a company's gateway.

What is asked leaves this machine. The key comes from the environment, goes into one header, and
is taken out of whatever the server says in an error. Requests are tried again while nothing has
arrived, never after the first word: an answer must not be paid for, or said, twice.
"""

from __future__ import annotations

import json
import math
import os
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from chatapp.inference.generator import (
    ChatMessage,
    Finished,
    SamplingParams,
    TextDelta,
)
from chatapp.inference.masks.protocol import ConstraintError
from chatapp.inference.remote_errors import RemoteError, explain
from chatapp.inference.remote_reply import RemoteReply, count_in
from chatapp.settings.named import Remote
from retrieval.web.http import (
    Dropped,
    HttpError,
    Patience,
    Refused,
    Request,
    Stopped,
    TimedOut,
    Unreachable,
    read_json,
    read_lines,
)

DEFAULT_CONTEXT = 8192  # of a server that does not say
_CONTEXT_FIELDS = ("max_model_len", "context_length", "context_window")
_TRIES = 3
_LONGEST_PAUSE = 10.0  # seconds between tries
_AGAIN = {429, 502, 503, 504}
_BYTES_A_TOKEN = 3.0  # a careful guess, until a server's own counts are known
_TOKENS_A_MESSAGE = 4


@dataclass(frozen=True)
class Endpoint:
    """Where a remote model is.

    Attributes:
        name: what the person calls it.
        base_url: of the API, e.g. `http://localhost:8000/v1`.
        model: its name there.
        key: sent as a bearer token unless empty.
        patience: how long to wait.
    """

    name: str
    base_url: str
    model: str
    key: str = ""
    patience: Patience = field(default_factory=Patience)

    def __repr__(self) -> str:
        return f"Endpoint({self.name!r}, {self.base_url!r}, {self.model!r})"

    def request(self, path: str, body: dict[str, Any] | None = None) -> Request:
        """Return a request to the API, with the key."""
        headers = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        return Request(self.base_url.rstrip("/") + path, headers, body)


def open_remote(name: str, remote: Remote, patience: Patience | None = None) -> RemoteGenerator:
    """Return the model that a person's settings name, with its key from the environment.

    Raises:
        RemoteError: see `RemoteGenerator`, or its key is missing.
    """
    key = os.environ.get(remote.api_key_env, "").strip() if remote.api_key_env else ""
    if remote.api_key_env and not key:
        raise RemoteError(
            f"the key for {name} is missing",
            hint=f"set the environment variable {remote.api_key_env} to it.",
        )
    waits = patience or Patience()
    return RemoteGenerator(Endpoint(name, remote.base_url, remote.model, key, waits))


class RemoteGenerator:
    """See `chatapp.inference.generator.Generator`.

    Making one asks the server for its models, so that a wrong address or key shows at once.
    `top_k`, `min_p` and `repetition_penalty` stay behind: the API has no such fields. Tokens are
    counted by the server, and before it has said anything guessed from the bytes.

    Raises:
        RemoteError: the server cannot be used; the message says why, the hint what to do.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.name = endpoint.name
        self._endpoint, self._clock, self._sleep = endpoint, clock, sleep
        self._bytes_a_token = _BYTES_A_TOKEN
        self._limit_field = "max_tokens"
        if not (endpoint.key.isascii() and endpoint.key.isprintable()):
            raise RemoteError(
                f"the key for {self.name} has characters that no key has",
                hint="set its environment variable again, without quotes or line ends.",
            )
        self.context_length = self._ask_context()

    def count_tokens(self, messages: Sequence[ChatMessage]) -> int:
        """Return a guess; see the class."""
        size = sum(len(message.content.encode("utf-8", "replace")) for message in messages)
        return math.ceil(size / self._bytes_a_token) + _TOKENS_A_MESSAGE * len(messages)

    def stream(
        self,
        messages: Sequence[ChatMessage],
        params: SamplingParams,
        should_stop: Callable[[], bool],
    ) -> Iterator[TextDelta | Finished]:
        """Yield the reply as it arrives; see `Generator.stream`.

        Raises:
            ContextOverflow: the server says that the prompt is too long.
            ConstraintError: the reply is held to something other than a JSON Schema.
            RemoteError: the server cannot be used, or broke off.
        """
        begun, reply = self._clock(), RemoteReply(params.max_tokens)
        try:
            for line in self._lines(messages, params, should_stop):
                if delta := reply.take(line):
                    reply.first_at = reply.first_at or self._clock()
                    yield delta
                if reply.over:
                    break
            reply.check_whole()
        except Stopped:
            reply.reason = "interrupted"
        except HttpError as error:
            raise explain(error, self._endpoint.name, self._endpoint.key) from None
        yield self._finished(messages, reply, begun)

    def _lines(
        self,
        messages: Sequence[ChatMessage],
        params: SamplingParams,
        should_stop: Callable[[], bool],
    ) -> Iterator[str]:
        """Yield the lines of the answer, after as many tries as it takes to get a first one."""
        tries = 0
        while True:
            body = request_body(self._endpoint.model, messages, params, self._limit_field)
            request, tries = self._endpoint.request("/chat/completions", body), tries + 1
            arrived = False
            try:
                for line in read_lines(request, self._endpoint.patience, should_stop):
                    arrived = True
                    yield line
                return
            except (Refused, Unreachable, TimedOut, Dropped) as error:
                if arrived or not self._worth_another(error, tries):
                    raise
                self._pause(error, tries, should_stop)

    def _worth_another(self, error: HttpError, tries: int) -> bool:
        if tries >= _TRIES:
            return False
        if not isinstance(error, Refused):
            return not isinstance(error, TimedOut)
        if error.status == 400 and "max_completion_tokens" in error.body:
            self._limit_field = "max_completion_tokens"  # what OpenAI's newer models want
            return True
        return error.status in _AGAIN

    def _pause(self, error: HttpError, tries: int, should_stop: Callable[[], bool]) -> None:
        if isinstance(error, Refused) and error.status not in _AGAIN:
            return
        asked = error.retry_after if isinstance(error, Refused) else None
        seconds = 0.5 * 2 ** (tries - 1) * random.uniform(0.5, 1.5) if asked is None else asked
        until = self._clock() + min(seconds, _LONGEST_PAUSE)
        while self._clock() < until:
            if should_stop():
                raise Stopped("stopped")
            self._sleep(0.05)

    def _finished(
        self, messages: Sequence[ChatMessage], reply: RemoteReply, begun: float
    ) -> Finished:
        assert reply.reason, "check_whole() or an interrupt gave it"
        ended = self._clock()
        first = reply.first_at or ended
        prompt = count_in(reply.usage, "prompt_tokens")
        if prompt:
            size = sum(len(message.content.encode("utf-8", "replace")) for message in messages)
            said = max(1, prompt - _TOKENS_A_MESSAGE * len(messages))
            self._bytes_a_token = min(6.0, max(1.0, size / said))
        return Finished(
            reason=reply.reason,
            prompt_tokens=prompt or self.count_tokens(messages),
            completion_tokens=count_in(reply.usage, "completion_tokens") or reply.pieces,
            prefill_seconds=first - begun,
            decode_seconds=ended - first,
            steps=reply.pieces,
        )

    def _ask_context(self) -> int:
        """Ask for the server's models; return how much ours reads."""
        endpoint = self._endpoint
        try:
            answer = read_json(endpoint.request("/models"), endpoint.patience, lambda: False)
        except Refused as error:
            if error.status in (401, 403):
                raise explain(error, endpoint.name, endpoint.key) from None
            return DEFAULT_CONTEXT  # not every server can list its models
        except HttpError as error:
            raise explain(error, endpoint.name, endpoint.key) from None
        listed = answer.get("data") if isinstance(answer, dict) else None
        for model in listed if isinstance(listed, list) else ():
            if isinstance(model, dict) and model.get("id") == endpoint.model:
                said = (count_in(model, field) for field in _CONTEXT_FIELDS)
                return next(filter(None, said), DEFAULT_CONTEXT)
        return DEFAULT_CONTEXT


def request_body(
    model: str, messages: Sequence[ChatMessage], params: SamplingParams, limit_field: str
) -> dict[str, Any]:
    """Return the JSON of a request, with the standard fields alone.

    Raises:
        ConstraintError: the API cannot hold a reply to this.
    """
    body: dict[str, Any] = {
        "model": model,
        "messages": [_as_json(message) for message in messages],
        "stream": True,
        "stream_options": {"include_usage": True},
        limit_field: params.max_tokens,
        "temperature": 0 if params.greedy else params.temperature,
        "top_p": params.top_p,
    }
    if params.seed is not None:
        body["seed"] = params.seed
    if params.stop:
        body["stop"] = list(params.stop)
    for name in ("presence_penalty", "frequency_penalty"):
        if value := getattr(params, name):
            body[name] = value
    if params.constraint is not None:
        body["response_format"] = _response_format(params.constraint)
    return body


def _response_format(constraint: object) -> dict[str, Any]:
    from chatapp.inference.masks.grammar import JsonSchema  # here, for its module loads torch

    if not isinstance(constraint, JsonSchema):
        raise ConstraintError("a remote model can be held to a JSON Schema, and to nothing else")
    wanted = {"name": "reply", "schema": json.loads(constraint.schema), "strict": True}
    return {"type": "json_schema", "json_schema": wanted}


def _as_json(message: ChatMessage) -> dict[str, str]:
    if message.role == "tool":  # the API ties those to calls, which a plain message cannot name
        return {"role": "user", "content": f"Result of a tool:\n{message.content}"}
    return {"role": message.role, "content": message.content}
