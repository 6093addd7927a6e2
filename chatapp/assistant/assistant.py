"""Assistant: one question in, one stream of typed events out. Every front end renders this stream.

The work of a turn runs in a task of its own, which nothing but the end of the program cancels: a
reader that stops reading asks it to stop, and it then writes what it has and ends in order.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncGenerator, Callable, Coroutine
from concurrent.futures import Future
from datetime import datetime
from typing import TYPE_CHECKING, Any

from chatapp.assistant.answer import Answer, Draft
from chatapp.assistant.events import Error, Event, TurnEnd, TurnStart
from chatapp.assistant.failures import explain
from chatapp.assistant.lazy import Lazy
from chatapp.assistant.run import Run
from chatapp.assistant.services import Options, Services
from chatapp.conversations import ConversationStore, Message, NotFound
from chatapp.conversations.ids import utc_now
from chatapp.inference.generator import Generator, SamplingParams
from retrieval.text import sanitize_text

if TYPE_CHECKING:
    from chatapp.feedback import Feedback
    from chatapp.memory import Memory, Profile
    from chatapp.memory.forgetting import Forgotten
    from chatapp.settings import Settings
    from retrieval.index import Index
    from retrieval.types import Document


class Assistant:
    """Answers questions in the conversations of `store`, one turn at a time.

    `open_index`, `open_memory` and `load_generator` are called on first need, in worker threads.
    The first two may be None or fail: the chat then goes on without sources or memory. The model
    is loaded only for turns that generate, so grounded answers need none.
    """

    def __init__(
        self,
        store: ConversationStore,
        *,
        settings: Settings,
        open_index: Callable[[], Index] | None,
        load_generator: Callable[[], Generator],
        open_memory: Callable[[], Memory] | None = None,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self.store = store
        self.options = Options(
            _sampling(settings),
            use_sources=settings.retrieval.enabled,
            use_memory=settings.memory.enabled,
        )
        self._services = Services(
            store,
            settings,
            clock,
            Lazy(load_generator, "chatapp-model"),
            Lazy(open_index, "chatapp-index") if open_index else None,
            Lazy(open_memory, "chatapp-memory") if open_memory else None,
        )
        self._running: Run | None = None

    def turn(
        self, conversation_id: str | None, text: str, *, parent_id: str | None = None
    ) -> AsyncGenerator[Event, None]:
        """Answer `text`; None as `conversation_id` starts a new conversation.

        `parent_id` answers on another branch (NEW_ROOT: from the root). The events begin with
        `turn.start`, when both messages are on disk, and end with `turn.end`; a turn that cannot
        start at all yields `error` and `turn.end`.
        """
        typed = sanitize_text(text)

        async def begin() -> Draft:
            started = await _shielded(self.store.begin_turn(conversation_id, typed, parent_id))
            return await self._draft(started.user, started.assistant, new=True)

        return self._relay(begin)

    def regenerate(self, message_id: str) -> AsyncGenerator[Event, None]:
        """Answer the same question again; the old answer stays as a sibling."""

        async def begin() -> Draft:
            old = await asyncio.to_thread(self.store.message, message_id)
            question = old if old.role == "user" else await self._parent(old)
            return await self._draft(
                question, await _shielded(self.store.begin_answer(question.id))
            )

        return self._relay(begin)

    def continue_(self, message_id: str) -> AsyncGenerator[Event, None]:
        """Go on with a cut-off answer in place; one without text is answered anew."""

        async def begin() -> Draft:
            cut = await asyncio.to_thread(self.store.message, message_id)
            question = await self._parent(cut)
            return await self._draft(question, await _shielded(self.store.reopen_answer(cut.id)))

        return self._relay(begin)

    @property
    def profile(self) -> Profile:
        """Return the facts the person told; reading and changing them blocks for a moment."""
        from chatapp.memory import Profile

        return Profile(self.store)

    @property
    def feedback(self) -> Feedback:
        """Return what the person thought of answers; reading and changing it blocks."""
        from chatapp.feedback import Feedback

        return Feedback(self.store)

    def forget(self, fact_id: str) -> Forgotten:
        """Forget a fact everywhere; see `chatapp.memory.forgetting`. Raises NotFound."""
        from chatapp.memory.forgetting import forget

        return forget(self.store, fact_id)

    def sample(self, **changes: Any) -> None:
        """Change sampling parameters (fields of SamplingParams) from the next turn on."""
        sampling = dataclasses.replace(self.options.sampling, **changes)
        self.options = dataclasses.replace(self.options, sampling=sampling)

    def interrupt(self) -> None:
        """Stop the running turn, from any thread; its text so far is kept. Else do nothing."""
        running = self._running
        if running is not None:
            running.stop()

    async def load_model(self) -> Generator:
        """Return the model, loading it first if needed. Raises what loading raises."""
        model = self._services.generator
        return await asyncio.get_running_loop().run_in_executor(model.thread, model.get)

    async def document(self, document_id: str) -> Document:
        """Return the stored document a citation names, opening the index if needed.

        Raises:
            NotFound: this chat has no sources. Else what opening and reading the index raises.
        """
        index = self._services.index
        if index is None:
            raise NotFound("Sources are switched off in this chat.")
        return await asyncio.get_running_loop().run_in_executor(
            index.thread, lambda: index.get().document(document_id)
        )

    async def warm_up(self) -> None:
        """Load model and index in the background; failures show when a turn needs them."""
        loop = asyncio.get_running_loop()
        services = self._services
        parts: list[Lazy[Any] | None] = [services.generator, services.index, services.memory]
        loads = (loop.run_in_executor(part.thread, part.get) for part in parts if part)
        await asyncio.gather(*loads, return_exceptions=True)

    def close(self) -> None:
        """Stop what runs, write what is queued, close index and store."""
        self.interrupt()
        self._services.generator.close()
        index = self._services.index
        if index is not None:
            if index.value is not None:
                index.value.close()
            index.close()
        if self._services.memory is not None:
            self._services.memory.close()
        self.store.close()

    async def _relay(
        self, begin: Callable[[], Coroutine[Any, Any, Draft]]
    ) -> AsyncGenerator[Event, None]:
        if self._running is not None:
            yield Error("busy", "An answer is still being written.", "Stop it or wait for its end.")
            yield TurnEnd("error")
            return
        run = self._running = Run()
        work = asyncio.create_task(self._work(run, begin))
        try:
            while (event := await run.events.get()) is not None:
                yield event
        finally:
            run.stop()
            try:
                await asyncio.shield(work)  # until the last row is written
            finally:
                self._running = None

    async def _work(self, run: Run, begin: Callable[[], Coroutine[Any, Any, Draft]]) -> None:
        try:
            draft = await begin()
            run.emit(
                TurnStart(
                    draft.conversation_id, draft.question.id, draft.message.id, draft.question.text
                )
            )
            status = await Answer(self._services, run, draft).write()
        except Exception as error:  # noqa: BLE001 - every failure becomes an event
            run.emit(explain(error))
            status = "error"
        run.emit(TurnEnd(status))
        run.events.put_nowait(None)

    async def _parent(self, message: Message) -> Message:
        return await asyncio.to_thread(self.store.message, message.parent_id or "")

    async def _draft(self, question: Message, message: Message, *, new: bool = False) -> Draft:
        path = await asyncio.to_thread(self.store.path_to, question.id)
        conversation = await asyncio.to_thread(self.store.conversation, question.conversation_id)
        options = self.options
        if conversation.private:
            options = dataclasses.replace(options, use_memory=False)
        return Draft(conversation.id, question, message, tuple(path), options, new)


def _sampling(settings: Settings) -> SamplingParams:
    return SamplingParams(**dataclasses.asdict(settings.generation))


async def _shielded(future: Future[Any]) -> Any:
    """Wait for a write; cancelling the waiter does not cancel the write."""
    return await asyncio.shield(asyncio.wrap_future(future))
