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
PART = {"type": "text", "text": "Hello"}
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


async def read(body: dict[str, Any]) -> dict[str, Any]:
    """Read a request of a completion."""

    async def receive() -> dict[str, Any]:
        whole = json.dumps({"model": "m", **body}).encode()
        return {"type": "http.request", "body": whole, "more_body": False}

    scope = {"type": "http", "headers": [(b"content-type", b"application/json")]}
    return await reading.read_json(Request(scope, receive), COMPLETION, 5.0)


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


@pytest.mark.parametrize(
    ("body", "schema", "told"),
    [
        ({"prompt": [5] * (MOST_IDS + 1)}, COMPLETION, "is too long"),
        ({"input": ["a"] * 2049}, EMBEDDINGS, "is too long"),
        ({"messages": [{**TEXT, "content": [PART] * 4097}]}, CHAT, "is too long"),
        ({"messages": [TEXT], "logit_bias": biases(1025)}, CHAT, "has too many properties"),
        ({"messages": ["a" * 1000]}, CHAT, "is not of type 'object'"),
    ],
)
def test_of_a_long_value_the_reason_is_told(
    body: dict[str, Any], schema: Schema, told: str
) -> None:
    message = refused(body, schema).message
    assert message.endswith(told)
    assert len(message) < 400


@pytest.mark.parametrize(
    ("prompt", "told"),
    [
        (["a"] * 17, "is too long"),
        (["a", 5], "prompt.1: 5 is not of type 'string'"),
        ([5, 6, -1], "prompt.2: -1 is less than the minimum of 0"),
        ([5, "a"], "prompt.1: 'a' is not of type 'integer'"),
        ([[5, 6]], "prompt.0: [5, 6] is not of type 'string'"),
        ([], "prompt: [] should be non-empty"),
        (5, "prompt: 5 is not of type 'string', 'array'"),
    ],
)
def test_a_wrong_prompt_is_told_as_the_sort_that_it_begins_as(prompt: object, told: str) -> None:
    assert refused({"prompt": prompt}, COMPLETION).message.endswith(told)


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ({"type": "json_schema"}, "response_format: 'json_schema' is a required property"),
        (
            {"type": "json_schema", "json_schema": {"name": "a"}},
            "response_format.json_schema: 'schema' is a required property",
        ),
        (
            {"type": "xml"},
            "response_format.type: 'xml' is not one of ['text', 'json_object', 'json_schema']",
        ),
        ({}, "response_format: 'type' is a required property"),
        ("json", "response_format: 'json' is not of type 'object', 'null'"),
    ],
)
def test_of_a_wrong_form_of_answers_what_is_missing_is_told(form: object, told: str) -> None:
    assert refused({"messages": [TEXT], "response_format": form}, CHAT).message == told


@pytest.mark.parametrize(
    "form",
    [
        {"type": "text"},
        {"type": "json_object"},
        {"type": "json_object", "json_schema": None},
        {"type": "json_schema", "json_schema": {"name": "a", "strict": True, "schema": {}}},
    ],
)
def test_every_form_of_answers_of_openai_is_taken(form: dict[str, Any]) -> None:
    body = {"model": "m", "messages": [TEXT], "response_format": form}
    assert reading.checked(body, CHAT) == body
    assert "response_format" not in reading.checked({**body, "response_format": None}, CHAT)


def test_the_event_loop_is_free_while_a_request_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    checkers = []
    checked = reading.checked

    def noted(body: object, schema: Schema) -> dict[str, Any]:
        checkers.append(threading.current_thread())
        return checked(body, schema)

    monkeypatch.setattr(reading, "checked", noted)
    body = {"model": "m", "prompt": "Hello"}
    assert asyncio.run(read(body)) == body
    assert threading.main_thread() not in checkers
