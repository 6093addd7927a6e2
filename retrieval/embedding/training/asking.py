"""The query side learns over a table that no longer moves.

The thing to know: passage vectors are computed once, so every step can hold thousands of passages
against its questions, hard negatives among them, for the price of a matrix product.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from retrieval.embedding.training.corpus import Numbers
from retrieval.embedding.training.settings import Settings
from retrieval.embedding.training.table import Lessons, Vectors, cloze, text_of


class Asking(torch.nn.Module):
    """`retrieval.embedding.asking.AskingBlock` for batches, with gradients."""

    def __init__(self, table: Vectors, settings: Settings) -> None:
        super().__init__()
        wide = settings.dimension
        self._heads = settings.heads
        self.register_buffer("table", torch.from_numpy(table), persistent=False)

        def matrix(rows: int, columns: int) -> torch.nn.Parameter:
            return torch.nn.Parameter(torch.randn(rows, columns) / columns**0.5 * 0.5)

        self.weights = torch.nn.ParameterDict(
            {
                "place": torch.nn.Parameter(0.02 * torch.randn(settings.longest_query, wide)),
                "mix": matrix(3 * wide, wide),
                "mixed": matrix(wide, wide),
                "wide": matrix(settings.hidden, wide),
                "narrow": matrix(wide, settings.hidden),
                "weigh": torch.nn.Parameter(torch.zeros(wide)),
                "correct": torch.nn.Parameter(torch.zeros(wide, wide)),
            }
        )
        for name, size in (("mix", 3 * wide), ("mixed", wide), ("wide", settings.hidden)):
            self.weights[f"{name}_bias"] = torch.nn.Parameter(torch.zeros(size))
        self.weights["narrow_bias"] = torch.nn.Parameter(torch.zeros(wide))
        for name in ("inside", "attended", "widened", "outside"):
            self.weights[name] = torch.nn.Parameter(torch.ones(wide))
            self.weights[f"{name}_bias"] = torch.nn.Parameter(torch.zeros(wide))

    def forward(self, texts: Sequence[Numbers]) -> Tensor:
        """Return unit vectors (len(texts), dimension)."""
        w = self.weights
        longest = min(max(map(len, texts)), len(w["place"]))
        index = torch.zeros(len(texts), longest, dtype=torch.long)
        there = torch.zeros(len(texts), longest, dtype=torch.bool)
        for place, text in enumerate(texts):
            cut = torch.from_numpy(text[:longest].astype(np.int64))
            index[place, : len(cut)] = cut
            there[place, : len(cut)] = True
        rows = self.get_buffer("table")[index]
        state = self._norm(rows, "inside") + w["place"][:longest]
        state = state + self._attend(self._norm(state, "attended"), there)
        wide = functional.linear(self._norm(state, "widened"), w["wide"], w["wide_bias"])
        state = state + functional.linear(wide.relu(), w["narrow"], w["narrow_bias"])
        state = self._norm(state, "outside")
        parts = (state @ w["weigh"]).exp()[:, :, None] * rows + state @ w["correct"].T
        return functional.normalize((parts * there[:, :, None]).sum(1), dim=1)

    def _norm(self, state: Tensor, name: str) -> Tensor:
        w = self.weights
        return functional.layer_norm(state, state.shape[-1:], w[name], w[f"{name}_bias"])

    def _attend(self, state: Tensor, there: Tensor) -> Tensor:
        w = self.weights
        batch, length, width = state.shape
        mixed = functional.linear(state, w["mix"], w["mix_bias"])
        query, key, value = mixed.view(batch, length, 3, self._heads, -1).permute(2, 0, 3, 1, 4)
        heads = functional.scaled_dot_product_attention(
            query, key, value, attn_mask=there[:, None, None, :]
        )
        flat = heads.transpose(1, 2).reshape(batch, length, width)
        return functional.linear(flat, w["mixed"], w["mixed_bias"])


def train_asking(asking: Asking, passages: Vectors, lessons: Lessons, settings: Settings) -> None:
    """Train in place; `passages` are the unit vectors of `lessons.passages`."""
    torch.manual_seed(settings.seed)
    rng = np.random.default_rng(settings.seed + 1)
    optimiser = torch.optim.AdamW(asking.parameters(), lr=settings.asking_rate, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, settings.asking_rate, total_steps=settings.asking_steps, pct_start=0.1
    )
    began = time.monotonic()
    for step in range(settings.asking_steps):
        with torch.autocast("cpu", torch.bfloat16):
            losses = [
                _question_loss(asking, passages, lessons, settings, rng),
                _cloze_loss(asking, passages, lessons, settings, rng),
                settings.teaching * _teacher_loss(asking, lessons, settings, rng),
            ]
        optimiser.zero_grad()
        torch.stack(losses).sum().backward()
        optimiser.step()
        schedule.step()
        if step % 50 == 0:
            shown = "  ".join(f"{loss.item():.3f}" for loss in losses)
            seconds = time.monotonic() - began
            print(f"asking: step {step}  {seconds:.0f} s  {shown}", file=sys.stderr, flush=True)


def _question_loss(
    asking: Asking,
    passages: Vectors,
    lessons: Lessons,
    settings: Settings,
    rng: np.random.Generator,
) -> Tensor:
    """A question must find its passage among the hard and the random ones of the batch."""
    pairs = lessons.right[rng.integers(len(lessons.right), size=settings.asking_batch)]
    low = np.searchsorted(lessons.wrong[:, 0], pairs[:, 0])
    high = np.searchsorted(lessons.wrong[:, 0], pairs[:, 0], side="right")
    hard = [lessons.wrong[a:b, 1] for a, b in zip(low, high, strict=True)]
    others = rng.integers(len(passages), size=4 * settings.asking_batch)
    found = np.concatenate([pairs[:, 1], *hard, others])
    queries = asking([text_of(lessons.questions, n) for n in pairs[:, 0]])
    scores = queries @ torch.from_numpy(passages[found]).T / settings.temperature
    twice = torch.from_numpy(found[None, :] == pairs[:, 1][:, None])
    twice[:, : len(pairs)].fill_diagonal_(False)
    return functional.cross_entropy(scores.masked_fill(twice, -1e4), torch.arange(len(pairs)))


def _cloze_loss(
    asking: Asking,
    passages: Vectors,
    lessons: Lessons,
    settings: Settings,
    rng: np.random.Generator,
) -> Tensor:
    """A span or a title must still find its passage: questions are not all that is asked."""
    chosen = rng.integers(len(lessons.passages), size=settings.asking_batch // 2)
    queries = [
        cloze(lessons.passages, int(p), bool(rng.random() < 0.1), settings, rng)[0] for p in chosen
    ]
    kept = [n for n, query in enumerate(queries) if len(query)]
    found = np.concatenate([chosen[kept], rng.integers(len(passages), size=1024)])
    vectors = asking([queries[n] for n in kept])
    scores = vectors @ torch.from_numpy(passages[found]).T / settings.temperature
    return functional.cross_entropy(scores, torch.arange(len(kept)))


def _teacher_loss(
    asking: Asking, lessons: Lessons, settings: Settings, rng: np.random.Generator
) -> Tensor:
    short = rng.integers(len(lessons.short), size=settings.asking_batch // 2)
    vectors = asking([text_of(lessons.short, n) for n in short])
    loss: Tensor = (1 - (vectors * torch.from_numpy(lessons.short_at[short])).sum(1)).mean()
    return loss
