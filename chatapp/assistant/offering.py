"""Tools that the model itself may call in an answer, and reading its calls out of the stream.

A model whose template knows tools is offered all of them; any other only those that `Options.tools`
names, and a token mask then holds its calls to their schemas (`chatapp.inference.tool_calls`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

from chatapp.assistant.writing import Writing
from chatapp.inference.generator import Generator, SamplingParams
from chatapp.inference.tool_calls import OPEN, KnowsTools, ToolUse, may_be_call, read_calls
from tools.protocol import Tool
from tools.registry import allowed_by

MOST_ROUNDS = 5  # of calls in one answer; then it must be an answer
MOST_CALLS = 4  # at once


@dataclass(frozen=True)
class Offer:
    """The tools of one answer; `native` says that the model's own template offers them."""

    use: ToolUse
    native: bool

    @property
    def instructions(self) -> str:
        """What a model is told in words, because its template cannot."""
        return "" if self.native else self.use.prompt()

    @property
    def specifications(self) -> tuple[str, ...]:
        """What the model's template is given."""
        if not self.native:
            return ()
        return tuple(json.dumps(tool, ensure_ascii=False) for tool in self.use.tools)

    def sampling(self, sampling: SamplingParams) -> SamplingParams:
        """Hold a model that has not learnt to call to the form of a call."""
        return sampling if self.native else replace(sampling, constraint=self.use.constraint())

    def once_more(self) -> Offer:
        """Return what may be called after the first calls: nothing must be."""
        return replace(self, use=replace(self.use, required=False))

    def calls(self, text: str) -> list[dict[str, Any]]:
        """Return the calls in a whole reply."""
        return read_calls(text, [tool["name"] for tool in self.use.tools])[:MOST_CALLS]


def offer(writing: Writing, generator: Generator) -> Offer | None:
    """Return what this answer's model may call; None for nothing. Blocking: tools are probed."""
    options = writing.options
    native = isinstance(generator, KnowsTools) and generator.knows_tools
    globs = options.tools if options.tools is not None else ("*",) if native else ()
    if not options.use_tools or not globs or options.tool_choice == "none":
        return None
    usable = [tool for tool in writing.services.tools.usable() if allowed_by(tool.name, globs)]
    if options.tool_choice not in ("auto", "required"):
        usable = [tool for tool in usable if tool.name == options.tool_choice]
    if not usable:
        return None
    required = options.tool_choice != "auto"
    use = ToolUse(tuple(_specification(tool) for tool in usable), required=required)
    return Offer(use, native and not required)  # no template insists; the mask does


def _specification(tool: Tool) -> dict[str, Any]:
    return {
        "name": tool.name,
        "description": tool.description,
        "parameters": dict(tool.schema),
    }


class HoldBack:
    """Keeps what may become a call out of the text that is shown."""

    def __init__(self) -> None:
        self.whole = ""
        self._shown = 0

    def take(self, text: str) -> str:
        """Add what the model said; return what of it is certainly text."""
        self.whole += text
        if self._shown == 0 and may_be_call(self.whole):
            return ""
        place = self.whole.find(OPEN, self._shown)
        if place < 0:
            place = len(self.whole) - _begun(self.whole)
        return self._show(place)

    def rest(self) -> str:
        """Return what was held back, because it was no call."""
        return self._show(len(self.whole))

    def _show(self, place: int) -> str:
        text = self.whole[self._shown : place]
        self._shown = max(self._shown, place)
        return text


def _begun(text: str) -> int:
    """Return how many characters at the end may be the beginning of a call."""
    longest = min(len(text), len(OPEN) - 1)
    return next((n for n in range(longest, 0, -1) if OPEN.startswith(text[-n:])), 0)
