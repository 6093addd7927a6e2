"""The loss in pieces is the loss, and so are its gradients."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from chatapp.training.cross_entropy import IGNORED, summed_cross_entropy


def tensors() -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    hidden = torch.randn(2, 11, 8, generator=generator, requires_grad=True)
    weight = torch.randn(19, 8, generator=generator, requires_grad=True)
    targets = torch.randint(0, 19, (2, 11), generator=generator)
    targets[0, 3:6] = IGNORED
    return hidden, weight, targets


def scales() -> Tensor:
    return torch.linspace(0.5, 2.0, 22).view(2, 11)


@pytest.mark.parametrize("rows", [1, 4, 22, 100])
def test_pieces_of_any_size_give_the_loss_and_gradients_of_the_whole(rows: int) -> None:
    """A piece of one row, pieces with a rest, and one piece for all; untrained tokens included."""
    hidden, weight, targets = tensors()
    found, losses = summed_cross_entropy(hidden, weight, targets, scales(), piece=rows * 19)
    gradients = torch.autograd.grad(3 * found, (hidden, weight))
    hidden, weight, targets = tensors()
    each = functional.cross_entropy(
        (hidden @ weight.T).transpose(1, 2), targets, ignore_index=IGNORED, reduction="none"
    )
    expected = (each * scales()).sum()
    torch.testing.assert_close(losses, each.detach())
    torch.testing.assert_close(found, expected)
    for gradient, wanted in zip(
        gradients, torch.autograd.grad(3 * expected, (hidden, weight)), strict=True
    ):
        torch.testing.assert_close(gradient, wanted)


def test_pieces_work_under_autocast_and_without_gradients() -> None:
    """bfloat16 products stay within bfloat16's error of the exact loss."""
    hidden, weight, targets = tensors()
    exact = summed_cross_entropy(hidden, weight, targets)[0].item()
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        rough, _ = summed_cross_entropy(hidden, weight, targets, piece=40)
    assert rough.dtype == torch.float32
    assert rough.item() == pytest.approx(exact, rel=0.01)
