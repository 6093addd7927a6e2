"""The rows of the comparison, and how they are written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from chatapp.training.best_of_n import best_of_n, best_of_n_kl
from chatapp.training.policies import Measured, mean_and_error

Row = dict[str, Any]


def policy_row(name: str, found: Measured, bits_per_byte: float | None) -> Row:
    """Return the row of a policy that answers once."""
    kl, kl_error = mean_and_error(found.kl_k1)
    row: Row = {"policy": name, "kl": kl, "kl_stderr": kl_error}
    row["kl_k3"] = found.kl_k3.mean().item()
    for judge, rewards in found.rewards.items():
        row[judge], row[f"{judge}_stderr"] = mean_and_error(rewards)
    return {**row, **found.signs(), "bits_per_byte": bits_per_byte}


def best_of_row(n: int, found: Measured, bits_per_byte: float | None) -> Row:
    """Return the row of best-of-n over the start's samples, chosen by the reward model."""
    ranking = found.rewards["reward"]
    row: Row = {"policy": f"best of {n}", "kl": best_of_n_kl(n)}
    for judge, rewards in found.rewards.items():
        row[judge], row[f"{judge}_stderr"] = mean_and_error(best_of_n(ranking, rewards, n))
    for name, values in (("length", found.lengths), ("finished", found.finished)):
        row[name] = best_of_n(ranking, values, n).mean().item()
    return {**row, "bits_per_byte": bits_per_byte}


def markdown(rows: Sequence[Row]) -> str:
    """Return the table as Markdown; a dash stands for what a row does not have."""
    columns = [
        name
        for name in ("reward", "judge", "reward_wins", "judge_wins")
        if any(name in row for row in rows)
    ]
    columns += ["kl", "length", "finished", "repetition", "entropy", "bits_per_byte"]
    lines = [
        "| policy | " + " | ".join(column.replace("_", " ") for column in columns) + " |",
        "|---|" + "---:|" * len(columns),
    ]
    for row in rows:
        cells = [_cell(row, column) for column in columns]
        lines.append(f"| {row['policy']} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _cell(row: Mapping[str, Any], column: str) -> str:
    value = row.get(column)
    if value is None:
        return "–"
    digits = 1 if column == "length" else 3
    error = row.get(f"{column}_stderr")
    return f"{value:.{digits}f}" + (f" ± {error:.{digits}f}" if error is not None else "")


def paired_gain(policy: Measured, start: Measured, judge: str) -> tuple[float, float]:
    """Return how much more a policy earns on the same prompts, with the error of the difference.

    Prompts differ more from one another than policies do, so the difference is taken prompt by
    prompt.
    """
    difference = policy.rewards[judge].mean(1) - start.rewards[judge].mean(1)
    return mean_and_error(torch.as_tensor(difference))


def win_rate(policy: Measured, start: Measured, judge: str) -> tuple[float, float]:
    """Return how often a judge prefers an answer of the policy to one of the start, with its error.

    Every answer to a prompt meets every one of the start to the same prompt; a tie is half a win.
    """
    ours, theirs = policy.rewards[judge][:, :, None], start.rewards[judge][:, None, :]
    return mean_and_error((ours > theirs).double() + 0.5 * (ours == theirs))
