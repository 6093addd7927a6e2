"""The word table learns: inverse cloze, titles, questions with hard negatives, and the teacher.

The thing to know: every loss sees unit vectors of bags of rows, for queries and passages alike. The
teacher's loss keeps the space smooth (paraphrases, short texts); the contrastive ones sharpen it on
what an index is asked.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from retrieval.embedding.training.corpus import Corpus, Numbers
from retrieval.embedding.training.settings import Settings

Vectors = NDArray[np.float32]
Places = NDArray[np.int64]


@dataclass(frozen=True)
class Lessons:
    """What the table learns from; all texts as rows of it."""

    passages: Corpus
    questions: Corpus
    right: Places  # (n, 2): question, passage that answers it
    wrong: Places  # (n, 2): question, one that only looks like it
    taught: Places  # numbers of passages that the teacher has seen
    taught_at: Vectors
    short: Corpus  # other texts that the teacher has seen
    short_at: Vectors


class Table(torch.nn.Module):
    """Rows and a learned weight for each: a text is the weighted sum of its rows, unit length."""

    def __init__(self, start: Vectors, log_weights: Vectors) -> None:
        super().__init__()
        self.rows = torch.nn.Parameter(torch.from_numpy(start))
        self.log_weights = torch.nn.Parameter(torch.from_numpy(log_weights))

    def forward(self, texts: Sequence[Numbers]) -> Tensor:
        """Return unit vectors (len(texts), dimension)."""
        lengths = [len(text) for text in texts]
        index = torch.from_numpy(np.concatenate(texts).astype(np.int64))
        offsets = torch.from_numpy(np.cumsum([0, *lengths[:-1]]))
        bags = functional.embedding_bag(
            index,
            self.rows,
            offsets,
            mode="sum",
            per_sample_weights=self.log_weights[index].exp(),
        )
        return functional.normalize(bags, dim=1)

    def folded(self) -> Vectors:
        """Return the rows with their weights folded in."""
        table: Vectors = (self.rows * self.log_weights.exp()[:, None]).detach().numpy()
        return table


def train_table(table: Table, lessons: Lessons, settings: Settings) -> None:
    """Train in place; prints the losses now and then."""
    torch.manual_seed(settings.seed)
    rng = np.random.default_rng(settings.seed)
    optimiser = torch.optim.Adam(
        [
            {"params": [table.rows], "lr": settings.table_rate},
            {"params": [table.log_weights], "lr": settings.weight_rate},
        ],
        fused=True,
    )
    base = [group["lr"] for group in optimiser.param_groups]
    began = time.monotonic()
    for step in range(settings.table_steps):
        left = 1 - step / settings.table_steps
        for group, rate in zip(optimiser.param_groups, base, strict=True):
            group["lr"] = rate * min(1.0, left * 1.25, (step + 1) / 50)
        losses = [
            _cloze_loss(table, lessons, settings, rng),
            _question_loss(table, lessons, settings, rng),
            settings.teaching * _teacher_loss(table, lessons, settings, rng),
        ]
        optimiser.zero_grad()
        torch.stack(losses).sum().backward()
        optimiser.step()
        if step % 50 == 0:
            shown = "  ".join(f"{loss.item():.3f}" for loss in losses)
            seconds = time.monotonic() - began
            print(f"table: step {step}  {seconds:.0f} s  {shown}", file=sys.stderr, flush=True)


def _cloze_loss(table: Table, lessons: Lessons, settings: Settings, rng: Rng) -> Tensor:
    """A span cut out of a passage, or its title, must find it among all passages of the batch."""
    queries: list[Numbers] = []
    rests: list[Numbers] = []
    owners: list[int] = []
    titles: list[bool] = []
    first = lessons.passages.first
    for document in rng.integers(len(first) - 1, size=settings.documents):
        low, high = int(first[document]), int(first[document + 1])
        wanted = min(settings.passages_per_document, high - low)
        for passage in low + rng.choice(high - low, size=wanted, replace=False):
            title = bool(rng.random() < settings.title_share)
            query, rest = cloze(lessons.passages, int(passage), title, settings, rng)
            if len(query) and len(rest):
                queries.append(query)
                rests.append(rest)
                owners.append(int(document))
                titles.append(title)
    scores = table(queries) @ table(rests).T / settings.temperature
    owner = torch.tensor(owners)
    # A title fits all passages of its document, so those are no negatives for it.
    same = (owner[:, None] == owner[None, :]) & torch.tensor(titles)[:, None]
    same.fill_diagonal_(False)
    return functional.cross_entropy(scores.masked_fill(same, -1e4), torch.arange(len(scores)))


Rng = np.random.Generator


def cloze(
    corpus: Corpus, passage: int, title: bool, settings: Settings, rng: Rng
) -> tuple[Numbers, Numbers]:
    """Return a query cut out of (or above) a passage, and what is left of it."""
    start, text, end = corpus.start[passage], corpus.text[passage], corpus.end[passage]
    if title:
        return corpus.words[start:text], corpus.words[text:end]
    length = int(rng.integers(settings.shortest_span, settings.longest_span + 1))
    cut = int(rng.integers(text, max(text + 1, end - length)))
    query = corpus.words[cut : min(cut + length, end)]
    # One pair in five keeps its span, so that sharing the exact words stays worth something.
    if rng.random() < 0.2:
        return query, corpus.words[start:end]
    return query, np.concatenate([corpus.words[start:cut], corpus.words[cut + length : end]])


def _question_loss(table: Table, lessons: Lessons, settings: Settings, rng: Rng) -> Tensor:
    """A question must find its passage among those of the others and what only looks like it."""
    pairs = lessons.right[rng.integers(len(lessons.right), size=settings.asked)]
    hard = lessons.wrong[rng.integers(len(lessons.wrong), size=settings.asked // 4)]
    low = np.searchsorted(lessons.wrong[:, 0], pairs[:, 0])
    high = np.searchsorted(lessons.wrong[:, 0], pairs[:, 0], side="right")
    own = low + (rng.random(len(pairs)) * (high - low)).astype(np.int64)
    wrong = np.where(high > low, lessons.wrong[np.minimum(own, len(lessons.wrong) - 1), 1], -1)
    found = np.concatenate([pairs[:, 1], wrong[wrong >= 0], hard[:, 1]])
    queries = table([text_of(lessons.questions, n) for n in pairs[:, 0]])
    passages = table([text_of(lessons.passages, p) for p in found])
    scores = queries @ passages.T / settings.temperature
    # The same passage may answer several questions of the batch.
    twice = torch.from_numpy(found[None, :] == pairs[:, 1][:, None])
    twice[:, : len(pairs)].fill_diagonal_(False)
    return functional.cross_entropy(scores.masked_fill(twice, -1e4), torch.arange(len(pairs)))


def _teacher_loss(table: Table, lessons: Lessons, settings: Settings, rng: Rng) -> Tensor:
    """Texts must lie where the teacher puts them: 1 - cosine, long and short ones alike."""
    long = rng.integers(len(lessons.taught), size=settings.taught)
    short = rng.integers(len(lessons.short), size=settings.taught_short)
    texts = [text_of(lessons.passages, int(lessons.taught[n])) for n in long]
    texts += [text_of(lessons.short, n) for n in short]
    wanted = torch.from_numpy(np.concatenate([lessons.taught_at[long], lessons.short_at[short]]))
    loss: Tensor = (1 - (table(texts) * wanted).sum(1)).mean()
    return loss


def text_of(corpus: Corpus, number: int) -> Numbers:
    """Return the rows of one text."""
    words: Numbers = corpus.words[corpus.start[number] : corpus.end[number]]
    return words


def sif_log_weights(corpora: Sequence[Corpus], size: int) -> Vectors:
    """Return log SIF weights a / (a + p(word)), a = 1e-3 (Arora, Liang and Ma 2017)."""
    counts = np.sum([np.bincount(corpus.words, minlength=size) for corpus in corpora], axis=0)
    share = counts / counts.sum()
    weights: Vectors = np.log(1e-3 / (1e-3 + share)).astype(np.float32)
    return weights
