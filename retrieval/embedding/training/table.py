"""The word table learns: inverse cloze, titles, questions with hard negatives, and the teacher.

The thing to know: every loss sees unit vectors of bags of rows. Queries and passages share the
rows, but a row weighs differently in a query ("who" there says what is sought). The teacher's loss
keeps the space smooth (paraphrases, short texts); the contrastive ones sharpen it on what an index
is asked.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from retrieval.embedding.training.corpus import Corpus, Numbers
from retrieval.embedding.training.settings import Settings

Vectors = NDArray[np.float32]
Places = NDArray[np.int64]
Rng = np.random.Generator

_SHIFT = 32  # bits of a row's number in a key of (text, row)


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
    rounds: int  # how many of them, the last ones, are rounds of talk


class Batch:
    """The texts of one step: they are embedded together, because a pass over the table is dear."""

    def __init__(self) -> None:
        self.texts: list[Numbers] = []
        self.asked: list[bool] = []

    def add(self, texts: Sequence[Numbers], *, asked: bool = False) -> slice:
        """Add texts, as queries or as passages; return where their vectors will be."""
        start = len(self.texts)
        self.texts += texts
        self.asked += [asked] * len(texts)
        return slice(start, len(self.texts))


class Table(torch.nn.Module):
    """Rows with two learned weights each: a text is the weighted sum of its rows, unit length."""

    def __init__(self, start: Vectors, log_weights: Vectors, repeat_power: float) -> None:
        """A row that stands n times in a text counts n ** `repeat_power` times."""
        super().__init__()
        self.rows = torch.nn.Parameter(torch.from_numpy(start))
        # (2, rows): in passages, in queries
        self.log_weights = torch.nn.Parameter(torch.from_numpy(np.stack([log_weights] * 2)))
        self._repeat_power = repeat_power

    def forward(self, batch: Batch) -> Tensor:
        """Return unit vectors (texts of the batch, dimension)."""
        index, offsets, counts = distinct(batch.texts)
        asked = np.repeat(batch.asked, np.diff(offsets, append=len(index))).astype(np.int64)
        rows = torch.from_numpy(index)
        weights = self.log_weights[torch.from_numpy(asked), rows].exp()
        damped = torch.from_numpy((counts**self._repeat_power).astype(np.float32))
        bags = functional.embedding_bag(
            rows,
            self.rows,
            torch.from_numpy(offsets),
            mode="sum",
            per_sample_weights=weights * damped,
        )
        return functional.normalize(bags, dim=1)

    def folded(self) -> Vectors:
        """Return the rows with their weights in passages folded in."""
        table: Vectors = (self.rows * self.log_weights[0].exp()[:, None]).detach().numpy()
        return table

    def asking(self) -> Vectors:
        """Return by how much more each folded row weighs in a query, float32 (rows,)."""
        ratio: Vectors = (self.log_weights[1] - self.log_weights[0]).exp().detach().numpy()
        return ratio


def distinct(texts: Sequence[Numbers]) -> tuple[Places, Places, Places]:
    """Return the distinct rows of each text in a row, where each text begins, and the counts."""
    owners = np.repeat(np.arange(len(texts), dtype=np.int64), list(map(len, texts)))
    keys, counts = np.unique((owners << _SHIFT) | np.concatenate(texts), return_counts=True)
    starts = np.searchsorted(keys, np.arange(len(texts), dtype=np.int64) << _SHIFT)
    return keys & ((1 << _SHIFT) - 1), starts, counts


def train_table(table: Table, lessons: Lessons, settings: Settings, kept: Path) -> None:
    """Train in place; prints the losses now and then.

    The state is kept at `kept` now and then, and training goes on from it if it is there.
    """
    optimiser = torch.optim.Adam(
        [
            {"params": [table.rows], "lr": settings.table_rate},
            {"params": [table.log_weights], "lr": settings.weight_rate},
        ],
        fused=True,
    )
    base = [group["lr"] for group in optimiser.param_groups]
    first = 0
    if kept.exists():
        state = torch.load(kept)
        first = state["step"]
        table.load_state_dict(state["table"])
        optimiser.load_state_dict(state["optimiser"])
    began = time.monotonic()
    for step in range(first, settings.table_steps):
        left = 1 - step / settings.table_steps
        for group, rate in zip(optimiser.param_groups, base, strict=True):
            group["lr"] = rate * min(1.0, left * 1.25, (step + 1) / 50)
        # Seeded by the step, so that a run that was stopped draws what it would have drawn.
        losses = _losses(table, lessons, settings, np.random.default_rng([settings.seed, step]))
        optimiser.zero_grad()
        torch.stack(losses).sum().backward()
        optimiser.step()
        if step % 50 == 0:
            shown = "  ".join(f"{loss.item():.3f}" for loss in losses)
            seconds = time.monotonic() - began
            print(f"table: step {step}  {seconds:.0f} s  {shown}", file=sys.stderr, flush=True)
        if (step + 1) % settings.kept_every == 0:
            _keep(kept, step + 1, table, optimiser)


def _keep(kept: Path, step: int, table: Table, optimiser: torch.optim.Optimizer) -> None:
    state = {"step": step, "table": table.state_dict(), "optimiser": optimiser.state_dict()}
    torch.save(state, kept.with_suffix(".new"))
    kept.with_suffix(".new").replace(kept)


def _losses(table: Table, lessons: Lessons, settings: Settings, rng: Rng) -> list[Tensor]:
    batch = Batch()
    cut = _cut(batch, lessons, settings, rng)
    posed = _posed(batch, lessons, settings, rng)
    wanted = _wanted(batch, lessons, settings, rng)
    vectors = table(batch)
    return [
        _cloze_loss(vectors, cut, settings),
        _question_loss(vectors, posed, cut, settings),
        settings.teaching * (1 - (vectors[wanted.texts] * wanted.at).sum(1)).mean(),
    ]


class _Cut(NamedTuple):
    """Queries cut out of passages, each beside what it has to find."""

    queries: slice
    passages: slice
    owners: Tensor  # (n,) the document
    titles: Tensor  # (n,) whether the query is a title


def _cut(batch: Batch, lessons: Lessons, settings: Settings, rng: Rng) -> _Cut:
    """Cut spans and titles from several passages each of some documents, and from rounds."""
    found: list[tuple[Numbers, Numbers, int, bool]] = []
    first = lessons.passages.first
    for document in rng.integers(len(first) - 1, size=settings.documents):
        low, high = int(first[document]), int(first[document + 1])
        wanted = min(settings.passages_per_document, high - low)
        for passage in low + rng.choice(high - low, size=wanted, replace=False):
            title = bool(rng.random() < settings.title_share)
            query, rest = cloze(lessons.passages, int(passage), title, settings, rng)
            found.append((query, rest, int(document), title))
    for number in rng.integers(1, lessons.rounds + 1, size=settings.talk if lessons.rounds else 0):
        place = len(lessons.short) - int(number)
        query, rest = cloze(lessons.short, place, False, settings, rng)
        found.append((query, rest, -1 - place, False))
    usable = [each for each in found if len(each[0]) and len(each[1])]
    queries, rests, owners, titles = zip(*usable, strict=True)
    return _Cut(
        batch.add(queries, asked=True),
        batch.add(rests),
        torch.tensor(owners),
        torch.tensor(titles),
    )


def cloze(
    corpus: Corpus, passage: int, title: bool, settings: Settings, rng: Rng
) -> tuple[Numbers, Numbers]:
    """Return a query cut out of (or above) a passage, and what it has to find.

    A query is a span of the passage that lost some of its words. Often the passage keeps the span,
    because questions share words with what answers them.
    """
    start, text, end = corpus.start[passage], corpus.text[passage], corpus.end[passage]
    if title:
        return corpus.words[start:text], corpus.words[text:end]
    length = int(rng.integers(settings.shortest_span, settings.longest_span + 1))
    cut = int(rng.integers(text, max(text + 1, end - length)))
    query = corpus.words[cut : min(cut + length, end)]
    query = query[rng.random(len(query)) >= rng.uniform(0, settings.most_dropped)]
    if rng.random() < settings.kept_whole:
        return query, corpus.words[start:end]
    return query, np.concatenate([corpus.words[start:cut], corpus.words[cut + length : end]])


def _cloze_loss(vectors: Tensor, cut: _Cut, settings: Settings) -> Tensor:
    """A span, or a title, must find its passage among all passages that others were cut from."""
    scores = vectors[cut.queries] @ vectors[cut.passages].T / settings.temperature
    # A title fits all passages of its document, so those are no negatives for it.
    same = (cut.owners[:, None] == cut.owners[None, :]) & cut.titles[:, None]
    same.fill_diagonal_(False)
    return functional.cross_entropy(scores.masked_fill(same, -1e4), torch.arange(len(scores)))


class _Posed(NamedTuple):
    """Questions, what answers them (in the same order) and what only looks like it."""

    questions: slice
    passages: slice
    twice: Tensor  # (questions, passages) right by another question's lesson: no negative


def _posed(batch: Batch, lessons: Lessons, settings: Settings, rng: Rng) -> _Posed:
    """Draw questions with an answer each, some words of the questions left out."""
    pairs = lessons.right[rng.integers(len(lessons.right), size=settings.asked)]
    found = [pairs[:, 1], *_hard(lessons.wrong, pairs[:, 0], settings.hard, rng)]
    others = rng.integers(len(lessons.wrong), size=settings.asked // 4)
    numbers = np.concatenate([*found, lessons.wrong[others, 1]])
    questions = [_thinned(text_of(lessons.questions, n), settings, rng) for n in pairs[:, 0]]
    twice = torch.from_numpy(numbers[None, :] == pairs[:, 1][:, None])
    twice[:, : len(pairs)].fill_diagonal_(False)
    return _Posed(
        batch.add(questions, asked=True),
        batch.add([text_of(lessons.passages, p) for p in numbers]),
        twice,
    )


def _hard(wrong: Places, questions: Places, count: int, rng: Rng) -> list[Places]:
    """Return `count` times a wrong passage of each question that has any."""
    low = np.searchsorted(wrong[:, 0], questions)
    high = np.searchsorted(wrong[:, 0], questions, side="right")
    low, high = low[high > low], high[high > low]
    drawn = rng.random((count, len(low)))
    return list(wrong[low + (drawn * (high - low)).astype(np.int64), 1])


def _thinned(question: Numbers, settings: Settings, rng: Rng) -> Numbers:
    kept = question[rng.random(len(question)) >= settings.question_dropped]
    return kept if len(kept) else question


def _question_loss(vectors: Tensor, posed: _Posed, cut: _Cut, settings: Settings) -> Tensor:
    """A question must find its passage among those of others, lookalikes and random ones."""
    questions = vectors[posed.questions] / settings.temperature
    near = (questions @ vectors[posed.passages].T).masked_fill(posed.twice, -1e4)
    far = questions @ vectors[cut.passages].detach().T
    return functional.cross_entropy(torch.cat([near, far], 1), torch.arange(len(near)))


class _Wanted(NamedTuple):
    """Texts that the teacher has seen, and where it put them."""

    texts: slice
    at: Tensor


def _wanted(batch: Batch, lessons: Lessons, settings: Settings, rng: Rng) -> _Wanted:
    """Draw long texts and short ones; half of the short ones are embedded as queries."""
    long = rng.integers(len(lessons.taught), size=settings.taught)
    short = rng.integers(len(lessons.short), size=settings.taught_short)
    texts = [text_of(lessons.passages, int(lessons.taught[n])) for n in long]
    stated, asked = np.split(short, [len(short) // 2])
    start = batch.add(texts + [text_of(lessons.short, n) for n in stated]).start
    stop = batch.add([text_of(lessons.short, n) for n in asked], asked=True).stop
    at = np.concatenate([lessons.taught_at[long], lessons.short_at[short]])
    return _Wanted(slice(start, stop), torch.from_numpy(at))


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
