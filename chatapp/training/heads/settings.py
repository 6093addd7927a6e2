"""The recipe's `[task]` table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from chatapp.training.adapters import METHODS
from chatapp.training.epochs import EpochRecipe

Task = Literal["classification", "entailment", "paraphrase", "choice"]


@dataclass(frozen=True, kw_only=True)
class TaskSettings(EpochRecipe):
    """How a task head is trained; `batch` is examples per step.

    Args:
        task: how examples are laid out; see `heads.inputs`.
        tune: methods of tuning that are tried, each from the same start with the same budget. Names
            joined by `+` are steps that share the budget, as in "last+full".
        rank: rank of LoRA's additions; `alpha` their scale times the rank.
        prompt_tokens: virtual tokens of a soft prompt.
        thaw: share of the budget after which gradual unfreezing has thawed everything.
        lm_weight: weight of the language-model loss on the task's text; 0.5 in GPT-1.
        limit: most examples that are read, 0 for all.
        held_out: examples kept for measuring, in thousandths.
    """

    task: Task
    tune: tuple[str, ...] = ("full",)
    rank: int = 8
    alpha: float = 16.0
    prompt_tokens: int = 16
    thaw: float = 0.5
    lm_weight: float = 0.0
    limit: int = 0
    held_out: int = 200

    def __post_init__(self) -> None:
        super().__post_init__()
        for method in self.tune:
            for step in method.split("+"):
                if step not in METHODS:
                    raise ValueError(f"tune names {step!r}; known: {', '.join(METHODS)}")
            if "prompt" in method.split("+")[:-1]:
                raise ValueError("a soft prompt is the last step: nothing can be tuned after it")
        if not self.tune:
            raise ValueError("tune must name at least one method")
