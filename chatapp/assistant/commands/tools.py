"""Commands that run a tool without the model."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from chatapp.assistant.commands.protocol import (
    Argument,
    Command,
    CommandError,
    Result,
    Session,
)
from tools.calculator import evaluate, in_words
from tools.protocol import Tool


def _calculate(session: Session, arguments: Mapping[str, str]) -> Result:
    now = datetime.fromisoformat(session.assistant.store.now()).astimezone()
    return Result(in_words(evaluate(arguments["expression"], now)))


def _list(session: Session, arguments: Mapping[str, str]) -> Result:
    tools = list(session.assistant.tools)
    width = max(len(tool.name) for tool in tools)
    lines = [f"{tool.name:<{width}}  {_state(tool)}" for tool in tools]
    problems = session.assistant.tools.problems
    lines += [f"MCP server {name} is off: {problem}" for name, problem in problems.items()]
    if session.assistant.tools.waiting:
        lines.append("The tools of your MCP servers come when they are first needed.")
    return Result("\n".join(lines))


def _state(tool: Tool) -> str:
    off = tool.available()
    if off is not None:
        return f"off: {off}"
    return tool.description + (" (asks first)" if tool.needs_approval else "")


def _use(session: Session, arguments: Mapping[str, str]) -> Result:
    name, text = arguments["name"], arguments.get("arguments", "")
    given = _arguments(session.assistant.tools.known(name), text)
    return Result(events=session.assistant.use_tool(session.conversation, name, given))


def _arguments(tool: Tool | None, text: str) -> dict[str, Any]:
    """Return what was typed as arguments: a JSON object, or the one text that the tool needs."""
    if not text or text.startswith("{"):
        try:
            return dict(json.loads(text or "{}"))
        except (ValueError, RecursionError) as error:
            raise CommandError(f"The arguments are no JSON object: {error}.") from None
    required = list(tool.schema.get("required", ())) if tool is not None else []
    if len(required) != 1:
        raise CommandError('Write the arguments as JSON, such as {"query": "tides"}.')
    return {required[0]: text}


COMMANDS = (
    Command(
        "calc",
        "Calculate, for example /calc 2 * (3 + 4).",
        _calculate,
        (Argument("expression", "Arithmetic, times or dates."),),
    ),
    Command("tools", "List the tools, and why one is off.", _list),
    Command(
        "tool",
        "Run a tool by its name, for example /tool read_file notes.txt.",
        _use,
        (
            Argument("name", "Name of a tool."),
            Argument("arguments", "A JSON object, or the one text that it needs.", required=False),
        ),
    ),
)
