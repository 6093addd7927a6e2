"""Answer: fills one started answer, from quotes or from the model, and writes how it ended."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from chatapp.assistant import failures, grounding, remembering
from chatapp.assistant.events import (
    Citation,
    FinishReason,
    Grounding,
    MessageDelta,
    MessageDone,
    Retrieval,
    Usage,
    Warning,
)
from chatapp.assistant.followup import search_query
from chatapp.assistant.prompt import LONGEST_PROMPT, Prompt, build_prompt
from chatapp.assistant.recorder import Recorder
from chatapp.assistant.run import Ending, Interrupted, Run
from chatapp.assistant.streaming import stream_from_thread
from chatapp.conversations import Message, Outcome
from chatapp.conversations.types import MessageStatus
from chatapp.inference.generator import Finished, Generator
from retrieval.text import sanitize_text

if TYPE_CHECKING:
    from chatapp.assistant.lazy import Lazy
    from chatapp.assistant.services import Options, Services
    from chatapp.memory import Memory
    from chatapp.settings import RetrievalSettings
    from retrieval.index import Index

_STATUS: dict[FinishReason, tuple[MessageStatus, Ending]] = {
    "stop": ("complete", "ok"),
    "length": ("complete", "ok"),
    "interrupted": ("interrupted", "interrupted"),
    "error": ("error", "error"),
}


@dataclass(frozen=True)
class Draft:
    """A question and its empty (or cut-off) answer, both on disk; `path` ends with the question.

    `new` says that the question was typed just now, so the memory may learn from it.
    """

    conversation_id: str
    question: Message
    message: Message
    path: tuple[Message, ...]
    options: Options
    new: bool = False


class Answer:
    """Writes one answer. Use once."""

    def __init__(self, services: Services, run: Run, draft: Draft) -> None:
        self._services = services
        self._run = run
        self._draft = draft
        self._continues = _is_cut_off(draft.message)
        self._recorder = Recorder(
            services.store, draft.message.id, draft.message.text if self._continues else ""
        )
        self._grounding: Grounding = "model"
        self._citations: list[Citation] = []
        self._usage = Usage()
        self._model = ""
        self._began = services.clock()

    async def write(self) -> Ending:
        """Produce the answer and store it; whatever happens, the text so far is written."""
        try:
            reason = await self._produce()
        except Interrupted:
            reason = "interrupted"
        except asyncio.CancelledError:
            # The program is ending: queue the write, which `close` carries out, and go.
            self._finish("interrupted")
            raise
        except Exception as error:  # noqa: BLE001 - every failure becomes an event
            self._run.emit(failures.explain(error))
            reason = "error"
        stored = await asyncio.shield(asyncio.wrap_future(self._finish(reason)))
        self._run.emit(
            MessageDone(
                message=stored.id,
                text=stored.text,
                finish_reason=reason,
                grounding=self._grounding,
                usage=self._usage,
                seconds=stored.seconds,
                model=self._model,
            )
        )
        return _STATUS[reason][1]

    async def _produce(self) -> FinishReason:
        question = self._draft.question.text
        if len(question) > LONGEST_PROMPT:
            raise failures.TurnFailed(failures.too_long(question))
        if not self._continues and await self._remember():
            return "stop"
        if not self._continues and self._wants_sources(question):
            evidence = await self._search(question)
            if evidence is not None:
                return self._ground(evidence)
        return await self._generate()

    async def _remember(self) -> bool:
        """Let the memory learn and answer; return whether it answered."""
        memory = self._memory()
        if memory is None:
            return False
        draft, now = self._draft, self._services.clock()
        earlier = {message.id for message in draft.path}
        try:
            taken = await self._run.in_thread(
                memory.thread,
                lambda: remembering.take(memory.get(), draft.question, earlier, now, new=draft.new),
            )
        except Interrupted:
            raise
        except Exception as error:  # noqa: BLE001 - the chat goes on without its memory
            self._warn_once(failures.no_memory(error))
            return False
        for event in (*taken.proposed, *([taken.used] if taken.used else [])):
            self._run.emit(event)
        if not taken.text:
            return False
        self._grounding = "memory" if taken.found else "not_found"
        self._recorder.text += taken.text
        self._run.emit(MessageDelta(taken.text))
        return True

    async def _known_facts(self, generator: Generator) -> str:
        """Return what the model is told of the person, within its share of the window."""
        memory = self._memory()
        if memory is None:
            return ""
        characters = int(
            generator.context_length * remembering.PROMPT_SHARE * remembering.CHARACTERS_PER_TOKEN
        )
        now = self._services.clock()
        try:
            facts = await self._run.in_thread(
                memory.thread,
                lambda: memory.get().relevant(
                    self._draft.question.text, now, characters=characters
                ),
            )
        except Interrupted:
            raise
        except Exception as error:  # noqa: BLE001 - the chat goes on without its memory
            self._warn_once(failures.no_memory(error))
            return ""
        if facts:
            self._run.emit(remembering.used_facts(facts))
        return remembering.facts_prompt(facts)

    def _memory(self) -> Lazy[Memory] | None:
        return self._services.memory if self._draft.options.use_memory else None

    def _wants_sources(self, question: str) -> bool:
        if not self._draft.options.use_sources or self._services.index is None:
            return False
        from retrieval.intent import needs_sources

        return needs_sources(question)

    async def _search(self, question: str) -> grounding.Evidence | None:
        """Return what the index has on the question; None when there are no sources to use."""
        sources = self._services.index
        assert sources is not None, "asked only when there is an index"
        earlier = [message.text for message in self._draft.path[:-1] if message.role == "user"]
        look = partial(
            _look_up,
            sources.get,
            search_query(question, earlier),
            self._services.settings.retrieval,
            lambda: self._services.clock().timestamp(),
        )
        try:
            evidence = await self._run.in_thread(sources.thread, look)
        except Interrupted:
            raise
        except Exception as error:  # noqa: BLE001 - the chat goes on without sources
            self._warn_once(failures.no_index(error))
            return None
        if evidence is None:
            self._warn_once(failures.EMPTY_INDEX)
            return None
        self._run.emit(Retrieval(evidence.query, evidence.passages(), evidence.seconds))
        return evidence

    def _ground(self, evidence: grounding.Evidence) -> FinishReason:
        """Answer with quotes only. It is made at once, so it is written once, when it is whole."""
        self._grounding = "grounded" if evidence.quotes else "not_found"
        for part in grounding.compose(evidence):
            self._recorder.text += part.text
            self._run.emit(MessageDelta(part.text))
            for citation in part.citations:
                self._citations.append(citation)
                self._run.emit(citation)
        return "stop"

    async def _generate(self) -> FinishReason:
        options = self._draft.options
        lazy = self._services.models.get(options.model)
        generator = await self._run.in_thread(lazy.thread, lazy.get)
        self._model = generator.name
        known = await self._known_facts(generator)
        history = [*self._draft.path, *([self._draft.message] if self._continues else [])]
        prompt = await self._run.in_thread(
            lazy.thread,
            partial(
                build_prompt,
                generator,
                history,
                system="\n".join(filter(None, (options.system, known))),
                max_tokens=options.sampling.max_tokens,
            ),
        )
        return await self._stream(lazy, prompt)

    async def _stream(self, lazy: Lazy[Generator], prompt: Prompt) -> FinishReason:
        generator = lazy.value
        assert generator is not None, "loaded to build the prompt"
        sampling = replace(self._draft.options.sampling, max_tokens=prompt.max_tokens)
        start = partial(generator.stream, prompt.messages, sampling, self._run.should_stop)
        reason: FinishReason = "interrupted"  # a stopped stream may end without `Finished`
        self._usage = self._used(generator, prompt, 0)
        async for item in stream_from_thread(lazy.thread, self._run, start):
            if isinstance(item, Finished):
                reason = item.reason
                self._usage = self._used(generator, prompt, item.completion_tokens)
                continue
            self._usage = self._used(generator, prompt, item.tokens)
            text = sanitize_text(item.text)
            self._recorder.append(text)
            self._run.emit(MessageDelta(text))
            limit = self._draft.options.interrupt_after
            if limit is not None and self._usage.completion_tokens >= limit:
                self._run.stop()
        return reason

    def _used(self, generator: Generator, prompt: Prompt, completion: int) -> Usage:
        return Usage(
            prompt_tokens=prompt.tokens,
            completion_tokens=completion,
            context_tokens=prompt.tokens + completion,
            context_length=generator.context_length,
            dropped_messages=prompt.dropped,
        )

    def _warn_once(self, warning: Warning) -> None:
        if warning.code not in self._services.warned:
            self._services.warned.add(warning.code)
            self._run.emit(warning)

    def _finish(self, reason: FinishReason) -> Future[Message]:
        self._recorder.stop()
        return self._services.store.finish(
            self._draft.message.id,
            Outcome(
                text=self._recorder.text,
                status=_STATUS[reason][0],
                finish_reason=reason,
                grounding=self._grounding,
                model=self._model,
                seconds=(self._services.clock() - self._began).total_seconds(),
                usage=asdict(self._usage),
                citations=tuple(self._citations),
            ),
        )


def _is_cut_off(message: Message) -> bool:
    """Return whether the model can go on from this text; quotes are looked up again instead."""
    return bool(message.text) and message.grounding in (None, "model")


def _look_up(
    open_index: Callable[[], Index],
    query: str,
    settings: RetrievalSettings,
    now: Callable[[], float],
) -> grounding.Evidence | None:
    """Search in the index's thread; None when nothing is indexed."""
    index = open_index()
    evidence = grounding.gather(index, query, settings, now)
    if not evidence.hits and index.status().documents == 0:
        return None
    return evidence
