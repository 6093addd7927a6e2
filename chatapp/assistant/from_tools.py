"""The tools' way of answering: what a message clearly asks for is computed, looked up or run."""

from __future__ import annotations

import asyncio

from chatapp.assistant.attached import files_on
from chatapp.assistant.catalogue import SHIPPED
from chatapp.assistant.routing import Route, route
from chatapp.assistant.using import use_tool
from chatapp.assistant.word_problems import worked_out
from chatapp.assistant.writing import Writing


async def answer_from_tools(writing: Writing) -> bool:
    """Use the tool that the question asks for, if it asks for one; return whether it did."""
    wanted = writing.draft.tool or await _asked_for(writing)
    if wanted is None:
        return False
    used = await use_tool(writing, wanted.name, wanted.arguments)
    writing.reply.grounding = "tool" if used.ok else "not_found"
    writing.reply.say(wanted.answer.replace("{}", used.text) if used.ok else used.error)
    return True


async def _asked_for(writing: Writing) -> Route | None:
    if not writing.options.use_tools:
        return None
    text = writing.draft.question.text
    wanted = route(text)
    solver = writing.services.solver
    if wanted is None and solver is not None and _may_work_out(writing):
        solving = asyncio.ensure_future(asyncio.to_thread(worked_out, text, solver))
        wanted = await writing.run.unless_stopped(solving)
    if wanted is None or writing.services.tools.find(wanted.name) is None:
        return None
    return wanted


def _may_work_out(writing: Writing) -> bool:
    """Whether a word problem is the solver's: no model of one's own, file or source goes first."""
    draft, options, services = writing.draft, writing.options, writing.services
    if draft.attempt or options.needs_sources:
        return False
    if (options.model or services.settings.model) != SHIPPED:
        return False
    return not files_on(services.store, draft.question.id)
