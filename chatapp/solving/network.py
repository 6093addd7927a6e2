"""The solver's network: an encoder over the problem, and a decoder that points at numbers.

The thing to know: a program is said one choice at a time (operation, left operand, right operand)
as in the pointer networks of Vinyals et al. (2015): operands are numbers of the text, constants and
results of earlier steps, so that a result can be used twice, unlike in the trees of Xie and Sun
(2019). The encoder is the reader's (`retrieval.reading.encoder`), told which pieces are numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from chatapp.solving.programs import CONSTANTS, OPERANDS, STEPS
from chatapp.solving.quantities import KINDS
from retrieval.reading.encoder import OFF, Encoder, Shape

OPERATIONS = 5  # stop, and the four signs
PLACES = 3 * STEPS + 1
_HEADS = 6


@dataclass(frozen=True)
class SolverShape:
    """Sizes: those of the encoder, and how many layers the decoder has."""

    encoder: Shape
    layers: int = 3


class Problems(NamedTuple):
    """A batch of problems.

    `ids`, `marks` (batch, pieces): piece ids, 0 at padding, and 1 + the kind of the number that a
    piece belongs to; `firsts` (batch, 24): the first piece of each number; `there` (batch, 48):
    which numbers and which of their shares (25 % as 0.25) there are.
    """

    ids: Tensor
    marks: Tensor
    firsts: Tensor
    there: Tensor


class Said(NamedTuple):
    """What was chosen so far, each (batch, steps): operations, left and right operands."""

    operations: Tensor
    lefts: Tensor
    rights: Tensor


class Memory(NamedTuple):
    """What the decoder looks at: states of the text, where it is padded, numbers to point at."""

    states: Tensor  # (batch, pieces, width)
    padding: Tensor  # (batch, 1, 1, pieces), -1e4 at padding
    entered: Tensor  # (batch, operands, width): what a chosen operand tells the next choice
    keys: Tensor  # (batch, operands − results, width)
    there: Tensor  # (batch, operands − results)


class Choices(NamedTuple):
    """Logits: (batch, steps + 1, 5), (batch, steps, operands) twice."""

    operations: Tensor
    lefts: Tensor
    rights: Tensor


class _Layer(nn.Module):
    """Self-attention over what was said, attention to the text, a feed-forward network."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(3))
        self.mix, self.mixed = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.ask, self.look = nn.Linear(width, width), nn.Linear(width, 2 * width)
        self.seen = nn.Linear(width, width)
        self.inward, self.outward = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: Tensor, memory: Memory, dropout: float) -> Tensor:
        q, k, v = self.mix(self.norms[0](x)).chunk(3, -1)
        own = F.scaled_dot_product_attention(_split(q), _split(k), _split(v), is_causal=True)
        x = x + F.dropout(self.mixed(_joined(own)), dropout, self.training)
        looked = self.look(memory.states).expand(len(x), -1, -1)  # one text, many programs
        k, v = looked.chunk(2, -1)
        asked = _split(self.ask(self.norms[1](x)))
        found = F.scaled_dot_product_attention(
            asked, _split(k), _split(v), memory.padding.to(asked.dtype)
        )
        x = x + F.dropout(self.seen(_joined(found)), dropout, self.training)
        inner = self.outward(F.gelu(self.inward(self.norms[2](x))))
        read: Tensor = x + F.dropout(inner, dropout, self.training)
        return read


class SolverNetwork(nn.Module):
    """Problem → program."""

    def __init__(self, shape: SolverShape, dropout: float = 0.1) -> None:
        super().__init__()
        self.shape, self.dropout = shape, dropout
        width = shape.encoder.width
        self.encoder = Encoder(shape.encoder)
        self.marks = nn.Embedding(KINDS + 1, width)
        nn.init.zeros_(self.marks.weight)  # an encoder that has learnt begins undisturbed
        self.number_in, self.number_key = nn.Linear(width, width), nn.Linear(width, width)
        self.forms_in, self.forms_key = _table(2, width), _table(2, width)  # as told, as a share
        self.constants_in = _table(len(CONSTANTS), width)
        self.constants_key = _table(len(CONSTANTS), width)
        self.results_in, self.results_key = _table(STEPS, width), _table(STEPS, width)
        self.result_key = nn.Linear(width, width)
        self.operations_in = _table(OPERATIONS, width)
        self.begin, self.places = _table(1, width), _table(PLACES, width)
        self.layers = nn.ModuleList(_Layer(width) for _ in range(shape.layers))
        self.norm = nn.LayerNorm(width)
        self.operation = nn.Linear(width, OPERATIONS)
        self.left, self.right = nn.Linear(width, width), nn.Linear(width, width)

    def forward(self, problems: Problems, said: Said) -> Choices:
        """Return the logits of every choice, each given the choices before it."""
        return self.choices(self.memory(problems), said)

    def memory(self, problems: Problems) -> Memory:
        """Read the problems."""
        types = torch.zeros_like(problems.ids)
        told = self.marks(problems.marks)
        states = self.encoder(problems.ids, types, told, self.dropout)
        where = problems.firsts[:, :, None].expand(-1, -1, states.shape[2])
        numbers = states.gather(1, where)
        batch = len(states)
        forms = [self.number_in(numbers) + form for form in self.forms_in]
        fixed = torch.cat([self.constants_in, self.results_in]).expand(batch, -1, -1)
        keys = [self.number_key(numbers) + form for form in self.forms_key]
        constants = problems.there.new_ones(batch, len(CONSTANTS))
        return Memory(
            states,
            ((problems.ids == 0) * OFF)[:, None, None, :],
            torch.cat([*forms, fixed.to(states.dtype)], 1),
            torch.cat([*keys, self.constants_key.expand(batch, -1, -1).to(states.dtype)], 1),
            torch.cat([problems.there, constants], 1),
        )

    def choices(self, memory: Memory, said: Said) -> Choices:
        """Return the logits of every choice after each prefix of `said`."""
        batch, steps = said.operations.shape
        x = self._entered(memory, said) + self.places[: 3 * steps + 1]
        for layer in self.layers:
            x = layer(x, memory, self.dropout)
        x = self.norm(x)
        done = x[:, 3::3]  # (batch, steps, width): after each step's right operand
        results = self.result_key(done) + self.results_key[:steps]
        keys = torch.cat([memory.keys, results.to(memory.keys.dtype)], 1)
        order = torch.arange(steps, device=x.device)
        earlier = (order[None, :] < order[:, None]).expand(batch, -1, -1)
        there = memory.there[:, None, :].expand(-1, steps, -1)
        off = (~torch.cat([there, earlier], 2)).float() * OFF
        rest = (0, OPERANDS - off.shape[2])
        scale = x.shape[2] ** -0.5
        pointed = [
            F.pad(
                (head(x[:, at::3][:, :steps]) @ keys.transpose(1, 2)).float() * scale + off,
                rest,
                value=OFF,
            )
            for head, at in ((self.left, 1), (self.right, 2))
        ]
        return Choices(self.operation(x[:, 0::3]).float(), *pointed)

    def _entered(self, memory: Memory, said: Said) -> Tensor:
        """Return what was said as (batch, 3 · steps + 1, width), the beginning first."""
        batch, steps = said.operations.shape
        width = memory.entered.shape[2]
        operands = [
            memory.entered.gather(1, chosen[:, :, None].expand(-1, -1, width))
            for chosen in (said.lefts, said.rights)
        ]
        operations = self.operations_in[said.operations].to(memory.entered.dtype)
        steps_in = torch.stack([operations, *operands], 2).view(batch, 3 * steps, width)
        begin = self.begin.expand(batch, 1, width).to(steps_in.dtype)
        return torch.cat([begin, steps_in], 1)


def _table(rows: int, width: int) -> nn.Parameter:
    return nn.Parameter(torch.randn(rows, width) * 0.02)


def _split(x: Tensor) -> Tensor:
    batch, length, width = x.shape
    return x.view(batch, length, _HEADS, width // _HEADS).transpose(1, 2)


def _joined(x: Tensor) -> Tensor:
    return x.transpose(1, 2).flatten(2)
