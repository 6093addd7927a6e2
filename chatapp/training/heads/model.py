"""A GPT with a linear head on its hidden states.

One class serves every head: with one output read at the last token it scores answers (the reward
model, multiple choice), read at every token it is a value model, and with K outputs a classifier.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from chatapp.model.gpt import GPT


class HeadedGPT(nn.Module):
    """A GPT whose last hidden states go through a linear head instead of the vocabulary's.

    Args:
        gpt: the trunk; its own vocabulary head stays in place for an auxiliary loss.
        outputs: numbers a position gives.
    """

    def __init__(self, gpt: GPT, outputs: int) -> None:
        super().__init__()
        self.gpt = gpt
        self.scores = nn.Linear(gpt.config.d_model, outputs)

    def initialise(self, generator: torch.Generator) -> None:
        """Draw the head: deviation 1 / sqrt(d + 1), as for the reward model of arXiv:2009.01325.

        The generator is a CPU one, so that a seed gives the same weights on every device.
        """
        width = self.scores.in_features
        drawn = torch.randn(self.scores.weight.shape, generator=generator) * (width + 1) ** -0.5
        with torch.no_grad():
            self.scores.weight.copy_(drawn)
            self.scores.bias.zero_()

    def everywhere(self, tokens: Tensor) -> Tensor:
        """Return the outputs at every position: (B, T) -> float32 (B, T, outputs)."""
        return self.scores(self.gpt.hidden(tokens)).float()  # type: ignore[no-any-return]

    def at(self, tokens: Tensor, places: Tensor) -> Tensor:
        """Return the outputs at one position a row: (B, T) and (B,) -> float32 (B, outputs)."""
        rows = torch.arange(len(tokens), device=tokens.device)
        return self.scores(self.gpt.hidden(tokens)[rows, places]).float()  # type: ignore[no-any-return]
