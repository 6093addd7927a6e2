"""Learning: batches of like length, AdamW in bf16, an average of the weights that is what is kept.

The thing to know: everything about a step follows from the seed and its number, so a run can be
repeated; checkpoints are written by rename and hold the averaged weights.
"""

from __future__ import annotations

import copy
import json
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from retrieval.reading.network import Judged, ReaderNetwork, Side
from retrieval.reading.train.examples import UNKNOWN, Batch, Example, make_batch

_POOL = 24  # batches whose examples are sorted by length together
_AVERAGE = 0.999
_SAVE_EVERY = 500

Network = TypeVar("Network", bound=nn.Module)
Lesson = TypeVar("Lesson")


@dataclass(frozen=True)
class Stage:
    """One stretch of learning; `steps` in all, the rate falling linearly to `last` of `rate`.

    `encoder` is the share of the rate for the encoder, which has less to learn than the heads.
    """

    steps: int
    rate: float = 1e-3
    last: float = 0.05
    warmup: int = 100
    batch: int = 32
    decay: float = 0.01
    encoder: float = 0.12


def batches(examples: Iterator[Example], size: int, order: random.Random) -> Iterator[Batch]:
    """Yield batches of examples of about the same length; those of one search stay together."""
    while True:
        pool = [example for _, example in zip(range(_POOL * size), examples, strict=False)]
        if not pool:
            return
        pool.sort(key=_by_length(pool))
        groups = [pool[n : n + size] for n in range(0, len(pool), size)]
        order.shuffle(groups)
        yield from (make_batch(group) for group in groups)


def _by_length(pool: Sequence[Example]) -> Callable[[Example], tuple[int, int]]:
    """Return what to sort `pool` by: the length of the longest passage of the same search."""
    longest: Counter[int] = Counter()
    for example in pool:
        longest[example.search] = max(longest[example.search], len(example.passage.keys))

    def place(example: Example) -> tuple[int, int]:
        alone = not example.search
        return len(example.passage.keys) if alone else longest[example.search], example.search

    return place


def loss_of(judged: Judged, batch: Batch) -> Tensor:
    """Return the mean loss: where the span is (or that there is none), relevance, support.

    Of passages of one search it is also asked in which of them the span is (`_shared_loss`).
    """
    total = judged.null.new_zeros(())
    if batch.reads.any():
        logits = torch.cat([judged.null[:, None], judged.spans.flatten(1)], 1)[batch.reads]
        right = batch.spans.flatten(1)[batch.reads]
        right = torch.cat([~right.any(1, keepdim=True), right], 1)
        chosen = logits.masked_fill(~right, -torch.inf).logsumexp(1)
        total = total + (logits.logsumexp(1) - chosen).mean()
    for logits, target in ((judged.relevance, batch.relevance), (judged.support, batch.support)):
        known = target != UNKNOWN
        if known.any():
            loss = F.binary_cross_entropy_with_logits(logits[known], target[known])
            total = total + 0.5 * loss * known.float().mean()
    return total + 0.5 * _shared_loss(judged, batch)


def _shared_loss(judged: Judged, batch: Batch) -> Tensor:
    """Return the loss of all spans of a search against each other, and against no answer at all.

    Passages read each for itself need not agree on what a score is worth; one softmax over all of
    them makes them (Clark & Gardner 2018, section 3.3). A score is a logit over its passage's "no
    answer", as the app compares them. Weighed by the share of the batch that came from searches.
    """
    margins = judged.spans.flatten(1) - judged.null[:, None]
    right = batch.spans.flatten(1)
    none = margins.new_zeros(1)  # the logit of "no answer" over itself
    losses = []
    for search in batch.search[batch.search > 0].unique():
        rows = batch.search == search
        chosen = margins[rows][right[rows]] if right[rows].any() else none
        everything = torch.cat([margins[rows].flatten(), none])
        losses.append(everything.logsumexp(0) - chosen.logsumexp(0))
    if not losses:
        return none[0]
    return torch.stack(losses).mean() * (batch.search > 0).float().mean()


def read_loss(network: ReaderNetwork, batch: Batch, device: str) -> Tensor:
    """Return the loss of reading a batch."""
    batch = _to(batch, device)
    with torch.autocast(device, dtype=torch.bfloat16):
        judged = network(batch.question, batch.passage, batch.kind)
    return loss_of(judged, batch)


def learn(
    network: Network,
    source: Iterator[Lesson],
    stage: Stage,
    out: Path,
    loss: Callable[[Network, Lesson, str], Tensor],
    *,
    device: str = "cpu",
    seed: int = 0,
) -> Network:
    """Train `network` in place; return the average of its weights, also saved as `out`.

    `loss` returns that of one batch on a device; the network's `encoder` has learnt before.
    """
    torch.manual_seed(seed)
    network.to(device).train()
    average = copy.deepcopy(network).eval()
    optimiser = torch.optim.AdamW(_groups(network, stage), betas=(0.9, 0.98), fused=True)
    log = out.with_suffix(".jsonl").open("a")
    began, seen, running = time.monotonic(), 0, 0.0
    for step in range(stage.steps):
        _set_rate(optimiser, stage, step)
        made = loss(network, next(source), device)
        optimiser.zero_grad(set_to_none=True)
        made.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        _follow(average, network, step)
        seen += stage.batch
        running += float(made.detach())
        if (step + 1) % 100 == 0:
            figures = {
                "step": step + 1,
                "loss": round(running / 100, 4),
                "examples_s": round(seen / (time.monotonic() - began), 1),
            }
            print(json.dumps(figures), file=log, flush=True)
            running = 0.0
        if (step + 1) % _SAVE_EVERY == 0 or step + 1 == stage.steps:
            save_weights(average, out)
    log.close()
    return average


def _groups(network: nn.Module, stage: Stage) -> list[dict[str, Any]]:
    """Return the encoder's and the heads' parameters; only matrices decay."""
    groups = []
    inside = {id(parameter) for parameter in network.get_submodule("encoder").parameters()}
    for within, scale in ((True, stage.encoder), (False, 1.0)):
        ours = [p for p in network.parameters() if (id(p) in inside) == within]
        for decay, some in (
            (0.0, [p for p in ours if p.ndim < 2]),
            (stage.decay, [p for p in ours if p.ndim >= 2]),
        ):
            groups.append({"params": some, "weight_decay": decay, "scale": scale})
    return groups


def _set_rate(optimiser: torch.optim.Optimizer, stage: Stage, step: int) -> None:
    warm = min(1.0, (step + 1) / max(1, stage.warmup))
    left = 1.0 - (1.0 - stage.last) * step / max(1, stage.steps)
    for group in optimiser.param_groups:
        group["lr"] = stage.rate * warm * left * group["scale"]


@torch.no_grad()
def _follow(average: nn.Module, network: nn.Module, step: int) -> None:
    share = min(_AVERAGE, 1 - 10 / (step + 11))
    ours: list[Tensor] = list(average.parameters())
    theirs = [parameter.detach() for parameter in network.parameters()]
    torch._foreach_lerp_(ours, theirs, 1 - share)


def _to(batch: Batch, device: str) -> Batch:
    if device == "cpu":
        return batch
    return Batch(
        Side(*(part.to(device) for part in batch.question)),
        Side(*(part.to(device) for part in batch.passage)),
        batch.kind.to(device),
        batch.spans.to(device),
        batch.reads.to(device),
        batch.relevance.to(device),
        batch.support.to(device),
        batch.search.to(device),
    )


def save_weights(network: nn.Module, path: Path) -> None:
    """Write the parameters (float32) by temporary file and rename."""
    from safetensors.torch import save_file

    temporary = path.with_name(path.name + ".tmp")
    save_file({k: v.contiguous().cpu() for k, v in network.state_dict().items()}, temporary)
    temporary.replace(path)
