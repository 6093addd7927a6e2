"""The optimisation loop every stage shares: budget, schedule, resume, metrics, progress bar.

A stage's state is saved whole (weights, optimisers, step, elapsed time), always before an
evaluation, so a crash or a kill costs at most the steps since the last save. Batches and noise are
functions of the step, so a resumed run takes the very steps that the other one would have taken.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from typing import Any, Generic, Protocol

import torch
from torch import Tensor, nn

from chatapp.model.gpt import GPT
from chatapp.training.console import Bar, progress, say
from chatapp.training.devices import seed_noise
from chatapp.training.distributed import like, whole
from chatapp.training.durable import Stopped, StopRequest, load_state, save_state, stop_requests
from chatapp.training.metrics import MetricsLog
from chatapp.training.objectives import (
    B,
    B_co,
    Batch,
    Objective,
    next_token,
    row_count,
    rows,
    to_device,
)
from chatapp.training.optim import Optimisers, lr_multiplier
from chatapp.training.parallel import Parallel
from chatapp.training.recipe import RecipeError, StageRecipe
from chatapp.training.stages import RunContext

_FLUSH_EVERY_STEPS = 20  # on a GPU, reading a loss waits for it: rarely


class TrainingDiverged(ArithmeticError):
    """The loss is no number any more."""


class Batches(Protocol[B_co]):
    """Batches addressed by step: the same step always has the same batch."""

    def batch(self, step: int) -> B_co:
        """Return the batch of one optimiser step, on the CPU."""
        ...


class Trainer(Generic[B]):
    """Trains one model for one stage.

    Args:
        context: the run; the state lies in its directory of the stage.
        name: the stage's name.
        model: trained in place; its parameters that require gradients are.
        settings: budget, batch and rates.
        batches: where the data come from.
        objective: what is minimised; see `objectives`.
        evaluate: measures the model, now and then and at the end, always after a save.
        optimisers: makes the optimisers, for a stage that wants others than the usual.
        before_step: told the share of the budget that is spent, 0 to 1, before every step; it may
            change which parameters are trained.
        fixed_shapes: whether all batches have one shape; compiling pays only then.
    """

    def __init__(
        self,
        context: RunContext,
        name: str,
        model: nn.Module,
        settings: StageRecipe,
        batches: Batches[B],
        objective: Objective[B],
        *,
        evaluate: Callable[[Any], Mapping[str, float]] | None = None,
        optimisers: Callable[[nn.Module, StageRecipe], Optimisers] = Optimisers,
        before_step: Callable[[float], None] | None = None,
        fixed_shapes: bool = True,
    ) -> None:
        if settings.batch % context.world.size:
            raise RecipeError(
                f"[{name}]: a batch of {settings.batch} rows cannot be shared by "
                f"{context.world.size} processes; make it a multiple"
            )
        self.name, self.model, self.settings, self.batches = name, model, settings, batches
        self.step, self.seconds = 0, 0.0
        self._shown = 0, 0.0  # where the rate was last told
        self._context, self._evaluate, self._before_step = context, evaluate, before_step
        self._parallel = Parallel(model.to(context.device), context.world)
        self._optimisers = optimisers(model, settings)
        self._objective = objective
        self._compiles = context.recipe.compile and fixed_shapes
        if self._compiles:
            self._objective = torch.compile(objective, dynamic=False)
        self._state_file = context.directory(name) / "state.pt"
        self._log = MetricsLog(context.out / "metrics.jsonl", name, shown=context.world.leads)
        self._pending: list[tuple[int, float, Tensor, dict[str, Tensor]]] = []

    def run(self) -> None:
        """Train from the last saved state to the end of the budget, then save and evaluate.

        Raises:
            Stopped: a signal asked to stop; the state is saved.
            TrainingDiverged: the loss is not finite; the last good state is kept.
            CheckpointError: the state cannot be saved; the last good state is kept.
        """
        self._resume()
        self.model.train()
        with (
            stop_requests() as stop,
            progress(self.name, 100, "%", shown=self._context.world.leads) as bar,
        ):
            self._warm_up()
            self._train(stop, bar)
        self._save()
        self._log_measures()

    def measure(self) -> dict[str, float]:
        """Return what `evaluate` says of the weights as they are."""
        if self._evaluate is None:
            return {}
        return dict(self._parallel.measure(self._evaluate))

    def _resume(self) -> None:
        state = load_state(self._state_file)
        if state is None:
            self._log.rewind(0, finished=False)
            return
        with torch.no_grad():
            own = self.model.state_dict()
            for name, value in state["model"].items():
                own[name].copy_(like(value, own[name]))
        self._optimisers.load_state_dict(state["optimisers"])
        self.step, self.seconds = state["step"], state["seconds"]
        self._shown = self.step, self.seconds
        self._log.rewind(self.step, finished=self.progress >= 1.0)
        if self._context.world.leads:
            say(f"{self.name}: continuing at step {self.step}")

    def _save(self) -> None:
        """Save the state, once the losses so far are known to be numbers."""
        self._flush()
        state = {
            "model": {name: whole(value) for name, value in self.model.state_dict().items()},
            "optimisers": self._optimisers.state_dict(),
            "step": self.step,
            "seconds": self.seconds,
        }
        if self._context.world.leads:
            self._state_file.parent.mkdir(parents=True, exist_ok=True)
            save_state(self._state_file, state)

    def _train(self, stop: StopRequest, bar: Bar) -> None:
        saved = evaluated = self.seconds
        mark = time.monotonic()
        while self.progress < 1.0:
            loss, sums = self._take_step()
            now = time.monotonic()
            mark, elapsed = now, now - mark
            stopped = self._count(elapsed, stop)
            self._note(loss, sums, bar)
            if stopped:
                self._save()
                raise Stopped(stopped)
            due_evaluation = self._due(evaluated, self.settings.evaluate_every_minutes)
            if due_evaluation or self._due(saved, self.settings.save_every_minutes):
                self._save()
                saved = self.seconds
            if due_evaluation:
                self._log_measures()
                evaluated = self.seconds
            if due_evaluation or saved == self.seconds:
                mark = time.monotonic()

    def _take_step(self) -> tuple[Tensor, dict[str, Tensor]]:
        """Take one optimiser step; return this rank's share of the mean loss and of the rest."""
        world = self._context.world
        seed_noise(self._context.recipe.seed, self.step, world.rank)
        if self._before_step is not None:
            self._before_step(self.progress)
        parts, examples = self._micro_batches(self.step)
        loss = torch.zeros((), device=self._context.device)
        sums: dict[str, Tensor] = {}
        for number, part in enumerate(parts, start=1):
            share, others = self._loss(part, syncs=number == len(parts))
            # DDP and FSDP average over the ranks; the step's loss is a sum over them
            (share * (world.size / examples)).backward()
            loss += share.detach() / examples
            for key, value in others.items():
                sums[key] = sums.get(key, 0) + value.detach() / examples
        self._optimisers.step(lr_multiplier(self.progress, self.settings))
        return loss, sums

    def _micro_batches(self, step: int) -> tuple[list[B], int]:
        """Cut this rank's rows of a step's batch; also return the whole step's examples."""
        batch = self.batches.batch(step)
        world = self._context.world
        share = row_count(batch) // world.size
        micro = min(self.settings.micro_batch or share, share)
        first = world.rank * share
        parts = [
            to_device(rows(batch, start, min(start + micro, first + share)), self._context.device)
            for start in range(first, first + share, micro)
        ]
        return parts, max(batch.examples, 1)

    def _loss(self, part: B, *, syncs: bool) -> tuple[Tensor, dict[str, Tensor]]:
        """Matrix products in the recipe's precision; weights and loss are float32."""
        with self._context.autocast():
            loss, sums = self._parallel(self._objective, part, syncs=syncs)
        return loss, sums

    def _warm_up(self) -> None:
        """Compile before the clock of a budget in minutes starts; changes no weight."""
        if not self._compiles or self.progress >= 1.0:
            return
        if self._context.world.leads:
            say(f"{self.name}: compiling")
        part = self._micro_batches(self.step)[0][0]
        self._loss(part, syncs=True)[0].backward()
        self._optimisers.clear()

    def _count(self, elapsed: float, stop: StopRequest) -> int:
        """Count a step as done; return the signal that asks to stop, or 0."""
        self.step += 1
        seconds, number = self._context.world.agree(self.seconds + elapsed, stop.number)
        self.seconds = seconds
        return int(number)

    def _note(self, loss: Tensor, sums: dict[str, Tensor], bar: Bar) -> None:
        self._pending.append((self.step, self.seconds, loss, sums))
        if self._context.device.type == "cpu" or len(self._pending) >= _FLUSH_EVERY_STEPS:
            value = self._flush()
            step, seconds = self._shown
            rate = (self.step - step) * self._step_tokens / max(self.seconds - seconds, 1e-9)
            self._shown = self.step, self.seconds
            bar.to(round(100 * self.progress, 1), f"loss {value:.3f}, {rate:,.0f} tok/s")

    def _flush(self) -> float:
        """Write the losses that wait; return the last one (nan if there is none)."""
        value = math.nan
        for step, seconds, loss, sums in self._pending:
            packed = self._context.world.sum(torch.stack([loss, *sums.values()]))
            value, *others = packed.tolist()
            if not math.isfinite(value):
                raise TrainingDiverged(
                    f"{self.name}: the loss of step {step} is {value}; lower the rates "
                    "(matrix_lr, embedding_lr, head_lr) and begin the stage again"
                )
            values = {"loss": value, **dict(zip(sums, others, strict=True))}
            self._log.write(step, step * self._step_tokens, seconds, values)
        self._pending.clear()
        return value

    def _log_measures(self) -> None:
        if values := self.measure():
            self._log.write(self.step, self.step * self._step_tokens, self.seconds, values)

    def _due(self, since: float, minutes: float) -> bool:
        return self.seconds - since >= minutes * 60

    @property
    def _step_tokens(self) -> int:
        return self.settings.batch * self.settings.sequence

    @property
    def progress(self) -> float:
        """Share of the budget that is spent, 0 to 1."""
        if self.settings.tokens:
            return min(1.0, self.step * self._step_tokens / self.settings.tokens)
        return min(1.0, self.seconds / (self.settings.minutes * 60))


def mean_loss(model: GPT, batches: Batches[Batch], count: int) -> float:
    """Return the mean loss over the first `count` batches, in nats per trained token."""
    device = model.embedding.weight.device
    total, trained = 0.0, 0
    for step in range(count):
        batch = batches.batch(step)
        total += next_token(model, to_device(batch, device))[0].item()
        trained += batch.examples
    return total / max(trained, 1)
