"""GSM8K's calculator in the decoder: after `<<expression=` the tool writes the result.

The tokens of the result are forced by a mask that allows them alone, so their probability under the
sampling distribution is one and they weigh nothing there (arXiv:2110.14168, section 3.2).
"""

from __future__ import annotations

import re

import torch
from torch import Tensor

from chatapp.model.tokenizer import ChatTokenizer
from tools.calculator import calculate, format_number
from tools.protocol import ToolError

_OPEN_CALL = re.compile(r"<<([^<>=]+)=$")
_CALL = re.compile(r"<<[^<>]*>>")


class CalculatorConstraint:
    """A `Constraint` that lets everything be said, and completes calculator calls."""

    def start(self, tokenizer: ChatTokenizer) -> CalculatorMask:
        """See `Constraint.start`."""
        return CalculatorMask(tokenizer)


class CalculatorMask:
    """Follows one reply."""

    def __init__(self, tokenizer: ChatTokenizer) -> None:
        self._tokenizer = tokenizer
        self._said: list[int] = []
        self._forced: list[int] = []
        self._everything = torch.ones(tokenizer.vocab_size, dtype=torch.bool)

    def allowed(self) -> Tensor:
        """Return the next token of a result alone, or every token."""
        if not self._forced:
            return self._everything
        only = torch.zeros_like(self._everything)
        only[self._forced[0]] = True
        return only

    def advance(self, token: int) -> None:
        """Take the token; where it completes `<<expression=`, get the result ready."""
        self._said.append(token)
        if self._forced:
            del self._forced[0]
        elif "=" in self._tokenizer.decode([token]):
            self._forced = self._result()

    def _result(self) -> list[int]:
        call = _OPEN_CALL.search(self._tokenizer.decode(self._said))
        if call is None:
            return []
        try:
            result = format_number(calculate(call[1]))
        except ToolError:
            return []
        return self._tokenizer.encode(f"{result}>>")


def without_calls(text: str) -> str:
    """Return a solution with its `<<expression=result>>` marks taken out."""
    return _CALL.sub("", text)


def count_calls(text: str) -> int:
    """Return how many calculator calls a text holds."""
    return len(_CALL.findall(text))
