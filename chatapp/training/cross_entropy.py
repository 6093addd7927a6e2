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
from torch.nn import functional

IGNORED = -100  # the target of a token that is not trained
PIECE = 2**26  # logits at a time: 256 MiB in float32


def summed_cross_entropy(
    hidden: Tensor,
    weight: Tensor,
    targets: Tensor,
    scales: Tensor | None = None,
    *,
    piece: int = PIECE,
) -> tuple[Tensor, Tensor]:
    """Return the summed cross-entropy of `hidden @ weight.T` and the loss of every token, in nats.

    Args:
        hidden: (..., D), any float dtype.
        weight: the head, (V, D).
        targets: int64, shape of `hidden` without D; `IGNORED` ones count nothing.
        scales: float32, like targets: what each token counts in the sum; 1 for all by default.
        piece: most logits to hold at a time.

    Returns:
        The scaled sum, a float32 scalar that can be differentiated, and the plain losses, float32
        like targets, which cannot. Under autocast the matrix products are of its dtype; sums and
        softmax are float32 always.
    """
    flat, flat_targets = hidden.flatten(0, -2), targets.flatten()
    counts = torch.ones_like(flat_targets, dtype=torch.float32) if scales is None else scales
    if len(flat) * len(weight) > piece:
        rows = max(1, piece // len(weight))
        total, losses = _in_pieces(flat, weight, flat_targets, counts.flatten(), rows)
    else:
        logits = functional.linear(flat, weight).float()
        losses = functional.cross_entropy(
            logits, flat_targets, ignore_index=IGNORED, reduction="none"
        )
        total = (losses * counts.flatten()).sum()
    return total, losses.detach().view_as(targets)


@torch.compiler.disable  # type: ignore[untyped-decorator]  # a loop that Dynamo would unroll
def _in_pieces(
    hidden: Tensor, weight: Tensor, targets: Tensor, scales: Tensor, rows: int
) -> tuple[Tensor, Tensor]:
    device = hidden.device.type
    if torch.is_autocast_enabled(device):
        hidden = hidden.to(torch.get_autocast_dtype(device))
    total, losses = _InPieces.apply(hidden, weight, targets, scales, rows)  # type: ignore[no-untyped-call]
    return total, losses


class _InPieces(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, hidden: Tensor, weight: Tensor, targets: Tensor, scales: Tensor, rows: int
    ) -> tuple[Tensor, Tensor]:
        head = weight.to(hidden.dtype)
        softmax = _fused_softmax() if hidden.is_cuda else _softmax
        trained = any(ctx.needs_input_grad)
        hidden_grad = torch.empty_like(hidden) if trained else hidden
        weight_grad = torch.zeros_like(weight) if trained else weight
        losses = torch.empty_like(scales)
        for start in range(0, len(hidden), rows):
            here = slice(start, start + rows)
            losses[here], logit_grad = softmax(hidden[here] @ head.T, targets[here], scales[here])
            if trained:
                torch.mm(logit_grad, head, out=hidden_grad[here])
                weight_grad += logit_grad.T @ hidden[here]
        if trained:
            ctx.save_for_backward(hidden_grad, weight_grad)
        ctx.mark_non_differentiable(losses)
        return (losses * scales).sum(), losses

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        hidden_grad, weight_grad = ctx.saved_tensors
        return hidden_grad * gradients[0], weight_grad * gradients[0], None, None, None


def _softmax(logits: Tensor, targets: Tensor, scales: Tensor) -> tuple[Tensor, Tensor]:
    """Return the (N,) losses of (N, V) logits and the scaled gradient, in the logits' dtype."""
    counts = targets != IGNORED
    chosen = torch.where(counts, targets, 0)[:, None]
    likelihoods = torch.log_softmax(logits, dim=1, dtype=torch.float32)
    losses = -likelihoods.gather(1, chosen)[:, 0] * counts
    gradient = likelihoods.exp().scatter_add(1, chosen, -torch.ones_like(likelihoods[:, :1]))
    return losses, (gradient * (counts * scales)[:, None]).to(logits.dtype)


@functools.cache
def _fused_softmax() -> Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]:
    """Compile at the first use: importing a compiler takes seconds."""
    return torch.compile(_softmax, dynamic=False)
