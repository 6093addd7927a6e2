"""The `[reward]` table, and what every stage that learns from comparisons has in common."""

from __future__ import annotations

from dataclasses import dataclass

from chatapp.training.epochs import EpochRecipe
from chatapp.training.recipe import Source


@dataclass(frozen=True, kw_only=True)
class ComparisonSettings(EpochRecipe):
    """Where comparisons come from; `sources` are records of pairs.

    Args:
        ratings: record files of single answers with a grade, compared within each prompt.
        answers: most answers of a prompt that are compared with one another in one batch.
        held_out: prompts kept for measuring, in thousandths.
    """

    ratings: tuple[Source, ...] = ()
    answers: int = 8
    held_out: int = 100

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.answers < 2:
            raise ValueError("answers must be at least 2: one answer cannot be compared")
        if not 0 < self.held_out < 1000:
            raise ValueError("held_out must lie between 0 and 1000, in thousandths of the prompts")


@dataclass(frozen=True, kw_only=True)
class RewardSettings(ComparisonSettings):
    """How the reward model is trained; `batch` is prompts per step.

    Args:
        reference: chats whose answers are to score 0 on average; without any, the preferred
            answers of the training prompts are.
        control: also train a model on shuffled labels, which must stay at one half.
        judge: also train a second model on other prompts: each learns from half of them. PPO is
            then measured by a model that it did not learn from.
    """

    reference: tuple[Source, ...] = ()
    control: bool = True
    judge: bool = False
