"""The tools' way of answering: what a message clearly asks for is computed, looked up or run."""

from __future__ import annotations

import asyncio

from chatapp.assistant.routing import Route, route
from chatapp.assistant.unasked import may_answer_unasked
from chatapp.assistant.using import use_tool
from chatapp.assistant.word_problems import worked_out
from chatapp.assistant.writing import Writing


async def answer_from_tools(writing: Writing) -> bool:
    """Use the tool that the question asks for, if it asks for one; return whether it did."""
    wanted = writing.draft.tool or await _asked_for(writing)
    if wanted is None:
        return False
    used = await use_tool(writing, wanted.name, wanted.arguments)
    writing.reply.grounding = wanted.grounding if used.ok else "not_found"
    writing.reply.say(wanted.answer.replace("{}", used.text) if used.ok else used.error)
    return True


async def _asked_for(writing: Writing) -> Route | None:
    if not writing.options.use_tools:
        return None
    wanted = route(writing.draft.question.text)
    if wanted is None and writing.services.solver is not None:
        solving = asyncio.ensure_future(asyncio.to_thread(_worked_out, writing))
        wanted = await writing.run.unless_stopped(solving)
    if wanted is None or writing.services.tools.find(wanted.name) is None:
        return None
    return wanted


def _worked_out(writing: Writing) -> Route | None:
    solver, draft = writing.services.solver, writing.draft
    if solver is None or writing.options.tool_choice == "none" or not may_answer_unasked(writing):
        return None
    opening = not any(message.role == "assistant" for message in draft.path)
    return worked_out(draft.question.text, solver, opening=opening)
