"""The reward model as a function and as files.

A reward is the head's output at the token that ends the answer. `model/` of the reward stage is an
ordinary model directory with one file more, the head.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from chatapp.model.checkpoint import ModelUnavailable, load_model
from chatapp.training.answers import Answered, Rows, pad_rows
from chatapp.training.heads.model import HeadedGPT
from chatapp.training.reward.data import RankedBatch
from chatapp.training.reward.loss import ranking_accuracy, ranking_loss

HEAD_FILE = "reward_head.safetensors"


def rewards_of(model: HeadedGPT, rows: Rows) -> Tensor:
    """Return the reward of each answer, float32 (B,)."""
    return model.at(rows.tokens, rows.lengths - 1)[:, 0]


def batch_rewards(model: HeadedGPT, batch: RankedBatch) -> Tensor:
    """Return the rewards of a batch, float32 (G, K), 0 where an answer is missing.

    Every answer is read once, however many pairs it is in.
    """
    there = batch.lengths > 0
    rewards = model.at(batch.tokens[there], batch.lengths[there] - 1)[:, 0]
    return torch.zeros(there.shape, device=rewards.device).masked_scatter(there, rewards)


def ranking_objective(model: HeadedGPT, batch: RankedBatch) -> tuple[Tensor, dict[str, Tensor]]:
    """Sum over prompts of the ranking loss, and of the share of pairs that are right."""
    rewards = batch_rewards(model, batch)
    accuracy = ranking_accuracy(rewards.detach(), batch.margins).sum()
    return ranking_loss(rewards, batch.margins), {"accuracy": accuracy}


@torch.no_grad()
def score(
    model: HeadedGPT, answers: Sequence[Answered], padding: int, *, batch: int = 32
) -> Tensor:
    """Return the rewards of many answers on the CPU, float32 (N,); like lengths share a batch."""
    device = model.scores.weight.device
    order = sorted(range(len(answers)), key=lambda number: len(answers[number].ids))
    rewards = torch.zeros(len(answers))
    for start in range(0, len(order), batch):
        part = order[start : start + batch]
        rows = pad_rows([answers[number] for number in part], padding).to(device)
        rewards[torch.tensor(part)] = rewards_of(model, rows).cpu()
    return rewards


def normalise(model: HeadedGPT, reference: Tensor) -> None:
    """Fold shift and scale into the head, so that rewards of a reference set have mean 0 and
    deviation 1 (arXiv:2203.02155 shifts the bias so that demonstrations score 0).

    Args:
        reference: rewards of the reference set under the model as it is, float32 (N,).
    """
    scale = reference.std(correction=0).clamp_min(1e-6).to(model.scores.weight)
    with torch.no_grad():
        model.scores.bias.sub_(reference.mean().to(scale))
        model.scores.bias.div_(scale)
        model.scores.weight.div_(scale)


def save_head(directory: Path, model: HeadedGPT) -> None:
    """Write the head beside the model's files."""
    temporary = directory / (HEAD_FILE + ".tmp")
    head = {name: value.detach().cpu() for name, value in model.scores.state_dict().items()}
    save_file(head, temporary)
    temporary.chmod(0o644)  # the library writes it for its owner alone
    temporary.replace(directory / HEAD_FILE)


def load_reward_model(directory: Path) -> HeadedGPT:
    """Load a reward model, frozen.

    Raises:
        ModelUnavailable: a file is missing or damaged, or the directory holds no reward model.
    """
    gpt, _ = load_model(directory)
    if not (directory / HEAD_FILE).is_file():
        raise ModelUnavailable(
            f"the model at {directory} is no reward model: {HEAD_FILE} is missing; train one with "
            "`chatapp train RECIPE --stage reward`"
        )
    model = HeadedGPT(gpt, 1)
    try:
        model.scores.load_state_dict(load_file(directory / HEAD_FILE))
    except (SafetensorError, RuntimeError) as error:
        raise ModelUnavailable(f"the head at {directory} cannot be read: {error}") from error
    return model.eval().requires_grad_(False)
