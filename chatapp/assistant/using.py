"""One use of a tool: called, approved, run within its limits, stored, and shown as events."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chatapp.assistant.events import ToolCall, ToolResult
from chatapp.assistant.permission import permission
from chatapp.assistant.private_text import MEMORY_TOOLS, WEB_TOOLS, of_result
from chatapp.assistant.web_consent import switched_off
from chatapp.assistant.writing import Writing
from chatapp.conversations import Part
from tools import calls
from tools.protocol import CallLimits, ToolContext

# Failures that a tool itself puts into words, which may be those of what it read.
_OWN_WORDS = ("refused", "crash")


@dataclass(frozen=True)
class Used:
    """What a call gave: `text`, `truncated` to its limit or whole, or in `error` why nothing."""

    text: str
    error: str = ""
    value: Any = None
    truncated: bool = False

    @property
    def ok(self) -> bool:
        """Say whether the tool did what was asked."""
        return not self.error


async def use_tool(writing: Writing, name: str, arguments: Mapping[str, Any]) -> Used:
    """Run one tool, if it may run, and return what it gave; it never raises for a failed tool.

    Raises:
        Interrupted: the turn was stopped; the tool was told to stop too.
    """
    call = ToolCall(writing.reply.next_call(), name, dict(arguments))
    writing.emit(call)
    writing.reply.keep(
        Part("tool_call", {"id": call.id, "name": name, "arguments": call.arguments})
    )
    if off := _off(name, writing):
        return _result(writing, call, Used("", off), 0.0)
    tool = await asyncio.to_thread(writing.services.tools.find, name)
    if tool is not None and await asyncio.to_thread(tool.available) is None:
        decided = await permission(writing, call, tool)
        if not decided.given:
            return _result(writing, call, Used("", f"{name} was not run. {decided.why}"), 0.0)
    return await _run(writing, call)


def note_use(writing: Writing, name: str, arguments: Mapping[str, Any], text: str) -> None:
    """Emit and store the use of a tool that has run already and needed no approval."""
    call = ToolCall(writing.reply.next_call(), name, dict(arguments))
    writing.emit(call)
    writing.reply.keep(
        Part("tool_call", {"id": call.id, "name": name, "arguments": call.arguments})
    )
    _result(writing, call, Used(text), 0.0, of_result(name, text, None))


def _off(name: str, writing: Writing) -> str:
    """Return why a tool is not used in this chat; empty when it is."""
    if name in MEMORY_TOOLS and not writing.options.use_memory:
        return "Memory is switched off in this chat."
    if name in WEB_TOOLS and switched_off(writing):
        return "The web is switched off in this chat."
    return ""


async def _run(writing: Writing, call: ToolCall) -> Used:
    settings, clock = writing.services.settings.tools, writing.services.clock
    began = clock()
    conversation = await asyncio.to_thread(
        writing.services.store.conversation, writing.draft.conversation_id
    )
    running = writing.services.tools.run_async(
        calls.ToolCall(call.name, call.arguments, call.id),
        ToolContext(
            CallLimits(settings.seconds, settings.output_characters),
            clock=writing.services.local_clock,
            conversation=conversation.id,
            private=conversation.private,
        ),
    )
    done = await writing.run.unless_stopped(asyncio.ensure_future(running))
    output = done.output
    used = Used("" if done.error else output.text, done.error, output.value, output.truncated)
    private: list[str] = []
    if done.failure in ("", *_OWN_WORDS):
        private = of_result(call.name, output.text, output.value, failed=bool(done.failure))
    return _result(writing, call, used, (clock() - began).total_seconds(), private)


def _result(
    writing: Writing, call: ToolCall, used: Used, seconds: float, private: Sequence[str] = ()
) -> Used:
    """Emit and keep a result; `private` names what of the person's own stands in it."""
    writing.emit(ToolResult(call.id, call.name, used.text, used.error, seconds))
    writing.reply.private += private
    stored: dict[str, Any] = {"id": call.id, "name": call.name}
    stored |= {"text": used.text, "error": used.error}
    stored |= {"seconds": seconds, "private": list(private)}
    writing.reply.keep(Part("tool_result", stored))
    return used
