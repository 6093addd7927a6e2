"""The one registry of commands: slash commands, palette entries and operations of scripts."""

from __future__ import annotations

import asyncio
import difflib
from collections.abc import Mapping

from chatapp.assistant.commands import (
    answers,
    conversations,
    feedback,
    memory,
    messages,
    model,
    organising,
    summary,
    tools,
    web,
)
from chatapp.assistant.commands.protocol import Command, CommandError, Result, Session


def find_command(name: str) -> Command:
    """Return the command of this name, with or without its slash. Raises CommandError."""
    wanted = name.removeprefix("/")
    for command in COMMANDS:
        if command.name == wanted:
            return command
    nearest = difflib.get_close_matches(wanted, [command.name for command in COMMANDS], n=1)
    hint = f" Did you mean /{nearest[0]}?" if nearest else ""
    raise CommandError(f"There is no command /{wanted}.{hint} /help lists them all.")


async def perform(session: Session, name: str, arguments: str | Mapping[str, str]) -> Result:
    """Carry out a command without blocking the event loop.

    Args:
        session: what is open; the command may open something else.
        name: the command, with or without its slash.
        arguments: by name, or as typed after the name.

    Raises:
        CommandError: there is no such command, or it cannot be carried out.
    """
    command = find_command(name)
    given = command.parse(arguments) if isinstance(arguments, str) else arguments
    return await asyncio.to_thread(command.run, session, given)


def run_line(session: Session, line: str) -> Result:
    """Carry out a line as typed, such as `/rename Holiday plans`. Raises CommandError."""
    name, _, rest = line.strip().partition(" ")
    command = find_command(name)
    return command.run(session, command.parse(rest))


def _help(session: Session, arguments: Mapping[str, str]) -> Result:
    width = max(len(command.usage) for command in COMMANDS)
    return Result("\n".join(f"{c.usage:<{width}}  {c.help}" for c in COMMANDS))


COMMANDS: tuple[Command, ...] = (
    *conversations.COMMANDS,
    *organising.COMMANDS,
    *messages.COMMANDS,
    *answers.COMMANDS,
    *model.COMMANDS,
    *memory.COMMANDS,
    *summary.COMMANDS,
    *feedback.COMMANDS,
    *tools.COMMANDS,
    *web.COMMANDS,
    Command("help", "List these commands.", _help),
)
