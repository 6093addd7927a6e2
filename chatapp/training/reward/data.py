"""Reading the comparisons of a recipe and laying them out as batches."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from chatapp.model.tokenizer import ChatTokenizer
from chatapp.training.answers import Answered, encode_answer, pad_rows
from chatapp.training.recipe import Recipe, RecipeError, Source
from chatapp.training.records import read_preferences, read_ratings
from chatapp.training.reward.comparisons import Comparison, RankedPrompt, compare_ratings, rank
from chatapp.training.reward.settings import ComparisonSettings


def read_comparisons(recipe: Recipe, settings: ComparisonSettings) -> list[RankedPrompt]:
    """Return all prompts of the stage's sources with their compared answers."""
    found = read_pairs(recipe.root, settings.sources)
    for source in settings.ratings:
        records = read_ratings(recipe.root, source)
        found += compare_ratings(
            records, name_of(source), answers=settings.answers, seed=recipe.seed
        )
    return rank(found, answers=settings.answers)


def read_pairs(root: Path, sources: Iterable[Source]) -> list[Comparison]:
    """Return the pairs of preference records."""
    return [
        Comparison(record.messages, record.chosen, record.rejected, name_of(source))
        for source in sources
        for record in read_preferences(root, source)
        if record.chosen.strip() != record.rejected.strip()
    ]


def name_of(source: Source) -> str:
    """Return what results call a source: its file name without endings."""
    return Path(source.path).name.partition(".")[0]


@dataclass(frozen=True)
class EncodedPrompt:
    """A prompt whose answers are token ids, in the order of `prompt.answers`."""

    prompt: RankedPrompt
    answers: tuple[Answered, ...]

    @property
    def length(self) -> int:
        """Tokens of the longest answer with its prompt."""
        return max(len(answer.ids) for answer in self.answers)


def encode_prompts(
    prompts: Iterable[RankedPrompt], tokenizer: ChatTokenizer, limit: int
) -> tuple[list[EncodedPrompt], int]:
    """Encode prompts; return also how many were left out as longer than `limit` tokens.

    A prompt is never cut: what was preferred may hang on the part that would be lost.

    Raises:
        RecipeError: none fits.
    """
    encoded = [
        EncodedPrompt(p, tuple(encode_answer(tokenizer, p.messages, a) for a in p.answers))
        for p in prompts
    ]
    fitting = [prompt for prompt in encoded if prompt.length <= limit]
    if not fitting:
        raise RecipeError(
            f"none of {len(encoded)} prompts with their answers fits in sequence = {limit} tokens"
        )
    return fitting, len(encoded) - len(fitting)


class RankedBatch(NamedTuple):
    """Prompts with up to K answers each.

    `tokens` int64 (G, K, T), padded on the right; `lengths` int64 (G, K), 0 for a missing answer;
    `margins` float32 (G, K, K), see `reward.loss`.
    """

    tokens: Tensor
    lengths: Tensor
    margins: Tensor

    @property
    def examples(self) -> int:
        """Number of prompts."""
        return len(self.tokens)


def collate(prompts: Sequence[EncodedPrompt], padding: int) -> RankedBatch:
    """Lay prompts out as one batch."""
    answers = max(len(prompt.answers) for prompt in prompts)
    blank = Answered((), 0)
    rows = pad_rows(
        [a for p in prompts for a in (*p.answers, *[blank] * (answers - len(p.answers)))], padding
    )
    margins = torch.full((len(prompts), answers, answers), float("nan"))
    for number, prompt in enumerate(prompts):
        for better, worse, margin in prompt.prompt.pairs:
            margins[number, better, worse] = margin
    shape = (len(prompts), answers)
    return RankedBatch(rows.tokens.view(*shape, -1), rows.lengths.view(shape), margins)
