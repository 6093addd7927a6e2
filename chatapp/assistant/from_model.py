"""The model's own way of answering: facts about the person, the newest rounds, and its words."""

from __future__ import annotations

import secrets
from dataclasses import replace
from functools import partial

from chatapp.assistant.annotations import Computed, stream_computed
from chatapp.assistant.events import FinishReason, Usage
from chatapp.assistant.from_memory import known_facts
from chatapp.assistant.lazy import Lazy
from chatapp.assistant.prompt import Prompt, build_prompt
from chatapp.assistant.streaming import stream_from_thread
from chatapp.assistant.using import note_use
from chatapp.assistant.writing import Writing
from chatapp.inference.generator import Finished, Generator, SamplingParams
from retrieval.text import sanitize_text

_LARGEST_SEED = 2**31


async def answer_from_model(writing: Writing) -> FinishReason:
    """Let the model answer, or go on with what it began."""
    options, draft = writing.options, writing.draft
    lazy = writing.services.models.get(options.model)
    generator = await writing.run.in_thread(lazy.thread, lazy.get)
    history = [*draft.path, *([draft.message] if draft.continues else [])]
    known = await known_facts(writing, lazy, generator, history)
    prompt = await writing.run.in_thread(
        lazy.thread,
        partial(
            build_prompt,
            generator,
            history,
            system="\n".join(filter(None, (options.system, known))),
            max_tokens=options.sampling.max_tokens,
        ),
    )
    return await _stream(writing, lazy, generator, prompt)


async def _stream(
    writing: Writing, lazy: Lazy[Generator], generator: Generator, prompt: Prompt
) -> FinishReason:
    sampling = replace(_seeded(writing), max_tokens=prompt.max_tokens)
    start = partial(stream_computed, generator, prompt.messages, sampling, writing.run.should_stop)
    reason: FinishReason = "interrupted"  # a stopped stream may end without `Finished`
    made, limit = 0, writing.options.interrupt_after
    try:
        async for item in stream_from_thread(lazy.thread, writing.run, start):
            if isinstance(item, Finished):
                reason, made = item.reason, item.completion_tokens
                continue
            if isinstance(item, Computed):
                note_use(writing, "calculator", {"expression": item.expression}, item.result)
                continue
            made = item.tokens
            writing.reply.stream(sanitize_text(item.text))
            if limit is not None and made >= limit:
                writing.run.stop()
    finally:
        writing.reply.called(generator.name, sampling, _usage(generator, prompt, made), reason)
    return reason


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
