"""Turns for other programs, which bring their own history: the same path, and nothing is kept.

Each turn has an assistant to itself, lent from a small pool, whose store is in memory and is
emptied afterwards; index and model are shared. A turn that shall be kept is written to the
person's own conversations instead, with their memory, one at a time.
"""

from __future__ import annotations

import asyncio
import dataclasses
import threading
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING

from chatapp import paths
from chatapp.assistant import factory
from chatapp.assistant.assistant import Assistant
from chatapp.assistant.events import Event
from chatapp.conversations import ConversationStore, Outcome
from chatapp.inference.generator import Generator, SamplingParams

if TYPE_CHECKING:
    from chatapp.assistant.web_access import WebAccess
    from chatapp.settings import Settings
    from retrieval.index import Index


_LOOK_SECONDS = 0.02
_LAST_ROWS_SECONDS = 2.0  # for turns that were interrupted to write how they ended


class TooManyGuests(Exception):
    """Every assistant is lent, and enough turns wait."""


@dataclasses.dataclass(frozen=True)
class Round:
    """An earlier question and its answer."""

    question: str
    answer: str


@dataclasses.dataclass(frozen=True)
class Visit:
    """What a program asks: a question, what came before it, and how to answer.

    `keep` writes the turn, and what came before it, to the person's conversations.
    """

    question: str
    earlier: Sequence[Round]
    sampling: SamplingParams
    system: str = ""
    keep: bool = False


class Guests:
    """Answers visits.

    Args:
        settings: the person's.
        load_generator: returns the model; several assistants call it, and stream at once.
        open_index: opens the sources, once.
        open_web: opens the web, if the setting server.web allows it.
        most: turns at the same time.
        waiting: turns that may wait for one of them to end.
    """

    def __init__(
        self,
        settings: Settings,
        load_generator: Callable[[], Generator],
        *,
        open_index: Callable[[], Index] = factory.open_index,
        open_web: Callable[[Settings], WebAccess] = factory.open_web,
        most: int = 4,
        waiting: int = 32,
    ) -> None:
        self._settings, self._load_generator = settings, load_generator
        self._index = _Shared(open_index)
        self._open_web = open_web
        self._free: list[Assistant] = []
        self._all: list[Assistant] = []
        self._keeper: Assistant | None = None
        self._places, self._keeping = asyncio.Semaphore(most), asyncio.Lock()
        self._count, self._most, self._cut = 0, most + waiting, False

    async def answer(self, visit: Visit) -> AsyncGenerator[Event, None]:
        """Yield the events of a turn; see `Assistant.turn`.

        Raises:
            TooManyGuests: come back later.
            StorageError: the person's conversations cannot be opened.
        """
        if self._count >= self._most or self._cut:
            raise TooManyGuests("too many answers are being made; try again in a moment")
        self._count += 1
        try:
            async with self._keeping if visit.keep else self._places:
                assistant = await asyncio.to_thread(self._lend, visit.keep)
                async with aclosing(self._turn(assistant, visit)) as events:
                    async for event in events:
                        yield event
        finally:
            self._count -= 1

    def drain(self, seconds: float) -> bool:
        """Wait for the turns under way, in a thread; return whether all ended in time."""
        until = time.monotonic() + seconds
        while self._count and time.monotonic() < until and not self._cut:
            time.sleep(_LOOK_SECONDS)
        return not self._count

    def cut(self) -> None:
        """Interrupt every turn; its event stream ends as `interrupted`."""
        self._cut = True
        for assistant in list(self._all):
            assistant.interrupt()

    def close(self) -> None:
        """Interrupt what runs and close everything, in a thread."""
        self.cut()
        until = time.monotonic() + _LAST_ROWS_SECONDS
        while self._count and time.monotonic() < until:
            time.sleep(_LOOK_SECONDS)
        for assistant in self._all:
            assistant.close()

    async def _turn(self, assistant: Assistant, visit: Visit) -> AsyncGenerator[Event, None]:
        assistant.options = dataclasses.replace(
            assistant.options, sampling=visit.sampling, system=visit.system
        )
        conversation = None
        try:
            for earlier in visit.earlier:
                conversation = await asyncio.to_thread(
                    _write, assistant.store, conversation, earlier
                )
            async with aclosing(assistant.turn(conversation, visit.question)) as events:
                async for event in events:
                    conversation = conversation or getattr(event, "conversation", None)
                    yield event
        finally:
            if not visit.keep:
                await asyncio.shield(asyncio.to_thread(self._take_back, assistant, conversation))

    def _lend(self, keep: bool) -> Assistant:
        """Return an assistant that nobody uses. Blocking: opening a store takes some time."""
        if keep:
            self._keeper = self._keeper or self._make(keep=True)
            return self._keeper
        return self._free.pop() if self._free else self._make(keep=False)

    def _make(self, *, keep: bool) -> Assistant:
        store = ConversationStore.open(paths.database_path() if keep else None)
        made = Assistant(
            store,
            settings=self._settings,
            open_index=self._index.get,
            load_generator=self._load_generator,
            open_memory=(lambda: factory.open_memory(store)) if keep else None,
            open_web=(lambda: self._open_web(self._settings))
            if self._settings.server.web
            else None,
            replies=factory.shipped_replies if self._settings.written_replies else None,
            solver=factory.shipped_solver if self._settings.word_problems else None,
        )
        if self._settings.server.web:  # by the person's own setting: nobody is there to ask
            made.options = dataclasses.replace(made.options, web="always")
        self._all.append(made)
        return made

    def _take_back(self, assistant: Assistant, conversation: str | None) -> None:
        if conversation is not None:
            assistant.store.purge(conversation)
        self._free.append(assistant)


class _Shared:
    """Opens the index once, whoever asks first. Closing it twice does no harm."""

    def __init__(self, open_index: Callable[[], Index]) -> None:
        self._open, self._lock = open_index, threading.Lock()
        self._index: Index | None = None

    def get(self) -> Index:
        """Return the index."""
        with self._lock:
            if self._index is None:
                self._index = self._open()
            return self._index


def _write(store: ConversationStore, conversation: str | None, earlier: Round) -> str:
    started = store.begin_turn(conversation, earlier.question).result()
    outcome = Outcome(earlier.answer, "complete", "stop", grounding="model")
    store.finish(started.assistant.id, outcome).result()
    return started.conversation.id
