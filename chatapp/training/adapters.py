"""Which weights a tuning trains: one option, `tune`, for five ways.

full     every weight.
last     the last block, the final norm and the head.
gradual  from the top down: a further block is thawed at equal shares of the budget, the embedding
         last (ULMFiT, arXiv:1801.06146, section 3.3).
lora     low-rank additions to the blocks' matrices, merged or kept as an adapter file.
prompt   the embeddings of virtual tokens at the start of every sequence.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from chatapp.model.adapter import AdapterConfig, add_lora, add_soft_prompt
from chatapp.model.gpt import GPT
from chatapp.model.tokenizer import ChatTokenizer
from chatapp.training.recipe import RecipeError

METHODS = ("full", "last", "gradual", "lora", "prompt")
LORA_TARGETS = ("query", "key", "value", "output", "gate", "up", "down")


@dataclass(frozen=True)
class Tuning:
    """How to tune, and the shapes of the adapters.

    Args:
        method: one of `METHODS`.
        rank: rank of LoRA's additions; `alpha` their scale times the rank.
        prompt_tokens: virtual tokens of a soft prompt.
        thaw: share of the budget after which gradual unfreezing has thawed everything.
    """

    method: str = "full"
    rank: int = 8
    alpha: float = 16.0
    prompt_tokens: int = 16
    thaw: float = 0.5

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise RecipeError(f"tune = {self.method!r} is unknown; known: {', '.join(METHODS)}")

    @property
    def is_adapter(self) -> bool:
        """Whether the model itself stays as it was, and an adapter file is the result."""
        return self.method in ("lora", "prompt")

    def prepare(self, gpt: GPT, tokenizer: ChatTokenizer, generator: torch.Generator) -> None:
        """Freeze what is not trained, put adapters on, tell the tokenizer a soft prompt's ids."""
        match self.method:
            case "full" | "gradual":  # optimisers are made for all that will ever learn
                gpt.requires_grad_(True)
            case "lora":
                gpt.requires_grad_(False)
                torch.manual_seed(int(torch.randint(2**31, (), generator=generator)))
                add_lora(gpt, LORA_TARGETS, self.rank, self.alpha)
            case "prompt":
                gpt.requires_grad_(False)
                self._add_prompt(gpt, tokenizer, generator)
            case _:
                self.thaw_to(gpt, 0.0)

    def thaw_to(self, gpt: GPT, progress: float) -> None:
        """Set what is trained at `progress` (0 to 1); only `gradual` changes on the way."""
        if self.method not in ("last", "gradual"):
            return
        groups = groups_from_the_top(gpt)
        count = 2
        if self.method == "gradual" and self.thaw > 0:
            count += int(progress / self.thaw * (len(groups) - 1))
        elif self.method == "gradual":
            count = len(groups)
        gpt.requires_grad_(False)
        for group in groups[:count]:
            group.requires_grad_(True)

    def described(self, base: str, base_sha256: str) -> AdapterConfig:
        """Return the config of the adapter on a tuned model; `base` is where the model lies."""
        if self.method == "lora":
            return AdapterConfig(base, base_sha256, "LORA", self.rank, self.alpha, LORA_TARGETS)
        return AdapterConfig(base, base_sha256, "PROMPT_TUNING", prompt_tokens=self.prompt_tokens)

    def _add_prompt(self, gpt: GPT, tokenizer: ChatTokenizer, generator: torch.Generator) -> None:
        """Start from the embeddings of random words, which beats random numbers (2104.08691)."""
        table = gpt.embedding.weight
        chosen = torch.randperm(len(table), generator=generator)[: self.prompt_tokens]
        add_soft_prompt(gpt.embedding, table[chosen.to(table.device)].detach())
        tokenizer.prefix = tuple(range(len(table), len(table) + self.prompt_tokens))


def groups_from_the_top(gpt: GPT) -> list[nn.Module]:
    """Return the parts of a model in the order in which they are thawed: head to embedding."""
    top = nn.ModuleList([gpt.head, gpt.final_norm])
    return [top, *reversed(list(gpt.blocks)), gpt.embedding]


def trainable_parameters(model: nn.Module) -> int:
    """Return how many weights are trained."""
    return sum(weight.numel() for weight in model.parameters() if weight.requires_grad)
