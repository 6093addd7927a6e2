"""Chat messages as a request has them, as the plain texts that a model reads."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from chatapp.inference.generator import ChatMessage, Role
from chatapp.inference.tool_calls import written_call
from chatapp.server.errors import ApiError

_ROLES: dict[str, Role] = {"developer": "system"}


def chat_messages(messages: Sequence[dict[str, Any]]) -> list[ChatMessage]:
    """Return the messages of a checked request.

    Raises:
        ApiError: a part that is no text.
    """
    return [_message(message, place) for place, message in enumerate(messages)]


def _message(message: dict[str, Any], place: int) -> ChatMessage:
    name = message["role"]
    role: Role = _ROLES.get(name, name)
    text = _text(message.get("content"), place)
    calls = "".join(_call(call["function"]) for call in message.get("tool_calls") or ())
    return ChatMessage(role, text + calls)


def _text(content: str | list[dict[str, Any]] | None, place: int) -> str:
    if isinstance(content, str):
        return content
    parts = []
    for part in content or ():
        if part["type"] != "text" or "text" not in part:
            raise ApiError(
                400,
                f"messages.{place}: this model reads text only, not {part['type'][:40]!r}",
                code="unsupported",
                param=f"messages.{place}.content",
            )
        parts.append(part["text"])
    return "\n".join(parts)


def _call(function: dict[str, str]) -> str:
    try:
        arguments = json.loads(function["arguments"] or "{}")
    except (ValueError, RecursionError):
        arguments = function["arguments"]
    return written_call(function["name"], arguments)
