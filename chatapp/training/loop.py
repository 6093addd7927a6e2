"""The optimisation loop every stage shares: budget, schedule, resume, metrics, progress bar.

A stage's state is saved whole (weights, optimisers, step, elapsed time) by temporary file and
rename, always before an evaluation, so a crash or a kill costs at most the steps since the last
save. Batches are a function of the step, so a token-budgeted run resumes exactly.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional
from tqdm import tqdm

from chatapp.model.gpt import GPT
from chatapp.training.optim import Optimisers, lr_multiplier
from chatapp.training.recipe import StageRecipe
from chatapp.training.shards import IGNORED, Batch, PackedBatches


@dataclass
class StageRun:
    """Where one stage stands."""

    step: int = 0
    seconds: float = 0.0


class Trainer:
    """Runs one stage on one model.

    Args:
        name: the stage's name, used for its state and metrics files in `out`.
        evaluate: returns metrics of the current weights; called after a save.
        compile_model: fuse the step with torch.compile (needs a C++ compiler; about a minute).
    """

    def __init__(
        self,
        name: str,
        model: GPT,
        stage: StageRecipe,
        batches: PackedBatches,
        *,
        out: Path,
        evaluate: Callable[[], dict[str, float]],
        compile_model: bool,
    ) -> None:
        self.name, self.model, self.stage, self.batches = name, model, stage, batches
        self.evaluate = evaluate
        self.optimisers = Optimisers(model, stage)
        self.run = StageRun()
        self._state_file = out / f"{name}.state.pt"
        self._metrics_file = out / "metrics.jsonl"
        self._loss = (
            torch.compile(self._plain_loss, dynamic=False) if compile_model else self._plain_loss
        )

    def resume(self) -> bool:
        """Load the last saved state, if there is one; return whether there was."""
        if not self._state_file.is_file():
            return False
        state = torch.load(self._state_file, map_location="cpu", weights_only=True)
        self.model.load_state_dict(state["model"])
        self.optimisers.load_state_dict(state["optimisers"])
        self.run = StageRun(state["step"], state["seconds"])
        return True

    def train(self) -> None:
        """Run to the end of the budget, saving and evaluating on the way; Ctrl-C saves first."""
        try:
            self._train()
        except KeyboardInterrupt:
            self.save()
            raise

    def _train(self) -> None:
        last_save = last_evaluation = self.run.seconds
        self.model.train()
        with tqdm(total=100, desc=self.name, unit="%", initial=self._percent()) as bar:
            while self._progress() < 1.0:
                loss, elapsed = self._timed_step()
                self._log({"loss": loss, "tokens_per_second": self._step_tokens() / elapsed})
                bar.set_postfix_str(
                    f"loss {loss:.3f}, {self._step_tokens() / elapsed:,.0f} tok/s", refresh=False
                )
                bar.update(self._percent() - bar.n)
                if self.run.seconds - last_save >= self.stage.save_every_minutes * 60:
                    self.save()
                    last_save = self.run.seconds
                if self.run.seconds - last_evaluation >= self.stage.evaluate_every_minutes * 60:
                    self._log(self._evaluated())
                    last_evaluation = self.run.seconds
        self.save()
        self._log(self._evaluated())

    def save(self) -> None:
        """Write the state by temporary file and rename."""
        temporary = self._state_file.with_suffix(".tmp")
        state = {
            "model": self.model.state_dict(),
            "optimisers": self.optimisers.state_dict(),
            "step": self.run.step,
            "seconds": self.run.seconds,
        }
        torch.save(state, temporary)
        temporary.replace(self._state_file)

    def _timed_step(self) -> tuple[float, float]:
        started = time.monotonic()
        loss = self._step()
        elapsed = time.monotonic() - started
        self.run.step += 1
        self.run.seconds += elapsed
        return loss, elapsed

    def _step(self) -> float:
        """One optimiser step over micro-batches; returns the mean loss in nats per token."""
        batch = self.batches.batch(self.run.step)
        size = self.stage.micro_batch or self.stage.batch
        trained = int((batch.targets != IGNORED).sum())
        total = 0.0
        for inputs, targets in zip(
            torch.split(batch.inputs, size), torch.split(batch.targets, size), strict=True
        ):
            loss = self._loss(inputs, targets) / max(trained, 1)
            loss.backward()
            total += loss.item()
        self.optimisers.step(lr_multiplier(self._progress(), self.stage))
        return total

    def _plain_loss(self, inputs: Tensor, targets: Tensor) -> Tensor:
        """Summed cross-entropy; bfloat16 matrix products, float32 weights and loss."""
        with torch.autocast("cpu", torch.bfloat16):
            logits = self.model.head(self.model.hidden(inputs))
        return functional.cross_entropy(
            logits.float().flatten(0, 1), targets.flatten(), ignore_index=IGNORED, reduction="sum"
        )

    def _evaluated(self) -> dict[str, float]:
        self.model.eval()
        metrics = self.evaluate()
        self.model.train()
        return metrics

    def _step_tokens(self) -> int:
        return self.stage.batch * self.stage.sequence

    def _progress(self) -> float:
        """Share of the budget that is spent."""
        if self.stage.tokens:
            return min(1.0, self.run.step * self._step_tokens() / self.stage.tokens)
        return min(1.0, self.run.seconds / (self.stage.minutes * 60))

    def _percent(self) -> float:
        return round(100 * self._progress(), 1)

    def _log(self, metrics: dict[str, float]) -> None:
        record = {
            "stage": self.name,
            "step": self.run.step,
            "tokens": self.run.step * self._step_tokens(),
            "seconds": round(self.run.seconds, 2),
            **metrics,
        }
        with self._metrics_file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")


def mean_loss(model: GPT, batches: PackedBatches, count: int) -> float:
    """Return the mean loss over the first `count` batches, in nats per trained token."""
    total, trained = 0.0, 0
    with torch.inference_mode():
        for step in range(count):
            batch: Batch = batches.batch(step)
            logits = model(batch.inputs)
            total += functional.cross_entropy(
                logits.flatten(0, 1),
                batch.targets.flatten(),
                ignore_index=IGNORED,
                reduction="sum",
            ).item()
            trained += int((batch.targets != IGNORED).sum())
    return total / max(trained, 1)
