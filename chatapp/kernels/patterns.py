"""Attention patterns: which keys a query sees. The definition; everything else is speed.

All patterns are causal. With `d = i - j >= 0`:

| name           | query i sees key j when                                                    |
|----------------|----------------------------------------------------------------------------|
| `dense`        | always                                                                     |
| `local(w)`     | `d < w` (w tokens, itself included)                                        |
| `strided(r)`   | `d mod r == 0`                                                             |
| `sparse(w, r)` | `local(w)` or `strided(r)`: one softmax, no key counted twice              |
| `fixed(w, r)`  | same block of w, or j among the last r columns of its block of w           |

`sparse` is the union of Su Jianlin's local and atrous attention; `fixed` is the second pattern of
the Sparse Transformer (arXiv:1904.10509, section 4.2).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import torch
from torch import Tensor

_ARITY = {"dense": 0, "local": 1, "strided": 1, "sparse": 2, "fixed": 2}
_SYNTAX = re.compile(r"(\w+)(?:\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\))?")


@dataclass(frozen=True)
class Pattern:
    """One layer's attention pattern. `w` and `r` are 0 where the kind has no such parameter."""

    kind: str
    w: int = 0
    r: int = 0

    @classmethod
    def parse(cls, text: str) -> Pattern:
        """Read `dense`, `local(128)`, `strided(16)`, `sparse(128, 16)` or `fixed(128, 8)`.

        Raises:
            ValueError: unknown name, wrong number of parameters, or a parameter below 1.
        """
        match = _SYNTAX.fullmatch(text.strip())
        kind = match.group(1) if match else text
        if match is None or kind not in _ARITY:
            raise ValueError(f"unknown attention pattern {text!r}; known: {', '.join(_ARITY)}")
        numbers = [int(group) for group in match.groups()[1:] if group is not None]
        if len(numbers) != _ARITY[kind] or any(number < 1 for number in numbers):
            raise ValueError(
                f"attention pattern {text!r}: {kind} takes {_ARITY[kind]} number(s), each 1 or more"
            )
        if kind == "strided":
            return cls(kind, r=numbers[0])
        return cls(kind, *numbers)

    def __str__(self) -> str:
        numbers = [str(number) for number in (self.w, self.r) if number]
        return f"{self.kind}({', '.join(numbers)})" if numbers else self.kind

    def visible(self, queries: Tensor, keys: Tensor) -> Tensor:
        """Return the boolean mask of this pattern.

        Args:
            queries: int64 positions, shape (Tq,).
            keys: int64 positions, shape (Tk,).

        Returns:
            bool, shape (Tq, Tk); True where the query sees the key.
        """
        i, j = queries[:, None], keys[None, :]
        distance = i - j
        causal = distance >= 0
        match self.kind:
            case "local":
                seen = distance < self.w
            case "strided":
                seen = distance % self.r == 0
            case "sparse":
                seen = (distance < self.w) | (distance % self.r == 0)
            case "fixed":
                seen = (i // self.w == j // self.w) | (j % self.w >= self.w - self.r)
            case _:
                return causal
        return causal & seen

    def mask(self, start: int, stop: int, device: torch.device | None = None) -> Tensor:
        """Return the bool mask, shape (stop - start, stop), of queries `start..stop-1`."""
        keys = torch.arange(stop, device=device)
        return self.visible(keys[start:], keys)
