"""The reader's network: an encoder that is told which words match, heads for spans and verdicts.

The thing to know: with little to learn from, it helps to be told what equal words, equal stems and
their rarity say (DrQA, Chen et al. 2017). `match_features` says it of each word of a passage,
`asked_features` of each word of the question: one that the passage does not hold is often why
there is no answer. Both follow from the two sides' keys alone, in training and in use alike, and
are added where the encoder reads each word.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from retrieval.reading.encoder import OFF, Encoder, Shape
from retrieval.reading.kinds import KINDS
from retrieval.reading.words import BEGIN, END, SHAPES

FEATURES = 14  # of a passage's word
ASKED_FEATURES = 7  # of a question's word
SIDES = 3  # question, title, passage
LONGEST = 24  # words of an answer
_WINDOWS = (2, 5, 12)
_WHOLE = slice(10, 12)  # the features that are the same for every word of a passage


class Side(NamedTuple):
    """One side of a batch, each (batch, length), `pieces` (batch, length, 6): zeros are padding.

    `sentences` numbers the sentences from 1; `sides` says question (0), title (1) or passage (2).
    """

    pieces: Tensor
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


def match_features(question: Side, passage: Side) -> Tensor:
    """Return what equal words tell about each word of a passage, (batch, passage, 14)."""
    exact = (passage.keys[:, :, None] == question.keys[:, None, :]) & passage.mask[:, :, None]
    stem = (passage.stems[:, :, None] == question.stems[:, None, :]) & passage.mask[:, :, None]
    exact, stem = exact.float(), stem.float()
    weight = question.rarity  # 0 for stop words, punctuation and padding
    counted = (weight > 0).float()
    share = weight / weight.sum(1, keepdim=True).clamp_min(1e-6)

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
    return torch.stack(
        [
            exact.amax(2),
            (exact * weight[:, None, :]).amax(2),
            (stem * weight[:, None, :]).amax(2),
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


def asked_features(question: Side, passage: Side) -> Tensor:
    """Return what equal words tell about each word of a question, (batch, question, 7)."""
    words = question.mask.float()
    body = (passage.sides == 2)[:, None, :]
    title = (passage.sides == 1)[:, None, :]
    exact = (question.keys[:, :, None] == passage.keys[:, None, :]) & question.mask[:, :, None]
    stem = (question.stems[:, :, None] == passage.stems[:, None, :]) & question.mask[:, :, None]
    stem = stem & passage.mask[:, None, :]
    said = (exact & body).any(2).float()
    meant = (stem & body).any(2).float()
    titled = (stem & title).any(2).float()
    followed = torch.zeros_like(said)  # with the next word of the question, in this order
    pairs = exact & body
    followed[:, :-1] = (pairs[:, :-1, :-1] & pairs[:, 1:, 1:]).any(2).float()
    absent = words * (1 - torch.maximum(meant, titled))
    counted = (question.rarity > 0).float()
    weight = question.rarity
    return torch.stack(
        [said, meant, titled, followed, absent * counted, absent * weight, weight], 2
    )


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

    Question and passage are one sequence of pieces; a word's state is that of its first piece.
    """

    def __init__(self, shape: Shape, dropout: float = 0.1) -> None:
        super().__init__()
        self.shape, self.dropout = shape, dropout
        width = shape.width
        self.encoder = Encoder(shape)
        self.told = nn.Linear(FEATURES, width)
        self.told_asked = nn.Linear(ASKED_FEATURES, width)
        self.shapes = nn.Embedding(SHAPES, width)
        self.sides = nn.Embedding(SIDES, width)
        self.kinds = nn.Embedding(KINDS, width)
        for added in (self.told, self.told_asked, self.shapes, self.sides, self.kinds):
            for untrained in added.parameters():
                nn.init.zeros_(untrained)  # an encoder that has learnt begins undisturbed
        self.span = nn.Linear(width, 2)
        self.whole = SpanHead(width)
        self.pool = nn.Linear(3 * width + 2, width)
        self.judge = nn.Linear(width, 3)  # no answer, relevance, support

    def forward(self, question: Side, passage: Side, kind: Tensor) -> Judged:
        """Read a batch; `kind` (batch,) is the kind of each question."""
        features = match_features(question, passage)
        line = _line(question, passage, self.shape.longest)
        told = self.told(features) + self.shapes(passage.shapes) + self.sides(passage.sides)
        told = told * line.seen[:, :, None]
        added = told.new_zeros(*line.ids.shape, self.shape.width)
        where = line.firsts[:, :, None].expand_as(told)
        added = added.scatter_add(1, where, told)
        told_asked = self.told_asked(asked_features(question, passage))
        told_asked = told_asked * question.mask[:, :, None]
        where_asked = line.asked[:, :, None].expand_as(told_asked)
        added = added.scatter_add(1, where_asked, told_asked.to(added.dtype))
        kinds = F.pad(self.kinds(kind)[:, None, :], (0, 0, 0, line.ids.shape[1] - 1))
        states = self.encoder(line.ids, line.types, added + kinds, self.dropout)
        read = states.gather(1, where)
        body = (passage.sides.eq(2) & line.seen)[:, :, None]
        most = read.masked_fill(~body, torch.finfo(read.dtype).min).amax(1)
        asked = states.gather(1, where_asked)
        asked = asked.masked_fill(~question.mask[:, :, None], torch.finfo(asked.dtype).min).amax(1)
        whole = features[:, 0, _WHOLE].to(read.dtype)
        pooled = torch.cat([states[:, 0], most, whole, asked], 1)
        judged = self.judge(torch.tanh(self.pool(pooled))).float()
        spans = self.span(read).float().masked_fill(~body, OFF)
        return Judged(self.whole(read, spans[:, :, 0], spans[:, :, 1]), *judged.unbind(1))


class _Line(NamedTuple):
    """Question and passage as one line of pieces, (batch, line), 0 at its end.

    `firsts` (batch, passage) says where each word begins, `seen` whether it is on the line;
    `asked` (batch, question) where each word of the question begins, which always is.
    """

    ids: Tensor
    types: Tensor
    firsts: Tensor
    seen: Tensor
    asked: Tensor


def _line(question: Side, passage: Side, longest: int) -> _Line:
    batch, words, most = passage.pieces.shape
    begin, end = passage.pieces.new_zeros(2, batch, 1, most)
    begin[:, :, 0], end[:, :, 0] = BEGIN, END
    parts = [begin, question.pieces, end, passage.pieces, end]
    ids = torch.cat(parts, 1).flatten(1)
    before = most * (2 + question.pieces.shape[1])
    types = (torch.arange(ids.shape[1], device=ids.device) >= before).expand_as(ids).long()
    there = ids > 0
    place = there.cumsum(1) - 1
    length = min(longest, int(place.max()) + 1)
    place = place.where(there & (place < length), length)  # one place more for what has none
    line = ids.new_zeros(2, batch, length + 1)
    firsts = place[:, before : before + most * words : most]
    return _Line(
        line[0].scatter(1, place, ids)[:, :length],
        line[1].scatter(1, place, types)[:, :length],
        firsts.clamp_max(length - 1),
        (firsts < length) & passage.mask,
        place[:, most : before - most : most].clamp_max(length - 1),
    )
