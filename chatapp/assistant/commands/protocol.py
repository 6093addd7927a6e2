"""What a slash command is: a name, its arguments, and a handler that all front ends share.

A handler gets a `Session` (which conversation is open) and its arguments by name, and returns a
`Result`. It may block for a moment, so `registry.perform` runs it in a worker thread; whatever
takes longer, or asks for an approval, is a stream of events in the result.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass, field

from chatapp.assistant.assistant import Assistant
from chatapp.assistant.attachments import Attachment
from chatapp.assistant.events import Event
from chatapp.conversations import NotFound
from chatapp.feedback.store import NotJudgeable
from chatapp.memory import SecretRefused
from retrieval.text import sanitize_text
from tools.protocol import ToolError


class CommandError(ValueError):
    """A command cannot be carried out; the message says what to type instead."""


@dataclass
class Session:
    """What commands act on; `conversation` is None before the first turn of a new one.

    `attachments` wait for the next message.
    """

    assistant: Assistant
    conversation: str | None = None
    attachments: list[Attachment] = field(default_factory=list)

    def send(self, text: str) -> AsyncGenerator[Event, None]:
        """Return the turn that answers `text`, with the files that wait for it."""
        waiting, self.attachments = self.attachments, []
        return self.assistant.turn(self.conversation, text, attachments=waiting)


@dataclass(frozen=True)
class Result:
    """What a command gives back: text to show, then `events` to render to their end, as a turn."""

    text: str = ""
    events: AsyncGenerator[Event, None] | None = None


Handler = Callable[[Session, Mapping[str, str]], Result]


@dataclass(frozen=True)
class Argument:
    """One argument, always text; the last argument of a command takes the rest of the line."""

    name: str
    help: str
    required: bool = True


@dataclass(frozen=True)
class Command:
    """One command: `/name argument …`; `Assistant.interrupt` ends what a `stoppable` one does."""

    name: str
    help: str
    handler: Handler
    arguments: tuple[Argument, ...] = ()
    stoppable: bool = False

    @property
    def usage(self) -> str:
        """Return how to type it, optional arguments in brackets."""
        shown = (a.name.upper() if a.required else f"[{a.name.upper()}]" for a in self.arguments)
        return " ".join([f"/{self.name}", *shown])

    def schema(self) -> dict[str, object]:
        """Return the JSON Schema of the arguments."""
        return {
            "type": "object",
            "properties": {
                a.name: {"type": "string", "description": a.help} for a in self.arguments
            },
            "required": [a.name for a in self.arguments if a.required],
            "additionalProperties": False,
        }

    def parse(self, line: str) -> dict[str, str]:
        """Split what was typed after the name into arguments."""
        words = line.split(maxsplit=len(self.arguments) - 1) if self.arguments else line.split()
        if len(words) > len(self.arguments):
            raise CommandError(f"/{self.name} takes no arguments.")
        return {a.name: word for a, word in zip(self.arguments, words, strict=False)}

    def check(self, arguments: Mapping[str, str]) -> dict[str, str]:
        """Return the arguments sanitised. Raises CommandError: some are missing or unknown."""
        clean = {name: sanitize_text(text).strip() for name, text in arguments.items()}
        known = {argument.name for argument in self.arguments}
        missing = [a.name for a in self.arguments if a.required and not clean.get(a.name)]
        if missing or not clean.keys() <= known:
            raise CommandError(f"Use it as: {self.usage}")
        return clean

    def run(self, session: Session, arguments: Mapping[str, str]) -> Result:
        """Carry it out.

        Raises:
            CommandError: arguments are missing or unknown, or there is nothing to act on.
        """
        arguments = self.check(arguments)
        try:
            return self.handler(session, arguments)
        except (NotFound, ToolError) as error:
            raise CommandError(str(error.args[0])) from error
        except SecretRefused as error:
            raise CommandError(f"Not remembered: {error}.") from error
        except NotJudgeable as error:
            raise CommandError(f"That cannot be judged: {error}.") from error
