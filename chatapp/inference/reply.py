"""One reply in the making: its tokens, its text, and whether it has ended."""

from __future__ import annotations

from typing import Literal

from chatapp.inference.generator import SamplingParams, TextDelta, TokenLogprob
from chatapp.inference.sampler import Drawn
from chatapp.inference.text_stream import TextStream
from chatapp.model.tokenizer import ChatTokenizer


class Reply:
    """Takes chosen tokens, gives text.

    Attributes:
        tokens: what was said, without the token that ended it.
        reason: why it ended; `length` until something else is known.
        ended: no token may follow.
        steps: how many times the model ran for it.
    """

    def __init__(self, tokenizer: ChatTokenizer, params: SamplingParams, limit: int) -> None:
        self.tokens: list[int] = []
        self.reason: Literal["stop", "length", "interrupted"] = "length"
        self.ended = limit < 1
        self.steps = 0
        self._limit = limit
        self._ends = stop_ids(tokenizer, params)
        self._text = TextStream(tokenizer.decode, (*tokenizer.stop, *params.stop))
        self._logprobs: list[TokenLogprob] | None = None if params.logprobs is None else []

    @property
    def left(self) -> int:
        """How many more tokens it may have."""
        return self._limit - len(self.tokens)

    def push(self, drawn: Drawn) -> TextDelta | None:
        """Add a token; return the text that became certain, if any."""
        if drawn.token in self._ends:
            self.reason, self.ended = "stop", True
            return None
        self.tokens.append(drawn.token)
        if self._logprobs is not None:
            self._logprobs.append(drawn.report())
        text = self._text.push(drawn.token)
        if self._text.stopped:
            self.reason, self.ended = "stop", True
        elif not self.left:
            self.ended = True
        return self._delta(text) if text else None

    def finish(self) -> TextDelta | None:
        """Return what was held back, once no token follows."""
        text = self._text.finish()
        return self._delta(text) if text or self._logprobs else None

    def _delta(self, text: str) -> TextDelta:
        logprobs = tuple(self._logprobs or ())
        if self._logprobs:
            self._logprobs.clear()
        return TextDelta(text, len(self.tokens), logprobs)


def stop_ids(tokenizer: ChatTokenizer, params: SamplingParams) -> frozenset[int]:
    """Return the tokens that end a reply."""
    return tokenizer.end_ids | set(params.stop_tokens)
