"""What is set for a whole session or for one conversation: model, persona, sampling, switches."""

from __future__ import annotations

import asyncio
import dataclasses
import threading
from collections.abc import AsyncGenerator, Callable
from typing import Any, TypeVar

from chatapp.assistant.conversation_options import overlay, settable, with_settable
from chatapp.assistant.events import Error, Event
from chatapp.assistant.loading import loading
from chatapp.assistant.models import ModelChoice
from chatapp.assistant.parts import Parts
from chatapp.assistant.services import Options
from chatapp.assistant.window import Window, measure
from chatapp.conversations import Conversation
from chatapp.inference.generator import Generator

T = TypeVar("T")


class Configuring(Parts):
    """The settings of an `Assistant`; a conversation's own are kept in its row."""

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

    def configure_new(self, **changes: Any) -> None:
        """Change sampling and switches of all conversations that have not their own.

        None, or what is not named, goes back to the settings.
        """
        given = {name: value for name, value in changes.items() if value is not None}
        options = with_settable(self.options, settable(self.defaults) | given)
        needed = self.defaults.needs_sources or given.get("sources") is True
        self.options = dataclasses.replace(options, needs_sources=needed)

    def configure(self, conversation_id: str, **changes: Any) -> Conversation:
        """Change what is set for one conversation; None takes a setting of its own away.

        Settings are `model`, the fields of SamplingParams, the switches `sources`, `memory` and
        `tools`, `web` (`on`, `off` or `ask`), and `allow`: globs of tools that run without asking.
        Raises NotFound.
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

    def with_model(
        self, conversation_id: str | None, job: Callable[[Generator, Callable[[], bool]], T]
    ) -> T:
        """Return what `job` makes of the model of a conversation, which is loaded if need be.

        Blocks until the model is free and `job` done: call it in a worker thread. `interrupt` makes
        the second thing that `job` gets return True. Raises NotFound.
        """
        lazy = self._services.models.get(self.options_of(conversation_id).model)
        stop = threading.Event()
        self._jobs.add(stop)
        try:
            return lazy.call(lambda model: job(model, stop.is_set))
        finally:
            self._jobs.discard(stop)

    async def window(self, conversation_id: str) -> Window:
        """Return how full the window is and what is outside it. Raises NotFound.

        Without a loaded model it is unknown, and all zero: nothing is loaded for this.
        """
        messages = await asyncio.to_thread(self.store.messages, conversation_id)
        options = await asyncio.to_thread(self.options_of, conversation_id)
        place = self._services.models.loaded(options.model)
        generator = place.value if place else None
        if place is None or generator is None:
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
