"""The memory as the memory tools see it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from chatapp.conversations import ConversationStore
from tools.memory import Remembered

if TYPE_CHECKING:
    from chatapp.assistant.lazy import Lazy
    from chatapp.memory import Memory

_SOURCE = "what you told me"


class ToolMemory:
    """Facts of the profile; see `tools.memory.Remembers`."""

    def __init__(
        self, store: ConversationStore, memory: Lazy[Memory], clock: Callable[[], datetime]
    ) -> None:
        self._store, self._memory, self._clock = store, memory, clock

    def search(self, query: str, limit: int) -> Sequence[Remembered]:
        """Return the facts that fit the query best, best first."""
        facts = self._memory.call(lambda memory: memory.relevant(query, self._clock(), limit=limit))
        return [Remembered(fact.id, fact.to_person(), fact.valid_from, _SOURCE) for fact in facts]

    def add(self, text: str) -> Remembered:
        """Store a fact. Raises ValueError."""
        from chatapp.memory import Profile

        learnt = Profile(self._store).remember(text)
        if learnt.fact is None:
            return Remembered("", text, self._store.now(), _SOURCE)
        fact = learnt.fact
        return Remembered(fact.id, fact.to_person(), fact.valid_from, _SOURCE)
