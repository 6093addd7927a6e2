"""What every way of answering works with, and the ways themselves share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from chatapp.assistant.drafts import Draft
from chatapp.assistant.events import Event, Warning
from chatapp.assistant.lazy import Lazy
from chatapp.assistant.reply import Reply
from chatapp.assistant.run import Interrupted, Run
from chatapp.assistant.services import Options, Services

P = TypeVar("P")
T = TypeVar("T")


@dataclass(frozen=True)
class Writing:
    """One answer being written: the question, the reply, and what may be used."""

    services: Services
    run: Run
    draft: Draft
    reply: Reply

    @property
    def options(self) -> Options:
        """The options of this turn."""
        return self.draft.options

    def now(self) -> float:
        """Return the seconds of the session's clock."""
        return self.services.clock().timestamp()

    def emit(self, event: Event) -> None:
        """Hand an event to whoever reads the turn."""
        self.run.emit(event)

    def warn_once(self, warning: Warning) -> None:
        """Warn, unless this assistant has said so before."""
        if warning.code not in self.services.warned:
            self.services.warned.add(warning.code)
            self.emit(warning)

    async def attempt(
        self,
        part: Lazy[P],
        job: Callable[[P], T],
        excuse: Callable[[Exception], Warning],
    ) -> T | None:
        """Return what `job` makes of an optional part in its thread; None, and a warning, if not.

        Raises:
            Interrupted: the turn was stopped.
        """
        try:
            return await self.run.in_thread(part.thread, lambda: job(part.get()))
        except Interrupted:
            raise
        except Exception as error:  # noqa: BLE001 - the chat goes on without that part
            self.warn_once(excuse(error))
            return None
