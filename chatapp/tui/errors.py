"""Turns an exception into what a person reads: what happened, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """A failure as shown; `hint` names the fix and may be empty."""

    title: str
    message: str
    hint: str = ""


def problem_of(title: str, error: BaseException) -> Problem:
    """Describe `error`; the project's own errors carry `message` and `hint`."""
    message = str(getattr(error, "message", "") or error) or type(error).__name__
    return Problem(title, message, str(getattr(error, "hint", "") or ""))
