"""What went wrong with a remote model, said so that a person can mend it."""

from __future__ import annotations

import json

from chatapp.inference.generator import ContextOverflow
from retrieval.web.http import HttpError, Refused, TimedOut, Unreachable

_LONGEST = 300  # characters of a server's own words


class RemoteError(RuntimeError):
    """A remote model that cannot be used; `hint` is the fix."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message, self.hint = message, hint


def explain(error: HttpError, name: str, key: str) -> RemoteError | ContextOverflow:
    """Return the error for a person.

    Args:
        error: what happened.
        name: what the person calls the model.
        key: taken out of the server's words.
    """
    match error:
        case Unreachable():
            return RemoteError(
                f"{name} cannot be reached: {error}",
                hint=f"start its server, or correct base_url in [remotes.{name}].",
            )
        case TimedOut():
            return RemoteError(
                f"{name} does not answer: {error}", hint="try again, or look at its server's log."
            )
        case Refused():
            return _refused(error, name, _said(error.body, key))
    return RemoteError(f"{name} broke off: {error}", hint="try again.")


def _refused(error: Refused, name: str, said: str) -> RemoteError | ContextOverflow:
    if _is_overflow(error):
        return ContextOverflow(f"the prompt is too long for {name}: {said}")
    table = f"[remotes.{name}]"
    match error.status:
        case status if status < 400:
            what, hint = "is at another address", f"correct base_url in {table}."
        case 401 | 403:
            what, hint = "wants another key", f"set the variable that api_key_env of {table} names."
        case 404:
            what, hint = "is not there", f"correct base_url or model in {table}."
        case 429:
            what, hint = "has too much to do", "wait a little, or look at the limits of your key."
        case status if status >= 500:
            what, hint = "is in trouble", "try again later, or look at its server's log."
        case _:
            what, hint = "refuses the request", f"see what it says; the settings are in {table}."
    return RemoteError(f"{name} {what} (status {error.status}): {said}", hint=hint)


def _is_overflow(error: Refused) -> bool:
    words = ("context_length_exceeded", "maximum context length", "exceed_context_size")
    return error.status in (400, 413, 500) and any(word in error.body for word in words)


def _said(body: str, key: str) -> str:
    """Return the server's own words: the message in its JSON, or the beginning of its body."""
    text = body
    try:
        value = json.loads(body)
        error = value.get("error", value)
        text = error if isinstance(error, str) else str(error.get("message", body))
    except (ValueError, AttributeError, RecursionError):
        pass
    if key:
        text = text.replace(key, "***")
    return " ".join(text.split())[:_LONGEST] or "(it says nothing)"
