"""A request is checked in time that grows with its length alone, and beside the event loop."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import Any

import pytest
from jsonschema.exceptions import ValidationError
from starlette.requests import Request

from chatapp.server import reading
from chatapp.server.errors import ApiError
from chatapp.server.schemas import CHAT, COMPLETION, EMBEDDINGS, MOST_IDS, Schema

TEXT = {"role": "user", "content": "Hello"}
PARTS = {"role": "user", "content": [{}] * 3000}


def biases(count: int) -> dict[str, str]:
    """Return so many wrong biases of logits."""
    return {str(token): "a" for token in range(count)}


@pytest.fixture
def errors(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The messages of all errors that are made."""
    made: list[str] = []
    begin = ValidationError.__init__

    def counted(self: ValidationError, message: str, *rest: Any, **named: Any) -> None:
        made.append(message[:80])
        begin(self, message, *rest, **named)

    monkeypatch.setattr(ValidationError, "__init__", counted)
    return made


def refused(body: dict[str, Any], schema: Schema) -> ApiError:
    with pytest.raises(ApiError) as told:
        reading.checked({"model": "m", **body}, schema)
    return told.value


def test_a_prompt_of_many_ids_makes_no_error_of_each(errors: list[str]) -> None:
    body = {"model": "m", "prompt": [5] * 3000}
    assert reading.checked(body, COMPLETION) == body
    assert len(errors) < 10


@pytest.mark.parametrize(
    ("body", "schema", "where"),
    [
        ({"messages": [{}] * 3000}, CHAT, "messages.0"),
        ({"messages": [TEXT, PARTS]}, CHAT, "messages.1.content.0"),
        ({"messages": [TEXT], "logit_bias": biases(900)}, CHAT, "logit_bias.0"),
        ({"messages": [TEXT], "logit_bias": biases(3000)}, CHAT, "logit_bias"),
        ({"prompt": [5, 6, "a"] * 1000}, COMPLETION, "prompt"),
        ({"prompt": [5] * (MOST_IDS + 1)}, COMPLETION, "prompt"),
        ({"input": [5] * 2000}, EMBEDDINGS, "input.0"),
    ],
)
def test_of_many_wrong_items_the_first_is_told(
    errors: list[str], body: dict[str, Any], schema: Schema, where: str
) -> None:
    told = refused(body, schema)
    assert told.status == 400
    assert str(told.param).startswith(where)
    assert len(errors) < 20


def test_the_event_loop_is_free_while_a_request_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    checkers = []
    checked = reading.checked

    def noted(body: object, schema: Schema) -> dict[str, Any]:
        checkers.append(threading.current_thread())
        return checked(body, schema)

    monkeypatch.setattr(reading, "checked", noted)
    body = {"model": "m", "prompt": "Hello"}

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": json.dumps(body).encode(), "more_body": False}

    scope = {"type": "http", "headers": [(b"content-type", b"application/json")]}
    read = reading.read_json(Request(scope, receive), COMPLETION, 5.0)
    assert asyncio.run(read) == body
    assert threading.main_thread() not in checkers
