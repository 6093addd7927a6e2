"""May this tool run? Decided by the tool itself, by what is allowed, or by the person.

Nothing waits for a person who is not there: an unattended session denies what is not allowed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Literal

from chatapp.assistant.conversation_options import allowed
from chatapp.assistant.events import ToolApproval, ToolCall
from chatapp.assistant.private_text import WEB_TOOLS, private_in
from chatapp.assistant.run import Permission
from chatapp.assistant.web_consent import question, tool_permission
from chatapp.assistant.writing import Writing
from tools.protocol import Tool
from tools.registry import allowed_by

Decided = Literal["asked", "allowed", "denied"]

_UNATTENDED = (
    "Nobody is there to approve it; `--allow {name}` or the setting tools.allow lets it run."
)


async def permission(writing: Writing, call: ToolCall, tool: Tool) -> Permission:
    """Decide on a call, asking the person if need be, and emit what was decided.

    Raises:
        Interrupted: the turn was stopped while it waited.
    """
    private = await asyncio.to_thread(private_in, writing) if tool.name in WEB_TOOLS else []
    decided = await asyncio.to_thread(_without_asking, writing, tool, private)
    if decided is None:
        why = question(private) if private else f"{tool.name} runs only when you approve it."
        _emit(writing, call, "asked", why)
        decision = await writing.run.decision(call.id)
        if decision == "conversation":
            await asyncio.to_thread(_allow, writing, tool.name)
        decided = _BY_PERSON[decision]
    _emit(writing, call, "allowed" if decided.given else "denied", decided.why)
    return decided


_BY_PERSON = {
    "once": Permission(True, "You approved it."),
    "conversation": Permission(True, "You approved it for this conversation."),
    "deny": Permission(False, "You denied it."),
}


def _without_asking(writing: Writing, tool: Tool, private: Sequence[str]) -> Permission | None:
    """Return what needs no person to decide; None when a person must.

    `private` is what stands in the conversation, where the tool is one of the web.
    """
    if not tool.needs_approval:
        return Permission(True, "It can do no harm.")
    if tool.name in WEB_TOOLS and (decided := tool_permission(writing, private)) is not None:
        return decided
    if private:
        return None  # a person is there, and looks at each query
    settings, conversation_id = writing.services.settings.tools, writing.draft.conversation_id
    if allowed_by(tool.name, settings.allow):
        return Permission(True, "The settings allow it.")
    # read again: the person may have allowed it a moment ago, in this very turn
    if allowed_by(tool.name, allowed(writing.services.store.conversation(conversation_id))):
        return Permission(True, "It is allowed in this conversation.")
    if allowed_by(tool.name, writing.options.allow):
        return Permission(True, "It is allowed in this session.")
    if not writing.options.attended:
        return Permission(False, _UNATTENDED.format(name=tool.name))
    return None


def _allow(writing: Writing, name: str) -> None:
    """Let the tool run in this conversation from now on."""
    store = writing.services.store
    conversation = store.conversation(writing.draft.conversation_id)
    globs = list(dict.fromkeys([*allowed(conversation), name]))
    store.configure(conversation.id, options={**conversation.options, "allow": globs})


def _emit(writing: Writing, call: ToolCall, decision: Decided, why: str) -> None:
    writing.emit(ToolApproval(call.id, call.name, call.arguments, decision, why))
