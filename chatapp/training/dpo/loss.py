"""The loss of direct preference optimisation (arXiv:2305.18290), a pure function."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor
from torch.nn import functional


class PreferenceLoss(NamedTuple):
    """The loss, the mean margin of implicit rewards in nats, and the share of pairs above 0."""

    loss: Tensor
    margin: Tensor
    accuracy: Tensor


def preference_loss(
    chosen: Tensor,
    rejected: Tensor,
    reference_chosen: Tensor,
    reference_rejected: Tensor,
    *,
    beta: float,
    smoothing: float = 0.0,
) -> PreferenceLoss:
    """`-log sigmoid(beta * ((c - c_ref) - (r - r_ref)))`, mean over pairs.

    Args:
        chosen: log-probability of each preferred answer under the policy, float32 (P,).
        rejected: the same of the other answer.
        reference_chosen: both under the frozen reference policy.
        reference_rejected: see `reference_chosen`.
        beta: how dear it is to leave the reference.
        smoothing: share of labels taken to be wrong, 0 for none (conservative DPO).
    """
    margin = beta * ((chosen - reference_chosen) - (rejected - reference_rejected))
    losses = -(1 - smoothing) * functional.logsigmoid(margin) - smoothing * functional.logsigmoid(
        -margin
    )
    return PreferenceLoss(
        losses.mean(), margin.detach().mean(), (margin.detach() > 0).float().mean()
    )
