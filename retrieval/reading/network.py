"""The reader's network: explicit match features and word vectors, mixed by a few light blocks.

The thing to know: with little to learn from, a reader cannot discover that equal words on both
sides matter; it is told (DrQA, Chen et al. 2017). `match_features` computes what it is told from
the two sides' keys alone, on any device, in training and in use alike. Each passage token then
takes in the question words it resembles, and dilated convolutions read on from there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from retrieval.reading.kinds import KINDS
from retrieval.reading.words import SHAPES

PASSAGE_FEATURES = 16
QUESTION_FEATURES = 8
SIDES = 3  # question, title, passage
LONGEST = 24  # tokens of an answer
OFF = -1e4  # the logit of what cannot be
_WINDOWS = (2, 5, 12)


@dataclass(frozen=True)
class Shape:
    """The sizes of a reader; `rows` of the table of word vectors, `vector` their dimension."""

    rows: int
    vector: int = 192
    width: int = 128
    heads: int = 4
    blocks: int = 4
    kernel: int = 3
    attention: int = 2  # self-attention layers


class Side(NamedTuple):
    """One side of a batch, each (batch, length): zeros are padding.

    `sentences` numbers the sentences from 1; `sides` says question (0), title (1) or passage (2).
    """

    rows: Tensor
    keys: Tensor
    stems: Tensor
    rarity: Tensor
    shapes: Tensor
    sentences: Tensor
    sides: Tensor

    @property
    def mask(self) -> Tensor:
        """Return where there is a token."""
        return self.keys > 0


class Judged(NamedTuple):
    """What the network says: a logit for every span and for "no answer", and two judgements.

    `spans`: (batch, passage length, 24), the span that begins at a token and is 1 … 24 tokens long,
    about -1e4 off the passage; `null`, `relevance`, `support`: (batch,) logits.
    """

    spans: Tensor
    null: Tensor
    relevance: Tensor
    support: Tensor


def match_features(
    question: Side, passage: Side, question_vectors: Tensor, passage_vectors: Tensor
) -> tuple[Tensor, Tensor]:
    """Return what equal and similar words tell: (batch, question, 8) and (batch, passage, 16).

    The vectors are (batch, length, dimension) of unit length.
    """
    exact = (passage.keys[:, :, None] == question.keys[:, None, :]) & passage.mask[:, :, None]
    stem = (passage.stems[:, :, None] == question.stems[:, None, :]) & passage.mask[:, :, None]
    exact, stem = exact.float(), stem.float()
    weight = question.rarity  # 0 for stop words, punctuation and padding
    counted = (weight > 0).float()
    share = weight / weight.sum(1, keepdim=True).clamp_min(1e-6)
    alike = torch.bmm(passage_vectors, question_vectors.transpose(1, 2))
    alike = alike * counted[:, None, :] * (passage.rarity > 0).float()[:, :, None]

    met = stem * counted[:, None, :]
    in_title = (met * (passage.sides == 1).float()[:, :, None]).amax(1)
    body = met * (passage.sides == 2).float()[:, :, None]
    sentences = passage.sentences.clamp_max(63)
    which = F.one_hot(sentences, int(sentences.max()) + 1).float()
    in_sentence = torch.bmm(which.transpose(1, 2), body).clamp_max(1.0)  # (batch, sentences, q)
    covered = torch.bmm(in_sentence, share[:, :, None])
    with_title = torch.bmm(torch.maximum(in_sentence, in_title[:, None, :]), share[:, :, None])
    of_token = torch.bmm(which, torch.cat([covered, with_title], 2))
    best = covered.amax(1, keepdim=True).clamp_min(1e-6)
    whole = (body.amax(1) * share).sum(1)
    everything = (torch.maximum(body.amax(1), in_title) * share).sum(1)

    near = [
        torch.einsum(
            "bqp,bq->bp",
            F.max_pool1d(body.transpose(1, 2), 2 * reach + 1, stride=1, padding=reach),
            share,
        )
        for reach in _WINDOWS
    ]
    pairs = torch.zeros_like(exact)
    pairs[:, 1:, 1:] = exact[:, 1:, 1:] * exact[:, :-1, :-1]
    told = torch.stack(
        [
            exact.amax(2),
            (exact * weight[:, None, :]).amax(2),
            (stem * weight[:, None, :]).amax(2),
            alike.amax(2),
            (alike * weight[:, None, :]).sum(2) / weight.sum(1, keepdim=True).clamp_min(1e-6),
            pairs.amax(2),
            *near,
            of_token[:, :, 0],
            of_token[:, :, 1],
            of_token[:, :, 0] / best[:, :, 0],
            whole[:, None].expand_as(passage.rarity),
            everything[:, None].expand_as(passage.rarity),
            passage.rarity,
            (passage.rarity > 0).float(),
        ],
        2,
    )
    asked = torch.stack(
        [
            exact.amax(1),
            body.amax(1),
            in_title,
            alike.amax(1),
            weight,
            share,
            whole[:, None].expand_as(weight),
            everything[:, None].expand_as(weight),
        ],
        2,
    )
    return asked, told


def _dropped(x: Tensor, chance: float, training: bool) -> Tensor:
    """Drop whole channels of an example: as good here as single values, and far cheaper."""
    if not training or not chance:
        return x
    kept = (torch.rand(x.shape[0], 1, x.shape[2], device=x.device) >= chance) / (1 - chance)
    return x * kept.to(x.dtype)


class Block(nn.Module):
    """Local mixing by a dilated convolution with a residual; pre-norm (Wu et al. 2017)."""

    def __init__(self, width: int, kernel: int, dilation: int) -> None:
        super().__init__()
        self.kernel, self.dilation = kernel, dilation
        self.norm = nn.LayerNorm(width)
        self.inward = nn.Linear(kernel * width, 2 * width)
        self.outward = nn.Linear(2 * width, width)

    def forward(self, x: Tensor, mask: Tensor, dropout: float) -> Tensor:
        """Return (batch, length, width); `mask` is (batch, length, 1) of the dtype of `x`."""
        reach, length = self.kernel // 2 * self.dilation, x.shape[1]
        padded = F.pad(self.norm(x) * mask, (0, 0, reach, reach))
        steps = range(0, self.kernel * self.dilation, self.dilation)
        around = torch.cat([padded[:, step : step + length] for step in steps], 2)
        mixed = _dropped(F.relu(self.inward(around)), dropout, self.training)
        mixed_in: Tensor = x + self.outward(mixed)
        return mixed_in


class Attention(nn.Module):
    """Self-attention over the passage with a residual; pre-norm."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(width)
        self.mix = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor, mask: Tensor, dropout: float) -> Tensor:
        """Return (batch, length, width); `mask` is (batch, length, 1) of the dtype of `x`."""
        batch, length, width = x.shape
        parts = self.mix(self.norm(x)).view(batch, length, 3, self.heads, width // self.heads)
        q, k, v = parts.permute(2, 0, 3, 1, 4)
        off = ((1 - mask) * OFF).view(batch, 1, 1, length)
        scores = q @ k.transpose(2, 3) * (width // self.heads) ** -0.5 + off
        seen = scores.softmax(3).to(v.dtype) @ v
        seen = self.out(seen.transpose(1, 2).reshape(batch, length, width))
        return x + _dropped(seen, dropout, self.training)


class SpanHead(nn.Module):
    """Every short span scored as a whole (Lee et al. 2016), on top of its start and its end.

    A start and an end that are likely each for themselves may belong to different answers. So how
    well they go together counts, what every token in the span adds or costs, and the length.
    """

    def __init__(self, width: int, hidden: int = 48) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(width, hidden), nn.Linear(width, hidden)
        self.inside = nn.Linear(width, 1)
        self.length = nn.Parameter(torch.zeros(LONGEST))
        for untrained in (*self.last.parameters(), *self.inside.parameters()):
            nn.init.zeros_(untrained)

    def forward(self, read: Tensor, starts: Tensor, ends: Tensor) -> Tensor:
        """Return (batch, length, 24) from states (batch, length, width) and their logits."""
        sums = self.inside(read)[:, :, 0].float().cumsum(1)
        before = F.pad(sums, (1, 0))[:, :-1]
        pairs = torch.bmm(self.first(read), self.last(read).transpose(1, 2)).float()
        pairs = pairs + (starts - before)[:, :, None] + (ends + sums)[:, None, :]
        return _band(pairs) + self.length


def _band(pairs: Tensor) -> Tensor:
    """Return the 24 values from the diagonal on of each row of (batch, length, length)."""
    length = pairs.shape[1]
    wide = F.pad(pairs, (0, LONGEST), value=OFF).flatten(1)  # rows of one more start one later
    return F.pad(wide, (0, length)).view(len(pairs), length, length + LONGEST + 1)[:, :, :LONGEST]


class ReaderNetwork(nn.Module):
    """(question, passage) → spans, no answer, relevance, support.

    Both sides are encoded, each passage token takes in the question words that it resembles, and
    what follows reads the passage alone: cheaper than attention over both, and quicker to learn.
    """

    table: Tensor

    def __init__(self, shape: Shape, dropout: float = 0.1) -> None:
        """The table of word vectors is a buffer, fixed: set it with `set_vectors`."""
        super().__init__()
        self.shape, self.dropout = shape, dropout
        width, vector, kernel = shape.width, shape.vector, shape.kernel
        self.register_buffer("table", torch.zeros(shape.rows, vector), persistent=False)
        self.tuned = nn.Embedding(TUNED, vector)
        nn.init.zeros_(self.tuned.weight)
        self.vector_in = nn.Linear(vector, width)
        self.aligned_in = nn.Linear(vector, width)
        self.align = nn.Linear(vector, 64)
        self.question_in = nn.Linear(QUESTION_FEATURES, width)
        self.passage_in = nn.Linear(PASSAGE_FEATURES, width)
        self.shapes = nn.Embedding(SHAPES, width)
        self.kinds = nn.Embedding(KINDS, width)
        self.sides = nn.Embedding(SIDES, width)
        self.asked = nn.ModuleList(Block(width, kernel, 1) for _ in range(2))
        self.weigh = nn.Linear(width, 1)
        self.gist_in = nn.Linear(width, 2 * width)
        self.read = nn.ModuleList(Block(width, kernel, 2**n) for n in range(2))
        self.ask_key, self.read_key = nn.Linear(width, width), nn.Linear(width, width)
        self.fuse = nn.Linear(3 * width, width)
        self.reread = nn.ModuleList(Block(width, kernel, 2 ** (n % 4)) for n in range(shape.blocks))
        self.look = nn.ModuleList(Attention(width, shape.heads) for _ in range(shape.attention))
        self.last_norm = nn.LayerNorm(width)
        self.span_key = nn.Linear(width, 2 * width)
        self.span = nn.Linear(width, 2)
        self.whole = SpanHead(width)
        self.pool = nn.Linear(3 * width + 2, width)
        self.judge = nn.Linear(width, 3)  # no answer, relevance, support

    def set_vectors(self, table: Tensor) -> None:
        """Take the word vectors, (rows, vector), of unit length or zero."""
        self.table = table

    def forward(self, question: Side, passage: Side, kind: Tensor) -> Judged:
        """Read a batch; `kind` (batch,) is the kind of each question."""
        drop = self.dropout
        low = torch.is_autocast_enabled(kind.device.type)
        dtype = torch.bfloat16 if low else self.vector_in.weight.dtype
        q_vectors, p_vectors = self._vectors(question), self._vectors(passage)
        asked, told = match_features(
            question, passage, self.table[question.rows], self.table[passage.rows]
        )
        q_mask, p_mask = question.mask[:, :, None].to(dtype), passage.mask[:, :, None].to(dtype)
        q = self._taken_in(q_vectors, question) + self.question_in(asked)
        q = (q + self.kinds(kind)[:, None, :]).to(dtype)
        for block in self.asked:
            q = block(q, q_mask, drop)
        off = (1 - question.mask.to(dtype)) * OFF
        weights = (self.weigh(q)[:, :, 0] + off).softmax(1)
        gist = torch.bmm(weights[:, None, :].to(dtype), q)
        add, scale = self.gist_in(gist).chunk(2, 2)

        p = self._taken_in(p_vectors, passage) + self.passage_in(told)
        p = p + self.aligned_in(self._aligned(q_vectors, p_vectors, off))
        p = (p.to(dtype) * (1 + scale) + add).to(dtype)
        for block in self.read:
            p = block(p, p_mask, drop)
        scores = torch.bmm(self.read_key(p), self.ask_key(q).transpose(1, 2))
        scores = scores * self.shape.width**-0.5 + off[:, None, :]
        met = torch.bmm(scores.softmax(2).to(dtype), q)
        p = p + self.fuse(torch.cat([p, met, p * met], 2))
        for number, block in enumerate(self.reread):
            p = block(p, p_mask, drop)
            if number < len(self.look):
                p = self.look[number](p, p_mask, drop)
        return self._judge(self.last_norm(p), gist, passage, told)

    def _vectors(self, side: Side) -> Tensor:
        fine = self.tuned(side.rows.clamp_max(TUNED - 1)) * (side.rows < TUNED)[:, :, None]
        vectors: Tensor = self.table[side.rows] + fine
        return vectors

    def _taken_in(self, vectors: Tensor, side: Side) -> Tensor:
        seen = self.vector_in(_dropped(vectors, self.dropout, self.training))
        taken: Tensor = seen + self.shapes(side.shapes) + self.sides(side.sides)
        return taken

    def _aligned(self, q_vectors: Tensor, p_vectors: Tensor, off: Tensor) -> Tensor:
        """Return for each passage token the question words that it resembles, mixed (DrQA)."""
        q, p = F.relu(self.align(q_vectors)), F.relu(self.align(p_vectors))
        scores = torch.bmm(p, q.transpose(1, 2)) + off[:, None, :]
        return torch.bmm(scores.softmax(2).to(q_vectors.dtype), q_vectors)

    def _judge(self, read: Tensor, gist: Tensor, passage: Side, told: Tensor) -> Judged:
        body = (passage.sides.eq(2) & passage.mask)[:, :, None]
        most = read.masked_fill(~body, torch.finfo(read.dtype).min).amax(1)
        mean = (read * body).sum(1) / body.sum(1).clamp_min(1)
        pooled = [most, mean, gist[:, 0], told[:, 0, 12:14].to(read.dtype)]
        judged = self.judge(torch.tanh(self.pool(torch.cat(pooled, 1)))).float()
        keys = self.span_key(gist).view(len(read), 2, -1)
        spans = torch.bmm(read, keys.transpose(1, 2).to(read.dtype)) * self.shape.width**-0.5
        spans = (spans + self.span(read)).float().masked_fill(~body, OFF)
        whole = self.whole(read, spans[:, :, 0], spans[:, :, 1])
        return Judged(whole, *judged.unbind(1))


TUNED = 2_000  # the most frequent words' vectors are tuned with the task, as in DrQA
