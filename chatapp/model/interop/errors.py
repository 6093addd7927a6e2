"""What can go wrong between our model format and that of the Hugging Face hub."""

from __future__ import annotations


class InteropError(ValueError):
    """A model that cannot be imported or exported; the message names why, `hint` the fix."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class UnsupportedModel(InteropError):
    """A model that has no exact counterpart on the other side; the message says what lacks one."""
