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
from collections.abc import Callable, Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Protocol

from retrieval.text import sanitize_text
from tools import schemas
from tools.calls import Failure, ToolCall, ToolResult
from tools.protocol import (
    CallLimits,
    Stop,
    Tool,
    ToolContext,
    ToolError,
    ToolOutput,
    Unavailable,
)

log = logging.getLogger("chatapp.tools")


class ToolSource(Protocol):
    """Where more tools come from, slowly: servers that must be connected first."""

    @property
    def problems(self) -> Mapping[str, Unavailable]:
        """Return what could not be connected, and why."""
        ...

    def connect(self) -> Iterable[Tool]:
        """Return the tools there are; blocking, and never raises."""
        ...

    def close(self) -> None:
        """End what was connected."""
        ...


class ToolRegistry:
    """Tools by name, in the order they were given.

    Those of `source` come last, when somebody first needs all tools, or one that is not known yet;
    what may wait for that says so.
    """

    def __init__(self, tools: Iterable[Tool] = (), source: ToolSource | None = None) -> None:
        self._tools: dict[str, Tool] = {}
        self._source = source
        self._connected = source is None
        self._connecting = threading.Lock()
        for tool in tools:
            self.add(tool)

    def add(self, tool: Tool) -> None:
        """Take in one more tool."""
        if tool.name in self._tools:
            raise ValueError(f"two tools are named {tool.name!r}")
        self._tools[tool.name] = tool

    def connect(self) -> Mapping[str, Unavailable]:
        """Take in the tools of the source, once; return what of it cannot be used. May wait."""
        with self._connecting:
            if not self._connected and self._source is not None:
                for tool in self._source.connect():
                    if tool.name not in self._tools:
                        self.add(tool)
            self._connected = True
        return self.problems

    def close(self) -> None:
        """End what the source connected; may wait a few seconds."""
        if self._source is not None:
            self._source.close()

    def __iter__(self) -> Iterator[Tool]:
        """Yield all tools, those unavailable here too."""
        return iter(list(self._tools.values()))

    def names(self) -> list[str]:
        """Return the names of all tools."""
        return list(self._tools)

    @property
    def waiting(self) -> bool:
        """Say whether the tools of the source have not come yet."""
        return not self._connected

    @property
    def problems(self) -> Mapping[str, Unavailable]:
        """Return what the source could not connect, and why."""
        return self._source.problems if self._source else {}

    def known(self, name: str) -> Tool | None:
        """Return the tool of this name if it is there already."""
        return self._tools.get(name)

    def find(self, name: str) -> Tool | None:
        """Return the tool of this name. May wait, if no tool that is there already has it."""
        if name not in self._tools:
            self.connect()
        return self._tools.get(name)

    def usable(self) -> list[Tool]:
        """Return the tools that can be used here. May wait."""
        self.connect()
        return [tool for tool in self if tool.available() is None]

    def run(self, call: ToolCall, context: ToolContext | None = None) -> ToolResult:
        """Run one call, blocking, and return how it ended; `ToolResult.failure` names every way."""
        began = time.monotonic()
        context = _of_this_call(context or ToolContext(), began)
        failure, output = self._refused(call) or _run_in_thread(
            lambda: self._tools[call.name].run(schemas.plain(call.arguments), context), context
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
        tool = self.find(call.name)
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
