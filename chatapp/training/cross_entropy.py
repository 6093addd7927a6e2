"""Cross-entropy of a large vocabulary whose logits never lie in memory all at once.

64k tokens times a vocabulary of 32k would be 8 GiB of float32 logits. The gradient of the logits
is known as soon as they are, so it is computed with them, piece by piece, and only the gradients
of the hidden states and of the head are kept: the idea of Liger Kernel's fused linear
cross-entropy (arXiv:2410.10989). What fits into one piece takes the plain way, which the compiler
fuses better.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx
from torch.nn import functional

IGNORED = -100  # the target of a token that is not trained
PIECE = 2**26  # logits at a time: 256 MiB in float32


def summed_cross_entropy(
    hidden: Tensor, weight: Tensor, targets: Tensor, *, piece: int = PIECE
) -> Tensor:
    """Return the summed cross-entropy of `hidden @ weight.T`, in nats, as a float32 scalar.

    Args:
        hidden: (..., D), any float dtype.
        weight: the head, (V, D).
        targets: int64, shape of `hidden` without D; `IGNORED` ones count nothing.
        piece: most logits to hold at a time.

    Under autocast the matrix products are of its dtype; sums and softmax are float32 always.
    """
    flat, flat_targets = hidden.flatten(0, -2), targets.flatten()
    if len(flat) * len(weight) <= piece:
        logits = functional.linear(flat, weight).float()
        return functional.cross_entropy(logits, flat_targets, ignore_index=IGNORED, reduction="sum")
    return _in_pieces(flat, weight, flat_targets, max(1, piece // len(weight)))


@torch.compiler.disable  # a loop that Dynamo would unroll; what pays is compiled inside
def _in_pieces(hidden: Tensor, weight: Tensor, targets: Tensor, rows: int) -> Tensor:
    device = hidden.device.type
    if torch.is_autocast_enabled(device):
        hidden = hidden.to(torch.get_autocast_dtype(device))
    loss: Tensor = _InPieces.apply(hidden, weight, targets, rows)
    return loss


class _InPieces(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: FunctionCtx, hidden: Tensor, weight: Tensor, targets: Tensor, rows: int
    ) -> Tensor:
        head = weight.to(hidden.dtype)
        softmax = _fused_softmax() if hidden.is_cuda else _softmax
        trained = any(ctx.needs_input_grad)  # type: ignore[attr-defined]
        hidden_grad = torch.empty_like(hidden) if trained else None
        weight_grad = torch.zeros_like(weight) if trained else None
        loss = torch.zeros((), dtype=torch.float32, device=hidden.device)
        for start in range(0, len(hidden), rows):
            here = slice(start, start + rows)
            part_loss, logit_grad = softmax(hidden[here] @ head.T, targets[here])
            loss += part_loss
            if hidden_grad is not None and weight_grad is not None:
                torch.mm(logit_grad, head, out=hidden_grad[here])
                weight_grad += logit_grad.T @ hidden[here]
        if trained:
            ctx.save_for_backward(hidden_grad, weight_grad)
        return loss

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        hidden_grad, weight_grad = ctx.saved_tensors
        return hidden_grad * gradients[0], weight_grad * gradients[0], None, None


def _softmax(logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Return the summed loss of (N, V) logits and its gradient, in the dtype of the logits."""
    counts = targets != IGNORED
    chosen = torch.where(counts, targets, 0)[:, None]
    likelihoods = torch.log_softmax(logits, dim=1, dtype=torch.float32)
    loss = -(likelihoods.gather(1, chosen)[:, 0] * counts).sum()
    gradient = likelihoods.exp().scatter_add(1, chosen, -torch.ones_like(likelihoods[:, :1]))
    return loss, (gradient * counts[:, None]).to(logits.dtype)


@functools.cache
def _fused_softmax() -> Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """Compile at the first use: importing a compiler takes seconds."""
    return torch.compile(_softmax, dynamic=False)
