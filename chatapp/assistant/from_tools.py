"""The tools' way of answering: what a message clearly asks for is computed, looked up or run."""

from __future__ import annotations

from chatapp.assistant.routing import Route, route
from chatapp.assistant.using import use_tool
from chatapp.assistant.writing import Writing


async def answer_from_tools(writing: Writing) -> bool:
    """Use the tool that the question asks for, if it asks for one; return whether it did."""
    wanted = writing.draft.tool or _asked_for(writing)
    if wanted is None:
        return False
    used = await use_tool(writing, wanted.name, wanted.arguments)
    writing.reply.grounding = "tool" if used.ok else "not_found"
    writing.reply.say(wanted.answer.replace("{}", used.text) if used.ok else used.error)
    return True


def _asked_for(writing: Writing) -> Route | None:
    if not writing.options.use_tools:
        return None
    wanted = route(writing.draft.question.text)
    if wanted is None or writing.services.tools.find(wanted.name) is None:
        return None
    return wanted
