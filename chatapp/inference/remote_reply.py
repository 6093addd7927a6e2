"""The answer of a remote model as it arrives, event by event.

The thing to know: nothing of it is trusted. Events of another shape count as a broken answer, and
one that goes on far beyond what was asked for is cut.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal

from chatapp.inference.generator import TextDelta
from retrieval.web.http import Dropped, Refused

_LARGEST_COUNT = 10**9
_CHARACTERS_A_TOKEN = 64  # far more than in any text: a server that says more ignores the limit


class RemoteReply:
    """What has arrived of an answer of at most `max_tokens`."""

    def __init__(self, max_tokens: int) -> None:
        self.pieces = 0
        self.over = False
        self.first_at = 0.0
        self.usage: Mapping[str, Any] = {}
        self.reason: Literal["", "stop", "length", "interrupted"] = ""
        self._left = max_tokens * _CHARACTERS_A_TOKEN

    def take(self, line: str) -> TextDelta | None:
        """Take in a line of server-sent events; return its text, if it has any.

        Raises:
            Dropped: it is no event of an answer.
            Refused: it is an error.
        """
        kind, _, data = line.partition(":")
        if kind != "data":
            return None
        if data.strip() == "[DONE]":
            self.over = True
            return None
        event = _event(data)
        if isinstance(event.get("usage"), dict):
            self.usage = event["usage"]
        choices = event.get("choices") or []
        choice = _object(choices[0]) if isinstance(choices, list) and choices else {}
        if choice.get("finish_reason"):
            self.reason = "length" if choice["finish_reason"] == "length" else "stop"
        return self._text(_object(choice.get("delta")).get("content"))

    def check_whole(self) -> None:
        """Raise Dropped for an answer that ended without saying why."""
        if not self.reason:
            raise Dropped("the answer broke off")

    def _text(self, content: object) -> TextDelta | None:
        if not content:
            return None
        if not isinstance(content, str):
            raise Dropped(_NO_EVENT)
        self.pieces += 1
        self._left -= len(content)
        if self._left < 0:
            self.over, self.reason = True, "length"
        return TextDelta(content, self.pieces)


def count_in(fields: Mapping[str, Any], name: str) -> int:
    """Return a number that a server told; 0 where it is none that can be."""
    value = fields.get(name)
    if isinstance(value, (int, float)) and 0 < value < _LARGEST_COUNT:
        return int(value)
    return 0


_NO_EVENT = "the server sent something else than events"


def _event(data: str) -> dict[str, Any]:
    try:
        event = json.loads(data)
    except (ValueError, RecursionError):
        raise Dropped(_NO_EVENT) from None
    if not isinstance(event, dict):
        raise Dropped(_NO_EVENT)
    if event.get("error"):
        raise Refused(500, data, None)
    return event


def _object(value: object) -> dict[str, Any]:
    """Return an object, empty where there is none. Raises Dropped for anything else."""
    if value is not None and not isinstance(value, dict):
        raise Dropped(_NO_EVENT)
    return value or {}
