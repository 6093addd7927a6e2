"""What an assistant is made of, from opening to closing: store, models, index, memory, tools."""

from __future__ import annotations

import asyncio
import dataclasses
import threading
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from chatapp.assistant.attached import PREFIX, AttachedFiles, attached_document
from chatapp.assistant.lazy import Lazy
from chatapp.assistant.models import Catalogue, Models, OneModel
from chatapp.assistant.reading import shipped_reader
from chatapp.assistant.services import Options, Services, WebUse
from chatapp.assistant.tool_memory import ToolMemory
from chatapp.assistant.turns import Turns
from chatapp.assistant.web_access import PREFIX as WEB_PREFIX
from chatapp.assistant.web_access import WebAccess, kept_page
from chatapp.conversations import ConversationStore, NotFound
from chatapp.conversations.ids import utc_now
from chatapp.inference.generator import Generator, SamplingParams
from tools.defaults import default_tools
from tools.live_web import ToolWeb
from tools.registry import ToolRegistry

if TYPE_CHECKING:
    from chatapp.memory import Memory
    from chatapp.settings import Settings
    from chatapp.solving import Solver
    from chatapp.talk import WrittenReplies
    from retrieval.index import Index
    from retrieval.types import Document


class Parts:
    """The parts of an `Assistant`, made on first need and closed together."""

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
        open_web: Callable[[], WebAccess] | None = None,
        replies: Callable[[], WrittenReplies | None] | None = None,
        solver: Callable[[], Solver | None] | None = None,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        if catalogue is None:
            assert load_generator is not None, "give a catalogue of models, or the one model"
            catalogue = OneModel(load_generator)
        self.store = store
        self.options = self.defaults = Options(
            _sampling(settings),
            use_sources=settings.retrieval.enabled,
            needs_sources=_chose_sources(settings),
            use_memory=settings.memory.enabled,
            web=cast("WebUse", settings.web.consent),
        )
        index = Lazy(open_index, "chatapp-index") if open_index else None
        web = Lazy(open_web, "chatapp-web") if open_web else None
        memory = Lazy(open_memory, "chatapp-memory") if open_memory else None
        self._services = Services(
            store,
            settings,
            clock,
            Models(catalogue),
            Lazy(AttachedFiles, "chatapp-files"),
            tools or _own_tools(store, settings, index, memory, web, clock),
            index,
            memory,
            web,
            replies,
            solver,
        )
        self._turns = Turns()
        self._jobs: set[threading.Event] = set()  # each ends a command's use of the model

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
        if document_id.startswith(WEB_PREFIX):
            return await asyncio.to_thread(kept_page, self.store, document_id)
        index = self._services.index
        if index is None:
            raise NotFound("Sources are switched off in this chat.")
        return await asyncio.get_running_loop().run_in_executor(
            index.thread, lambda: index.get().document(document_id)
        )

    async def warm_up(self) -> None:
        """Load in the background what turns need; failures show when a turn needs it."""
        loop = asyncio.get_running_loop()
        services = self._services
        model = services.models.get(self.options.model)
        parts: list[Lazy[Any] | None] = [model, services.index, services.memory]
        loads = [loop.run_in_executor(part.thread, part.get) for part in parts if part]
        tools = asyncio.to_thread(services.tools.connect)
        others = [asyncio.to_thread(load) for load in (shipped_reader, services.replies) if load]
        await asyncio.gather(*loads, tools, *others, return_exceptions=True)

    def interrupt(self) -> bool:
        """Stop the running turn, whose text so far is kept, and what commands let the model write.

        From any thread. Returns whether there was anything to stop.
        """
        running, jobs = self._turns.running, tuple(self._jobs)
        if running is not None:
            running.stop()
        for job in jobs:
            job.set()
        return running is not None or bool(jobs)

    def read_on(self, seconds: float) -> None:
        """Let the memory read on in earlier rounds, for so long at most; before `close`."""
        memory = self._services.memory
        if memory is not None and memory.value is not None:
            memory.value.read_on(seconds)

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
        memory = self._services.memory
        if memory is not None:
            if memory.value is not None:
                memory.value.close()
            memory.close()
        web = self._services.web
        if web is not None:
            if web.value is not None:
                web.value.close()
            web.close()
        files = self._services.files
        if files.value is not None:
            files.value.close()
        files.close()
        self.store.close()


def _own_tools(
    store: ConversationStore,
    settings: Settings,
    index: Lazy[Index] | None,
    memory: Lazy[Memory] | None,
    web: Lazy[WebAccess] | None,
    clock: Callable[[], datetime],
) -> ToolRegistry:
    return default_tools(
        settings.tools,
        open_index=(lambda: index.call(lambda opened: opened)) if index else None,
        memory=ToolMemory(store, memory, clock) if memory else None,
        web=ToolWeb(lambda: web.call(lambda access: access.parts())) if web else None,
        servers=settings.mcp,
    )


def _sampling(settings: Settings) -> SamplingParams:
    return SamplingParams(**dataclasses.asdict(settings.generation))


def _chose_sources(settings: Settings) -> bool:
    """Whether the person chose where sources are kept, or what finds them."""
    return bool(settings.index.dsn) or settings.retrieval.embedder != "default"
