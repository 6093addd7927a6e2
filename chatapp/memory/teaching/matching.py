"""The score that recall gives a round, where gradients can follow it, and learning by it.

The thing to know: it is the score of `chatapp.memory.scoring` with its weights, so the encoder
learns what words and length do not tell already. Listwise softmax over the round that is asked
for, those that look like it, and all others of a batch (Cao et al. 2007).
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from chatapp.memory.scoring import HELD, LENGTH, NEAR
from chatapp.memory.teaching.asked import Question, Round, lexical
from retrieval.reading.encoder import Encoder

_TOGETHER = 64  # rounds
_HARD = 40  # rounds that look most like the one that is asked for
_NEAREST = 10
_DROPOUT = 0.1


class Read(NamedTuple):
    """Texts as they were read.

    `mean` (texts, width) and `states` (texts, length, kept) are of unit length, `inner`
    (texts, length) is where a piece is neither a mark nor padding.
    """

    mean: Tensor
    states: Tensor
    inner: Tensor


class Matcher(nn.Module):
    """An encoder and the turn (width, kept) of its states into fewer dimensions."""

    def __init__(self, encoder: Encoder, turn: Tensor) -> None:
        super().__init__()
        self.encoder, self.turn = encoder, nn.Parameter(turn)

    def read(self, texts: Sequence[Question | Round]) -> Read:
        """Read texts of any length together."""
        lengths = torch.tensor([len(text.ids) for text in texts])
        place = torch.arange(int(lengths.max()))[None]
        ids = torch.zeros(len(texts), int(lengths.max()), dtype=torch.long)
        for row, text in enumerate(texts):
            ids[row, : len(text.ids)] = torch.tensor(text.ids)
        with torch.autocast("cpu", torch.bfloat16, enabled=self.training):
            states = self.encoder(ids, torch.zeros_like(ids), None, _DROPOUT).float()
        seen = (place < lengths[:, None])[:, :, None]
        return Read(
            F.normalize((states * seen).sum(1), dim=-1),
            F.normalize(states @ self.turn, dim=-1),
            (place >= 1) & (place < lengths[:, None] - 1),
        )

    def scores(
        self, questions: Sequence[Question], asked: Read, rounds: Sequence[Round], read: Read
    ) -> Tensor:
        """Return the scores of all rounds for all questions, (questions, rounds)."""
        place = torch.arange(read.states.shape[1])[None]
        said = read.inner & (place <= torch.tensor([one.said for one in rounds])[:, None])
        near = torch.einsum("qid,rjd->qrij", asked.states, read.states)
        every, only = torch.zeros(2, len(questions), asked.states.shape[1])
        for row, question in enumerate(questions):
            every[row, 1 : 1 + len(question.every)] = torch.from_numpy(question.every)
            only[row, 1 : 1 + len(question.only)] = torch.from_numpy(question.only)
        held = [[lexical(question, one) for one in rounds] for question in questions]
        words, length = torch.tensor(held).unbind(2)
        total = HELD * words - LENGTH * length + NEAR.mean * asked.mean @ read.mean.T
        for within, of_every, of_only in (
            (said, NEAR.said_every, NEAR.said_terms),
            (read.inner, NEAR.whole_every, NEAR.whole_terms),
        ):
            best = near.masked_fill(~within[None, :, None], -1e4).amax(3)
            best = best * within.any(1)[None, :, None]
            weights = of_every * every + of_only * only
            total = total + torch.einsum("qri,qi->qr", best, weights)
        return total


@torch.inference_mode()
def look_alikes(
    matcher: Matcher, questions: Sequence[Question], rounds: Sequence[Round]
) -> list[list[int]]:
    """Return for each question the rounds that score best, without its own (of the same place)."""
    matcher.eval()
    order = sorted(range(len(rounds)), key=lambda number: len(rounds[number].ids))
    scores = torch.zeros(len(questions), len(rounds))
    asked = [
        (begin, part, matcher.read(part))
        for begin in range(0, len(questions), _TOGETHER)
        for part in [questions[begin : begin + _TOGETHER]]
    ]
    for low in range(0, len(order), _TOGETHER):
        places = order[low : low + _TOGETHER]
        some = [rounds[place] for place in places]
        read = matcher.read(some)
        for begin, part, heard in asked:
            scores[begin : begin + len(part), places] = matcher.scores(part, heard, some, read)
    own = torch.arange(len(questions))
    scores[own, own] = -torch.inf
    best: list[list[int]] = scores.topk(min(_HARD, len(rounds) - 1)).indices.tolist()
    return best


def _some(alike: Sequence[int], order: random.Random) -> list[int]:
    """Return two of the rounds that look most like the one asked for, and one of the others."""
    near, far = alike[:_NEAREST], alike[_NEAREST:]
    return order.sample(near, min(2, len(near))) + order.sample(far, min(1, len(far)))


def learn(
    matcher: Matcher,
    questions: Sequence[Question],
    rounds: Sequence[Round],
    *,
    steps: int,
    rate: float,
    batch: int,
    seed: int,
) -> None:
    """Train in place; the first rounds are those of the questions, the others look like them.

    The rate rises over 20 steps and falls to 0; the turn learns ten times as fast.
    """
    order, left = random.Random(seed), list[int]()
    torch.manual_seed(seed)
    alike = look_alikes(matcher, questions, rounds)
    groups = [
        {"params": list(matcher.encoder.parameters()), "scale": rate},
        {"params": [matcher.turn], "scale": 10 * rate},
    ]
    optimiser = torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.98))
    matcher.train()
    for step in range(steps):
        for group in optimiser.param_groups:
            group["lr"] = group["scale"] * min(1, (step + 1) / 20) * (1 - step / steps)
        if len(left) < batch:
            left = order.sample(range(len(questions)), len(questions))
        chosen = [left.pop() for _ in range(batch)]
        places = list(chosen)
        for one in chosen:
            places += _some(alike[one], order)
        places = list(dict.fromkeys(places))
        asked, some = [questions[one] for one in chosen], [rounds[place] for place in places]
        scores = matcher.scores(asked, matcher.read(asked), some, matcher.read(some))
        loss = F.cross_entropy(scores, torch.tensor([places.index(one) for one in chosen]))
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(matcher.parameters(), 1.0)
        optimiser.step()
        if (step + 1) % 20 == 0:
            print(f"step {step + 1} of {steps}: loss {loss.item():.3f}", flush=True)
    matcher.eval()
