"""Errors in OpenAI's shape, `{"error": {"message", "type", "param", "code"}}`, with a status."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chatapp.assistant.guests import TooManyGuests
from chatapp.inference.generator import ContextOverflow
from chatapp.inference.masks.protocol import ConstraintError
from chatapp.inference.scheduler import Busy, Closing


class ApiError(Exception):
    """What a client is told.

    Args:
        status: of HTTP.
        message: for a person; it names the fix.
        code: for a program, stable.
        param: the field of the request that is meant.
        headers: of the response, besides the usual ones.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.code, self.param = status, message, code, param
        self.headers = dict(headers or {})

    def body(self) -> dict[str, Any]:
        """Return the JSON that is sent."""
        kind = _TYPES.get(self.status) or (
            "server_error" if self.status >= 500 else "invalid_request_error"
        )
        error = {"message": self.message, "type": kind, "param": self.param, "code": self.code}
        return {"error": error}


_LONGEST = 500  # characters of what a library says
# rooms' own errors, by name, as the command line knows them
_NOT_NOW = {"StorageError", "IndexUnavailable", "ModelUnavailable", "RemoteError"}
_TYPES = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}


def as_api_error(error: Exception) -> ApiError:
    """Return what a client is told of an exception; one that nobody expected is a plain 500."""
    match error:
        case ApiError():
            return error
        case ContextOverflow():
            return ApiError(400, str(error), code="context_length_exceeded", param="messages")
        case ConstraintError():
            what = str(error).partition("\n<state>")[0][:_LONGEST]  # the rest is llguidance's own
            return ApiError(400, what, code="invalid_schema", param="response_format")
        case Busy():
            wait = {"Retry-After": str(error.retry_after)}
            return ApiError(429, str(error), code="queue_full", headers=wait)
        case TooManyGuests():
            wait = {"Retry-After": "2"}
            return ApiError(429, str(error), code="queue_full", headers=wait)
        case Closing():
            return ApiError(503, str(error), code="shutting_down", headers={"Retry-After": "5"})
        case RecursionError():
            return ApiError(400, "the request is nested too deeply", code="invalid_request")
    if any(kind.__name__ in _NOT_NOW for kind in type(error).__mro__):
        hint = getattr(error, "hint", "")
        return ApiError(503, f"{error} {hint}".strip(), code="unavailable")
    return ApiError(500, "Something went wrong in the server; its log says what.", code="internal")
