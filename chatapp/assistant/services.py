"""What a turn works with: store, settings, clock, and the two expensive parts, made on demand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from chatapp.assistant.lazy import Lazy
from chatapp.conversations import ConversationStore
from chatapp.inference.generator import Generator, SamplingParams

if TYPE_CHECKING:
    from chatapp.memory import Memory
    from chatapp.settings import Settings
    from retrieval.index import Index


@dataclass(frozen=True)
class Options:
    """What may change from turn to turn: sampling, sources and memory on or off, a system message.

    `interrupt_after` stops a generated answer after that many tokens, as a person would: scripts
    use it to get the same cut-off answer every time.
    """

    sampling: SamplingParams
    use_sources: bool = True
    system: str = ""
    use_memory: bool = True
    interrupt_after: int | None = None


@dataclass(frozen=True)
class Services:
    """Shared by all turns of one assistant. `warned` holds the codes of warnings given once."""

    store: ConversationStore
    settings: Settings
    clock: Callable[[], datetime]
    generator: Lazy[Generator]
    index: Lazy[Index] | None
    memory: Lazy[Memory] | None
    warned: set[str] = field(default_factory=set)
