"""What a turn works with: store, settings, clock, and the expensive parts, made on demand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from chatapp.assistant.attached import AttachedFiles
from chatapp.assistant.lazy import Lazy
from chatapp.assistant.models import Models
from chatapp.conversations import ConversationStore
from chatapp.conversations.ids import utc_now
from chatapp.inference.generator import SamplingParams
from tools.registry import ToolRegistry

if TYPE_CHECKING:
    from chatapp.assistant.web_access import WebAccess
    from chatapp.memory import Memory
    from chatapp.settings import Settings
    from chatapp.solving import Solver
    from chatapp.talk import WrittenReplies
    from retrieval.index import Index


WebUse = Literal["ask", "always", "never"]


@dataclass(frozen=True)
class Options:
    """What may change from turn to turn; a conversation's own options go before these.

    Attributes:
        sampling: how the model chooses its words.
        use_sources: answer questions from the index.
        needs_sources: the person asked for sources by name, or chose where they are kept; when they
            cannot be used that is an error, and the model does not answer instead.
        system: instructions for the model: the persona.
        use_memory: learn from what is typed and use it.
        interrupt_after: stop a generated answer after that many tokens, as a person would: scripts
            use it to get the same cut-off answer every time.
        model: name of the model; empty means the one in the settings.
        use_web: go to the web at all; off, nothing else can let a query out.
        web: whether a query may leave for the web: `ask`, `always` or `never`.
        use_tools: compute, look up the time, and run what is asked for.
        tools: globs of the tools that the model itself may call; None means all for a model whose
            template knows tools, and none for any other.
        tool_choice: `auto`, `none`, `required`, or the name of the one tool to call.
        allow: globs of tool names that run without asking.
        attended: somebody is there to approve a tool; else what is not allowed is denied.
    """

    sampling: SamplingParams
    use_sources: bool = True
    needs_sources: bool = False
    system: str = ""
    use_memory: bool = True
    interrupt_after: int | None = None
    model: str = ""
    use_tools: bool = True
    use_web: bool = True
    web: WebUse = "ask"
    tools: tuple[str, ...] | None = None
    tool_choice: str = "auto"
    allow: tuple[str, ...] = ()
    attended: bool = False


@dataclass(frozen=True)
class Services:
    """Shared by all turns of one assistant. `warned` holds the codes of warnings given once."""

    store: ConversationStore
    settings: Settings
    clock: Callable[[], datetime]
    models: Models
    files: Lazy[AttachedFiles]
    tools: ToolRegistry
    index: Lazy[Index] | None
    memory: Lazy[Memory] | None
    web: Lazy[WebAccess] | None = None
    replies: Callable[[], WrittenReplies | None] | None = None
    solver: Callable[[], Solver | None] | None = None
    warned: set[str] = field(default_factory=set)

    def local_clock(self) -> datetime:
        """Return the time where the person is; a fixed clock stays as it was fixed."""
        now = self.clock()
        return now.astimezone() if self.clock is utc_now else now
