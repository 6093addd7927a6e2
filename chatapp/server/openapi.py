"""`/openapi.json`: the API as a document, from the very schemas that requests are checked by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from chatapp.server.schemas import CHAT, COMPLETION, EMBEDDINGS, Schema
from chatapp.version import __version__

_ERROR: Schema = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "type", "param", "code"],
            "properties": {
                "message": {"type": "string"},
                "type": {"type": "string"},
                "param": {"type": ["string", "null"]},
                "code": {"type": ["string", "null"]},
            },
        }
    },
}
_LIST: Schema = {
    "type": "object",
    "required": ["object", "data"],
    "properties": {"object": {"const": "list"}, "data": {"type": "array"}},
}
_MODEL: Schema = {
    "type": "object",
    "required": ["id", "object", "created", "owned_by"],
    "properties": {"id": {"type": "string"}, "object": {"const": "model"}},
}
_ANSWER: Schema = {
    "type": "object",
    "required": ["id", "object", "created", "model", "choices", "usage"],
    "properties": {
        "id": {"type": "string"},
        "choices": {"type": "array", "minItems": 1},
        "usage": {"type": "object", "required": ["total_tokens"]},
    },
}
_HEALTH: Schema = {
    "type": "object",
    "required": ["status", "running", "waiting"],
    "properties": {"status": {"enum": ["ok"]}},
}


def document(models: Sequence[str], embedders: Sequence[str]) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document; the models are named in it."""
    chat, bare = _with(CHAT, models), _with(COMPLETION, models)
    embeddings = _with(EMBEDDINGS, embedders)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "chatapp",
            "version": __version__,
            "description": "A private, local assistant over the API of OpenAI.",
        },
        "paths": {
            "/v1/chat/completions": _post("Answer a chat.", chat, _ANSWER, stream=True),
            "/v1/completions": _post("Continue a text.", bare, _ANSWER, stream=True),
            "/v1/embeddings": _post("Return vectors of texts.", embeddings, _LIST),
            "/v1/models": _get("List the models.", _json(_LIST)),
            "/v1/models/{model}": _get("Describe a model.", _json(_MODEL))
            | {"parameters": [_name([*models, *embedders])]},
            "/health": _get("Say whether the server runs.", _json(_HEALTH)),
            "/metrics": _get("Counters for Prometheus.", {"text/plain": {}}),
        },
        "components": {"securitySchemes": {"key": {"type": "http", "scheme": "bearer"}}},
        "security": [{"key": []}, {}],
    }


_FAILURES = {
    "400": "The request cannot be served; the error names the field.",
    "401": "The key is missing or wrong.",
    "403": "The server is called by a name that it does not have.",
    "404": "There is no such model.",
    "408": "The request did not arrive in time.",
    "413": "The request is too long.",
    "415": "The request is not sent as JSON.",
    "429": "Too many requests; Retry-After says when to come back.",
    "503": "The server is shutting down.",
}


def _with(schema: Schema, models: Sequence[str]) -> Schema:
    """Return the schema of a request with the models that it may name."""
    named = schema["properties"]["model"] | {"enum": list(models)}
    return schema | {"properties": schema["properties"] | {"model": named}}


def _name(models: Sequence[str]) -> dict[str, Any]:
    schema = {"type": "string", "enum": list(models)}
    return {"name": "model", "in": "path", "required": True, "schema": schema}


def _json(schema: Schema) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


def _responses(content: dict[str, Any]) -> dict[str, Any]:
    failures = {
        status: {"description": what, "content": _json(_ERROR)}
        for status, what in _FAILURES.items()
    }
    return {"200": {"description": "The answer.", "content": content}, **failures}


def _post(summary: str, schema: Schema, answer: Schema, *, stream: bool = False) -> dict[str, Any]:
    content = _json(answer) | ({"text/event-stream": {}} if stream else {})
    body = {"required": True, "content": _json(schema)}
    return {"post": {"summary": summary, "requestBody": body, "responses": _responses(content)}}


def _get(summary: str, content: dict[str, Any]) -> dict[str, Any]:
    return {"get": {"summary": summary, "responses": _responses(content)}}
