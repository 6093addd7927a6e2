"""The recipe's `[compare]` table."""

from __future__ import annotations

from dataclasses import dataclass

from chatapp.training.recipe import Source


@dataclass(frozen=True, kw_only=True)
class CompareSettings:
    """How the policies of a run are compared.

    Args:
        prompts: record files; their held-out prompts are asked.
        held_out: prompts held out, in thousandths; the same as in the other stages.
        limit: most prompts asked; `prompt_tokens` the longest.
        max_tokens: longest answer.
        best_of: numbers of answers for best-of-n; the start draws as many as the largest.
        samples: answers of every other policy to a prompt.
        text: pretraining records whose held-out documents give bits per byte; `text_tokens` of
            them are read, in windows of `text_sequence`.
    """

    prompts: tuple[Source, ...]
    held_out: int = 100
    limit: int = 128
    prompt_tokens: int = 96
    max_tokens: int = 48
    best_of: tuple[int, ...] = (4, 16)
    samples: int = 2
    text: tuple[Source, ...] = ()
    text_tokens: int = 20_000
    text_sequence: int = 256

    def __post_init__(self) -> None:
        if not self.prompts:
            raise ValueError("prompts must list at least one { path = ... }")
        if min(self.best_of, default=1) < 1 or self.samples < 1:
            raise ValueError("best_of and samples are numbers of answers, at least 1")
        if min(self.limit, self.max_tokens, self.text_tokens, self.text_sequence) < 1:
            raise ValueError("limit, max_tokens, text_tokens and text_sequence are at least 1")
