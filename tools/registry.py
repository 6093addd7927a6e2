"""Tools by name, and the one way to run them: checked arguments, limits, and never an exception.

The thing to know: a tool runs in a thread of its own. Python cannot end a thread, so one that
passes its deadline is told to stop and left behind; every tool here ends by itself soon after.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import logging
import math
import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from fnmatch import fnmatchcase

from retrieval.text import sanitize_text
from tools import schemas
from tools.calls import Failure, ToolCall, ToolResult
from tools.protocol import CallLimits, Stop, Tool, ToolContext, ToolError, ToolOutput

log = logging.getLogger("chatapp.tools")


class ToolRegistry:
    """Tools by name, in the order they were given."""

    def __init__(self, tools: Iterable[Tool] = ()) -> None:
        self._tools: dict[str, Tool] = {}
        for tool in tools:
            self.add(tool)

    def add(self, tool: Tool) -> None:
        """Take in one more tool."""
        if tool.name in self._tools:
            raise ValueError(f"two tools are named {tool.name!r}")
        self._tools[tool.name] = tool

    def __iter__(self) -> Iterator[Tool]:
        """Yield all tools, those unavailable here too."""
        return iter(self._tools.values())

    def names(self) -> list[str]:
        """Return the names of all tools."""
        return list(self._tools)

    def find(self, name: str) -> Tool | None:
        """Return the tool of this name."""
        return self._tools.get(name)

    def usable(self) -> list[Tool]:
        """Return the tools that can be used here."""
        return [tool for tool in self if tool.available() is None]

    def run(self, call: ToolCall, context: ToolContext | None = None) -> ToolResult:
        """Run one call, blocking, and return how it ended; `ToolResult.failure` names every way."""
        began = time.monotonic()
        context = _of_this_call(context or ToolContext(), began)
        failure, output = self._refused(call) or _run_in_thread(
            lambda: self._tools[call.name].run(call.arguments, context), context
        )
        output = within(output, context.limits)
        return ToolResult(call, output, failure, time.monotonic() - began)

    async def run_async(self, call: ToolCall, context: ToolContext | None = None) -> ToolResult:
        """Run one call as `run` does; cancelling it stops the tool."""
        context = _of_this_call(context or ToolContext(), math.inf)
        try:
            return await asyncio.to_thread(self.run, call, context)
        except asyncio.CancelledError:
            context.stop.set()
            raise

    def _refused(self, call: ToolCall) -> tuple[Failure, ToolOutput] | None:
        tool = self._tools.get(call.name)
        if tool is None:
            there_are = ", ".join(tool.name for tool in self.usable())
            return "unknown", ToolOutput(f"There is no tool {call.name!r}. There are: {there_are}.")
        reason = tool.available()
        if reason is not None:
            return "unavailable", ToolOutput(f"The tool {tool.name} is off: {reason}")
        wrong = schemas.problem(tool.schema, call.arguments)
        if wrong:
            return "arguments", ToolOutput(f"The tool {tool.name} cannot use this: {wrong}")
        return None


def allowed_by(name: str, patterns: Iterable[str]) -> bool:
    """Say whether one of the patterns, such as `web_*`, names this tool."""
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def within(output: ToolOutput, limits: CallLimits) -> ToolOutput:
    """Return the output without characters that act, and cut to its limit."""
    longest = limits.output_characters
    # The cut before cleaning keeps an output of megabytes cheap.
    text = sanitize_text(output.text[: 4 * longest])
    truncated = output.truncated or len(text) > longest or len(output.text) > 4 * longest
    if truncated and not output.truncated:
        text = f"{text[:longest]}\n[cut: the first {longest:,} characters are shown]"
    value = output.value
    if value is not None and len(json.dumps(value)) > 8 * longest:
        value, truncated = None, True
    return dataclasses.replace(output, text=text, value=value, truncated=truncated)


def _of_this_call(context: ToolContext, began: float) -> ToolContext:
    """Return the context with a deadline, and a stop of its own that follows the caller's."""
    stop = Stop()
    context.stop.when_set(stop.set)
    deadline = min(context.deadline, began + context.limits.seconds)
    return dataclasses.replace(context, stop=stop, deadline=deadline)


def _run_in_thread(
    run: Callable[[], ToolOutput], context: ToolContext
) -> tuple[Failure, ToolOutput]:
    """Run a tool and wait until it ends, its time is over, or somebody asks to stop."""
    ended: queue.SimpleQueue[tuple[Failure, ToolOutput]] = queue.SimpleQueue()

    def work() -> None:
        ended.put(_guarded(run))

    context.stop.when_set(lambda: ended.put(("stopped", ToolOutput("The tool was stopped."))))
    threading.Thread(target=work, name="tool", daemon=True).start()
    try:
        return ended.get(timeout=context.remaining())
    except queue.Empty:
        context.stop.set()
        return "time", ToolOutput(
            f"The tool took longer than {context.limits.seconds:g} seconds and was stopped."
        )


def _guarded(run: Callable[[], ToolOutput]) -> tuple[Failure, ToolOutput]:
    try:
        return "", run()
    except ToolError as error:
        return "refused", ToolOutput(str(error))
    except Exception as error:  # a defect of one tool must not end a conversation
        log.exception("A tool failed")
        return "crash", ToolOutput(f"The tool failed: {type(error).__name__}: {error}")
