"""GSM8K's calculator inside answers: `<<3*4=12>>` is computed while it is written, and hidden.

The stream of the model is read on the way: an annotation is held back until it is closed. If the
model's own result is right, the text goes on; if it is wrong, the right one takes its place and the
model continues from there. What a person sees has no annotations, but the numbers that follow them.
What only looks like one, such as `<<user=name>>`, is text like any other.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from chatapp.inference.generator import (
    ChatMessage,
    Finished,
    Generator,
    SamplingParams,
    TextDelta,
)
from tools.calculator import calculate, format_number
from tools.protocol import ToolError

_OPEN = "<<"
_CLOSED = re.compile(r"<<([^<>=\n]{1,200})=([^<>\n]{0,60})>>")
_UNFINISHED = re.compile(r"<(?:<(?:[^<>=\n]{0,200}(?:=[^<>\n]{0,60}>?)?)?)?$")
_DIGIT = re.compile(r"\d")
_SIGN = re.compile(r"[^\w\s.,]")
_MOST_CORRECTIONS = 50  # in one answer; each starts the model anew


@dataclass(frozen=True)
class Computed:
    """A calculation that stood in the answer, and its result."""

    expression: str
    result: str


def result_of(expression: str, claimed: str) -> str | None:
    """Return what the calculator makes of an annotation; None where it is none.

    `<<e=mail>>` and `<<1=Monday>>` could be computed, but are no sums.
    """
    is_sum = _SIGN.search(expression) or _DIGIT.search(claimed)
    if not (is_sum and _DIGIT.search(expression)):
        return None
    try:
        return format_number(calculate(expression))
    except ToolError:
        return None


def stream_computed(
    generator: Generator,
    messages: Sequence[ChatMessage],
    params: SamplingParams,
    should_stop: Callable[[], bool],
) -> Iterator[TextDelta | Computed | Finished]:
    """Yield the reply of `generator.stream` with its annotations computed and taken out.

    `tokens` and `completion_tokens` count what the model made, what was thrown away included.
    """
    answer = _Answer(messages)
    spent = 0
    for _ in range(_MOST_CORRECTIONS):
        left = replace(params, max_tokens=params.max_tokens - spent)
        made = 0
        for item in generator.stream(answer.prompt(), left, should_stop):
            if isinstance(item, Finished):
                if rest := answer.rest():
                    yield TextDelta(rest, spent + item.completion_tokens)
                yield replace(item, completion_tokens=spent + item.completion_tokens)
                return
            made = item.tokens
            for piece in answer.take(item.text):
                yield piece if isinstance(piece, Computed) else TextDelta(piece, spent + made)
            if answer.corrected:
                break
        spent += made
        if not answer.corrected or spent >= params.max_tokens:
            break
        answer.corrected = False
    reason: Literal["length", "stop"] = "length" if spent >= params.max_tokens else "stop"
    yield Finished(reason, generator.count_tokens(list(messages)), spent, 0.0, 0.0)


class _Answer:
    """What the model has said, annotations included, and what of it may be shown."""

    def __init__(self, messages: Sequence[ChatMessage]) -> None:
        self.corrected = False
        self._messages = list(messages)
        continues = bool(messages) and messages[-1].role == "assistant"
        self._said = self._messages.pop().content if continues else ""
        self._held = ""

    def prompt(self) -> list[ChatMessage]:
        """Return the messages with what was said so far as the answer to go on with."""
        if not self._said:
            return self._messages
        return [*self._messages, ChatMessage("assistant", self._said)]

    def take(self, text: str) -> Iterator[str | Computed]:
        """Add what the model said; yield what is certain. Sets `corrected` on a wrong result."""
        self._held += text
        while (found := _CLOSED.search(self._held)) is not None:
            result = result_of(found[1], found[2])
            if result is None:
                yield self._pass(found.end())
                continue
            if before := self._pass(found.start()):
                yield before
            self._held = self._held[len(found[0]) :]
            self._said += f"{_OPEN}{found[1]}={result}>>"
            yield Computed(found[1].strip(), result)
            if result != found[2].strip():
                self.corrected, self._held = True, ""  # it goes on from what is wrong
                return
        open_at = _UNFINISHED.search(self._held)
        if shown := self._pass(open_at.start() if open_at else len(self._held)):
            yield shown

    def rest(self) -> str:
        """Return what was held back, once nothing follows."""
        return self._pass(len(self._held))

    def _pass(self, count: int) -> str:
        text, self._held = self._held[:count], self._held[count:]
        self._said += text
        return text
