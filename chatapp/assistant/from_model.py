"""The model's own way of answering: facts and files, the newest rounds, tools, and its words."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from chatapp.assistant import failures
from chatapp.assistant.annotations import Computed, stream_computed
from chatapp.assistant.events import FinishReason, Usage
from chatapp.assistant.evidence import files_for_prompt, rest_on, shown_by_tool
from chatapp.assistant.from_memory import in_window, known_facts
from chatapp.assistant.from_written import answer_from_written
from chatapp.assistant.instructions import Piece, system_turn, tool_turn
from chatapp.assistant.lazy import Lazy
from chatapp.assistant.moderating import REFUSAL, Moderation, moderation
from chatapp.assistant.offering import MOST_ROUNDS, HoldBack, Offer, offer
from chatapp.assistant.private_text import MEMORY_TOOLS
from chatapp.assistant.prompt import Prompt, build_prompt
from chatapp.assistant.streaming import stream_from_thread
from chatapp.assistant.summarising import summary_for_prompt
from chatapp.assistant.using import note_use, use_tool
from chatapp.assistant.writing import Writing
from chatapp.conversations import Message
from chatapp.conversations.seen import PromptTurn
from chatapp.inference.generator import Finished, Generator, SamplingParams
from chatapp.inference.tool_calls import OPEN
from retrieval.text import sanitize_text

_LARGEST_SEED = 2**31


async def answer_from_model(writing: Writing) -> FinishReason:
    """Let the model answer, or go on with what it began, calling the tools it may call."""
    moderated = await asyncio.to_thread(moderation, writing)
    if moderated.refuses(writing.draft.question.text):
        writing.reply.say(REFUSAL)
        return "stop"
    if await answer_from_written(writing):
        return "stop"
    lazy = writing.services.models.get(writing.options.model)
    generator = await writing.run.in_thread(lazy.thread, lazy.get)
    offered = await asyncio.to_thread(offer, writing, generator)
    seen = await in_window(writing, lazy, generator, _history(writing))
    summary = await summary_for_prompt(writing, lazy, generator, seen)
    known = await known_facts(writing, lazy, generator, seen)
    shown = await files_for_prompt(writing, generator)
    pieces = (
        Piece(writing.options.system),
        summary,
        known,
        Piece(shown.instructions),
        Piece(offered.instructions if offered else ""),
    )
    system = system_turn(pieces)
    tail: list[PromptTurn] = []
    for turn in range(MOST_ROUNDS + 1):
        if offered is not None and turn:
            offered = offered.once_more() if turn < MOST_ROUNDS else None
        prompt = await _prompt(writing, lazy, generator, system, offered, tail)
        reason, reply = await _stream(writing, lazy, generator, prompt, offered, moderated)
        calls = offered.calls(reply.whole) if offered else []
        if not calls or reason == "interrupted":
            _show_rest(writing, reply, moderated)
            break
        of_memory = any(call["name"] in MEMORY_TOOLS for call in calls)
        tail.append(tool_turn("assistant", reply.whole, of_memory=of_memory))
        for call in calls:
            used = await use_tool(writing, call["name"], call["arguments"])
            told = call["name"] in MEMORY_TOOLS
            tail.append(tool_turn("tool", used.text or used.error, of_memory=told))
            shown = shown_by_tool(call["name"], used) or shown
            writing.reply.grounding = "tool" if used.ok else writing.reply.grounding
    await rest_on(writing, shown)
    return reason


def _history(writing: Writing) -> list[Message]:
    """Return the branch down to the question, and the answer that shall be gone on with."""
    draft = writing.draft
    return [*draft.path, *([draft.message] if draft.continues else [])]


async def _prompt(
    writing: Writing,
    lazy: Lazy[Generator],
    generator: Generator,
    system: PromptTurn | None,
    offered: Offer | None,
    tail: Sequence[PromptTurn],
) -> Prompt:
    return await writing.run.in_thread(
        lazy.thread,
        partial(
            build_prompt,
            generator,
            _history(writing),
            system=system,
            max_tokens=writing.options.sampling.max_tokens,
            tools=offered.specifications if offered else (),
            tail=tail,
        ),
    )


async def _stream(
    writing: Writing,
    lazy: Lazy[Generator],
    generator: Generator,
    prompt: Prompt,
    offered: Offer | None,
    moderated: Moderation,
) -> tuple[FinishReason, HoldBack]:
    """Show the reply as it is made, all but what may be a call or what the filter stops."""
    sampling = replace(_seeded(writing), max_tokens=prompt.max_tokens)
    params = offered.sampling(sampling) if offered else sampling

    def should_stop() -> bool:
        return moderated.stopped or writing.run.should_stop()

    start = partial(stream_computed, generator, prompt.messages, params, should_stop)
    reason: FinishReason = "interrupted"  # a stopped stream may end without `Finished`
    made, limit, reply = 0, writing.options.interrupt_after, HoldBack()
    try:
        async for item in stream_from_thread(lazy.thread, writing.run, start):
            if isinstance(item, Finished):
                reason, made = item.reason, item.completion_tokens
                continue
            if isinstance(item, Computed):
                note_use(writing, "calculator", {"expression": item.expression}, item.result)
                continue
            made = item.tokens
            text = sanitize_text(item.text)
            if shown := reply.take(text) if offered else text:
                writing.reply.stream(moderated.passed(writing.reply.text, shown))
            if limit is not None and made >= limit:
                writing.run.stop()
    finally:
        usage = _usage(generator, prompt, made)
        writing.reply.called(generator.name, sampling, usage, reason, prompt.seen)
    return ("stop" if moderated.stopped else reason), reply


def _show_rest(writing: Writing, reply: HoldBack, moderated: Moderation) -> None:
    """Show what was held back and was no call; half a call is nothing to show."""
    rest = reply.rest()
    if OPEN in rest:
        writing.warn_once(failures.CALL_CUT)
    elif rest:
        writing.reply.stream(moderated.passed(writing.reply.text, rest))


def _seeded(writing: Writing) -> SamplingParams:
    """Return the sampling with the seed that repeats it: each further answer gets its own."""
    sampling = writing.options.sampling
    if sampling.greedy or sampling.temperature == 0:
        return sampling
    if sampling.seed is None:
        return replace(sampling, seed=secrets.randbelow(_LARGEST_SEED))
    return replace(sampling, seed=sampling.seed + writing.draft.attempt)


def _usage(generator: Generator, prompt: Prompt, completion: int) -> Usage:
    return Usage(
        prompt_tokens=prompt.tokens,
        completion_tokens=completion,
        context_tokens=prompt.tokens + completion,
        context_length=generator.context_length,
        dropped_messages=prompt.dropped,
    )
