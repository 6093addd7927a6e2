"""Answer: fills one started answer in the first way that has something to say, and ends it.

The ways, in order: what the memory knows, a tool, that the app cannot do it, quotes from
sources, a written reply, the model. A written reply that surely fits goes before the sources.
"""

from __future__ import annotations

import asyncio

from chatapp.assistant import failures
from chatapp.assistant.drafts import Draft
from chatapp.assistant.events import FinishReason
from chatapp.assistant.from_memory import answer_from_memory
from chatapp.assistant.from_model import answer_from_model
from chatapp.assistant.from_sources import answer_from_sources
from chatapp.assistant.from_tools import answer_from_tools
from chatapp.assistant.prompt import LONGEST_PROMPT
from chatapp.assistant.reply import Reply
from chatapp.assistant.run import Ending, Interrupted, Run
from chatapp.assistant.services import Services
from chatapp.assistant.titles import improve_title
from chatapp.assistant.unable import say_unable
from chatapp.assistant.writing import Writing

_ENDING: dict[FinishReason, Ending] = {
    "stop": "ok",
    "length": "ok",
    "interrupted": "interrupted",
    "error": "error",
}


async def write_answer(services: Services, run: Run, draft: Draft) -> Ending:
    """Produce the answer and store it; whatever happens, the text so far is written."""
    said = draft.message.text if draft.continues else ""
    reply = Reply(services.store, run, draft.message, services.clock, text=said)
    writing = Writing(services, run, draft, reply)
    try:
        reason = await _produce(writing)
    except Interrupted:
        reason = "interrupted"
    except asyncio.CancelledError:
        # The program is ending: queue the write, which `close` carries out, and go.
        reply.finish("interrupted")
        raise
    except Exception as error:  # noqa: BLE001 - every failure becomes an event
        run.emit(failures.explain(error))
        reason = "error"
    stored = await asyncio.shield(asyncio.wrap_future(reply.finish(reason)))
    if draft.new and _ENDING[reason] == "ok":
        await asyncio.to_thread(improve_title, services.store, draft.question, draft.path)
    run.emit(reply.done(stored, reason))
    return _ENDING[reason]


async def _produce(writing: Writing) -> FinishReason:
    question = writing.draft.question.text
    if len(question) > LONGEST_PROMPT:
        raise failures.TurnFailed(failures.too_long(question))
    if not (writing.draft.continues or writing.draft.by_model) and (
        await answer_from_memory(writing)
        or await answer_from_tools(writing)
        or say_unable(writing)
        or await answer_from_sources(writing)
    ):
        return "stop"
    return await answer_from_model(writing)
