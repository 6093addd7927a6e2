"""Assistant: one question in, one stream of typed events out. Every front end renders this stream.

This is the whole of what a front end calls; `turns` runs a turn and `answer` writes its answer.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from chatapp.assistant.answer import write_answer
from chatapp.assistant.attached import PREFIX, AttachedFiles, attached_document
from chatapp.assistant.attachments import Attachment
from chatapp.assistant.conversation_options import overlay
from chatapp.assistant.drafts import Draft, Drafts
from chatapp.assistant.events import Error, Event, TurnStart
from chatapp.assistant.lazy import Lazy
from chatapp.assistant.loading import loading
from chatapp.assistant.models import Catalogue, ModelChoice, Models, OneModel
from chatapp.assistant.routing import Route
from chatapp.assistant.run import Decision, Ending, Run
from chatapp.assistant.services import Options, Services
from chatapp.assistant.tool_memory import ToolMemory
from chatapp.assistant.turns import Turns
from chatapp.assistant.window import Window, measure
from chatapp.conversations import Conversation, ConversationStore, NotFound
from chatapp.conversations.ids import utc_now
from chatapp.inference.generator import Generator, SamplingParams
from tools.defaults import default_tools
from tools.registry import ToolRegistry

if TYPE_CHECKING:
    from chatapp.feedback import Feedback
    from chatapp.memory import Memory, Profile
    from chatapp.memory.forgetting import Forgotten
    from chatapp.settings import Settings
    from retrieval.index import Index
    from retrieval.types import Document


class Assistant:
    """Answers questions in the conversations of `store`, one turn at a time.

    `open_index`, `open_memory` and the models of `catalogue` (or the one of `load_generator`) are
    made on first need, in worker threads. The first two may be None or fail: the chat then goes on
    without sources or memory. A model is loaded only for turns that generate, so grounded answers
    need none.
    """

    def __init__(
        self,
        store: ConversationStore,
        *,
        settings: Settings,
        open_index: Callable[[], Index] | None,
        load_generator: Callable[[], Generator] | None = None,
        catalogue: Catalogue | None = None,
        tools: ToolRegistry | None = None,
        open_memory: Callable[[], Memory] | None = None,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        if catalogue is None:
            assert load_generator is not None, "give a catalogue of models, or the one model"
            catalogue = OneModel(load_generator)
        self.store = store
        self.options = Options(
            _sampling(settings),
            use_sources=settings.retrieval.enabled,
            use_memory=settings.memory.enabled,
        )
        index = Lazy(open_index, "chatapp-index") if open_index else None
        memory = Lazy(open_memory, "chatapp-memory") if open_memory else None
        self._services = Services(
            store,
            settings,
            clock,
            Models(catalogue),
            Lazy(AttachedFiles, "chatapp-files"),
            tools or _own_tools(store, settings, index, memory, clock),
            index,
            memory,
        )
        self._drafts = Drafts(store)
        self._turns = Turns()

    def turn(
        self,
        conversation_id: str | None,
        text: str,
        *,
        parent_id: str | None = None,
        attachments: Sequence[Attachment] = (),
    ) -> AsyncGenerator[Event, None]:
        """Answer `text`; None as `conversation_id` starts a new conversation.

        `parent_id` answers on another branch (NEW_ROOT: from the root). The events begin with
        `turn.start`, when both messages are on disk, and end with `turn.end`; a turn that cannot
        start at all yields `error` and `turn.end`. `attachments` are quoted from, and stay with
        the message.
        """
        return self._answer(
            lambda: self._drafts.new(
                conversation_id, text, self.options, parent_id=parent_id, attachments=attachments
            )
        )

    def edit(self, message_id: str, text: str) -> AsyncGenerator[Event, None]:
        """Ask a question in other words: a new branch beside the old one, which stays."""
        return self._answer(lambda: self._drafts.edited(message_id, text, self.options))

    def use_tool(
        self, conversation_id: str | None, name: str, arguments: Mapping[str, Any]
    ) -> AsyncGenerator[Event, None]:
        """Run a tool by its name as a turn: the same approval, limits, events and rows."""
        wanted = Route(name, dict(arguments))
        return self._answer(lambda: self._drafts.called(conversation_id, wanted, self.options))

    @property
    def tools(self) -> ToolRegistry:
        """Return the tools; those that cannot be used here say why."""
        return self._services.tools

    def regenerate(self, message_id: str) -> AsyncGenerator[Event, None]:
        """Answer the same question again; the old answer stays as a sibling."""
        return self._answer(lambda: self._drafts.again(message_id, self.options))

    def compare(self, message_id: str) -> AsyncGenerator[Event, None]:
        """Answer the question again in another way, for a person to pick the better answer.

        The model answers, with another seed and never greedily; both answers stay as siblings,
        `feedback.prefer` stores the choice, and `store.select` shows it.
        """
        return self._answer(lambda: self._drafts.compared(message_id, self.options))

    def continue_(self, message_id: str) -> AsyncGenerator[Event, None]:
        """Go on with a cut-off answer in place; one without text is answered anew."""
        return self._answer(lambda: self._drafts.continued(message_id, self.options))

    def approve(self, call_id: str, decision: Decision) -> bool:
        """Decide on the tool call a turn waits for, from any thread; False if it does not wait."""
        running = self._turns.running
        return running is not None and running.decide(call_id, decision)

    def models(self) -> list[ModelChoice]:
        """Return the models that can be chosen, the default first. Reads files; blocks."""
        return list(self._services.models.catalogue.choices())

    async def use_model(
        self, name: str, conversation_id: str | None = None
    ) -> AsyncGenerator[Event, None]:
        """Load a model and answer with it from the next turn on: in one conversation, or in all.

        Yields `model.loading` from 0 to 1, or `error` at the end: the old model then stays.
        """
        async for event in loading(self._services.models, name):
            yield event
            if isinstance(event, Error):
                return
        if conversation_id is None:
            self.options = dataclasses.replace(self.options, model=name)
        else:
            await asyncio.to_thread(self.configure, conversation_id, model=name)

    def persona(self, conversation_id: str | None, text: str) -> None:
        """Set the instructions for the model in one conversation, or in all without their own.

        Raises NotFound.
        """
        if conversation_id is None:
            self.options = dataclasses.replace(self.options, system=text)
        else:
            self.store.configure(conversation_id, persona=text)

    def sample(self, conversation_id: str | None = None, **changes: Any) -> None:
        """Change sampling parameters (fields of SamplingParams) from the next turn on.

        In one conversation, or in all that have not their own. Raises NotFound.
        """
        if conversation_id is None:
            sampling = dataclasses.replace(self.options.sampling, **changes)
            self.options = dataclasses.replace(self.options, sampling=sampling)
        else:
            self.configure(conversation_id, **changes)

    def configure(self, conversation_id: str, **changes: Any) -> Conversation:
        """Change what is set for one conversation; None takes a setting of its own away.

        Settings are `model`, the fields of SamplingParams, the switches `sources`, `memory` and
        `tools`, and `allow`: globs of tools that run without asking. Raises NotFound.
        """
        kept = dict(self.store.conversation(conversation_id).options)
        kept.update(changes)
        options = {name: value for name, value in kept.items() if value is not None}
        return self.store.configure(conversation_id, options=options)

    def options_of(self, conversation_id: str | None) -> Options:
        """Return what holds for the next turn of a conversation. Raises NotFound."""
        if conversation_id is None:
            return self.options
        return overlay(self.options, self.store.conversation(conversation_id))

    def fork(self, message_id: str) -> Conversation:
        """Copy the branch down to this message into a conversation of its own.

        Raises:
            NotFound: there is no such message.
            StorageError: an answer on the way is still being written.
        """
        return self.store.fork(message_id)

    async def window(self, conversation_id: str) -> Window:
        """Return how full the window is and what is outside it. Raises NotFound.

        Without a loaded model it is unknown, and all zero: nothing is loaded for this.
        """
        messages = await asyncio.to_thread(self.store.messages, conversation_id)
        options = await asyncio.to_thread(self.options_of, conversation_id)
        place = self._services.models.get(options.model)
        generator = place.value
        if generator is None:
            return Window()
        return await asyncio.get_running_loop().run_in_executor(
            place.thread,
            lambda: measure(
                generator,
                messages,
                system=options.system,
                max_tokens=options.sampling.max_tokens,
            ),
        )

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

    def interrupt(self) -> None:
        """Stop the running turn, from any thread; its text so far is kept. Else do nothing."""
        running = self._turns.running
        if running is not None:
            running.stop()

    async def load_model(self, name: str = "") -> Generator:
        """Return a model, the chosen one if unnamed, loading it first if needed.

        Raises what loading raises.
        """
        model = self._services.models.get(name or self.options.model)
        return await asyncio.get_running_loop().run_in_executor(model.thread, model.get)

    async def document(self, document_id: str) -> Document:
        """Return the stored document a citation names, opening the index if needed.

        Raises:
            NotFound: this chat has no sources. Else what opening and reading the index raises.
        """
        if document_id.startswith(PREFIX):
            return await asyncio.to_thread(attached_document, self.store, document_id)
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
        model = services.models.get(self.options.model)
        parts: list[Lazy[Any] | None] = [model, services.index, services.memory]
        loads = [loop.run_in_executor(part.thread, part.get) for part in parts if part]
        tools = asyncio.to_thread(services.tools.connect)
        await asyncio.gather(*loads, tools, return_exceptions=True)

    def close(self) -> None:
        """Stop what runs, write what is queued, close index and store."""
        self.interrupt()
        self._services.tools.close()
        self._services.models.close()
        index = self._services.index
        if index is not None:
            if index.value is not None:
                index.value.close()
            index.close()
        if self._services.memory is not None:
            self._services.memory.close()
        files = self._services.files
        if files.value is not None:
            files.value.close()
        files.close()
        self.store.close()

    def _answer(self, begin: Callable[[], Awaitable[Draft]]) -> AsyncGenerator[Event, None]:
        async def work(run: Run) -> Ending:
            draft = await begin()
            run.emit(
                TurnStart(
                    draft.conversation_id, draft.question.id, draft.message.id, draft.question.text
                )
            )
            return await write_answer(self._services, run, draft)

        return self._turns.relay(work)


def _own_tools(
    store: ConversationStore,
    settings: Settings,
    index: Lazy[Index] | None,
    memory: Lazy[Memory] | None,
    clock: Callable[[], datetime],
) -> ToolRegistry:
    return default_tools(
        settings.tools,
        open_index=(lambda: index.call(lambda opened: opened)) if index else None,
        memory=ToolMemory(store, memory, clock) if memory else None,
        servers=settings.mcp,
    )


def _sampling(settings: Settings) -> SamplingParams:
    return SamplingParams(**dataclasses.asdict(settings.generation))
