"""Token masks: what the next token may be, given those already said.

A `Constraint` describes which texts are allowed and stands in `SamplingParams`; for each reply it
starts a `TokenMask`, which follows that one reply. Speculation needs no more: verified tokens are
chosen one after the other, and a mask only ever advances by a token that was really chosen.
"""

from __future__ import annotations

from typing import Protocol

from torch import Tensor

from chatapp.model.tokenizer import ChatTokenizer


class TokenMask(Protocol):
    """Follows one reply."""

    def allowed(self) -> Tensor:
        """Return what may come next: bool, shape (V,), at least one True.

        An end of turn is allowed where the reply may end, and alone where it must.
        """
        ...

    def advance(self, token: int) -> None:
        """Take notice of the token that was chosen; it was allowed."""
        ...


class Constraint(Protocol):
    """Which replies are allowed; immutable, and shared by any number of replies."""

    def start(self, tokenizer: ChatTokenizer) -> TokenMask:
        """Begin to follow a reply.

        Raises:
            ConstraintError: it cannot be read or met, or needs a library that is missing.
        """
        ...


class ConstraintError(ValueError):
    """A constraint that cannot serve; the message names its fault and the fix."""
