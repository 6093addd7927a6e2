"""The ladder: small models trained as the recipe's own would be, to predict what it will reach.

`[ladder] widths = [...]` puts this stage before pretraining. Each rung is the recipe's model at
another width with the same number of tokens per weight; batch and rates follow from the recipe's
by the rules of `rung_of`. `ladder/prediction.json` is written before pretraining begins, and
`ladder/outcome.json`, with the error, when it has ended.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from chatapp.model.config import ModelConfig
from chatapp.training.durable import read_json, write_json
from chatapp.training.prepare import text_shards
from chatapp.training.pretrain import pretraining
from chatapp.training.recipe import RecipeError, StageRecipe
from chatapp.training.scaling import Point, Prediction, predict
from chatapp.training.shards import Shard
from chatapp.training.stages import RunContext

METRIC = "bits_per_byte"
PREDICTION = "prediction.json"
OUTCOME = "outcome.json"


@dataclass(frozen=True, kw_only=True)
class LadderSettings:
    """The rungs.

    `widths` are the rungs' `d_model`, below the recipe's own. The smallest is trained with `seeds`
    seeds, whose spread is the noise that the interval counts with. `level` is the share of
    predictions that the interval is to hold.
    """

    widths: tuple[int, ...]
    seeds: int = 3
    level: float = 0.9

    def __post_init__(self) -> None:
        if len(set(self.widths)) < 3:
            raise ValueError("widths must list at least three different ones")
        if self.seeds < 2 or not 0 < self.level < 1:
            raise ValueError("seeds must be at least 2, and level between 0 and 1")


class Ladder:
    """The stage that trains the rungs and writes the prediction."""

    name = "ladder"

    def run(self, context: RunContext) -> None:
        """Train the rungs that are not trained yet, then predict."""
        settings = context.recipe.settings(self.name, LadderSettings)
        shards = text_shards(context, "pretrain", context.recipe.pretrain.sources)
        results = []
        for width in sorted(settings.widths):
            for seed in range(settings.seeds if width == min(settings.widths) else 1):
                results.append(_climb(context, width, seed, shards))
        prediction = _predict(context, settings, results, unique=len(shards[0].tokens))
        context.say(
            f"ladder: predicted {prediction.loss:.4f} bits per byte, {settings.level:.0%} interval "
            f"{prediction.low:.4f} to {prediction.high:.4f}"
        )
        context.complete(self.name, {"rungs": len(results)})


def judge(context: RunContext) -> dict[str, Any] | None:
    """Set what pretraining reached beside the prediction, once there are both.

    Returns:
        what is written to `ladder/outcome.json`, or None.
    """
    directory = context.directory(Ladder.name)
    prediction = read_json(directory / PREDICTION)
    measured = read_json(context.out / "bits_per_byte.json")
    if prediction is None or measured is None:
        return None
    reached, predicted = measured["model"], prediction["predicted"]
    outcome = {
        "metric": METRIC,
        "predicted": predicted,
        "low": prediction["low"],
        "high": prediction["high"],
        "measured": reached,
        "relative_error": predicted / reached - 1,
        "inside": prediction["low"] <= reached <= prediction["high"],
    }
    if context.world.leads and read_json(directory / OUTCOME) != outcome:
        write_json(directory / OUTCOME, outcome)
        context.say(
            f"ladder: predicted {predicted:.4f}, measured {reached:.4f} bits per byte: "
            f"{outcome['relative_error']:+.1%}"
        )
    return outcome


def rung_of(
    model: ModelConfig, settings: StageRecipe, width: int
) -> tuple[ModelConfig, StageRecipe]:
    """Return the model of another width and how it is to be pretrained.

    1. Depth and the width of a head stay; the feed-forward keeps its ratio.
    2. Tokens per weight (blocks and head) stay.
    3. The batch grows as tokens^0.77, as the dial's rule 5 has it for small budgets. A batch that
       is too large for its tokens has too few steps, and bends the curve that is to be fitted.
    4. Rates grow as the root of the batch; AdamW's fall as the root of the width.
    5. Decay x rate x steps stays (arXiv:2405.13698).

    Raises:
        RecipeError: the width is not made of whole heads, or the budget is one of minutes.
    """
    if not settings.tokens:
        raise RecipeError("[ladder]: the budget of [pretrain] must be tokens, not minutes")
    if width % model.head_dim or width >= model.d_model:
        raise RecipeError(
            f"[ladder]: the width {width} must be a multiple of the width of a head "
            f"({model.head_dim}) and less than model.d_model ({model.d_model})"
        )
    heads = width // model.head_dim
    smaller = dataclasses.replace(
        model,
        d_model=width,
        n_heads=heads,
        n_kv_heads=math.gcd(heads, max(1, heads * model.n_kv_heads // model.n_heads)),
        d_ff=round(model.d_ff * width / model.d_model / 16) * 16,
    )
    fewer = _trained_weights(smaller) / _trained_weights(model)
    batch, micro = _cut(settings.batch * fewer**0.77, settings.micro_batch)
    less = batch / settings.batch
    narrow = (width / model.d_model) ** -0.5
    rung = dataclasses.replace(
        settings,
        tokens=round(settings.tokens * fewer),
        batch=batch,
        micro_batch=micro,
        matrix_lr=settings.matrix_lr * less**0.5,
        embedding_lr=settings.embedding_lr * less**0.5 * narrow,
        head_lr=settings.head_lr * less**0.5 * narrow,
        norm_lr=settings.norm_lr * less**0.5,
        weight_decay=settings.weight_decay * less**0.5 / fewer,
    )
    return smaller, rung


def _cut(wanted: float, micro: int) -> tuple[int, int]:
    """Return a batch near the wanted one, whole or of equal micro-batches, and their size."""
    if not micro or wanted <= micro:
        return max(1, round(wanted)), 0
    return round(wanted / micro) * micro, micro


def training_flops(model: ModelConfig, settings: StageRecipe) -> float:
    """Return the FLOPs of pretraining: forward and twice as much backward, for every token."""
    return 3.0 * model.flops_per_token(settings.sequence) * settings.tokens


def _trained_weights(model: ModelConfig) -> int:
    """Count blocks and head; the embedding is looked up, and costs nothing to compute."""
    tables = 0 if model.tie_embeddings else model.vocab_size * model.d_model
    return model.parameter_count() - tables


def _climb(
    context: RunContext, width: int, seed: int, shards: tuple[Shard, Shard]
) -> dict[str, Any]:
    """Train one rung, or return what it reached before."""
    out = context.directory(Ladder.name) / f"width-{width}-seed-{seed}"
    if (done := read_json(out / "result.json")) is not None:
        return done
    context.say(f"ladder: width {width}, seed {seed}")
    model, settings = rung_of(context.recipe.model, context.recipe.pretrain, width)
    recipe = dataclasses.replace(
        context.recipe,
        model=model,
        seed=context.recipe.seed + seed,
        stages={**context.recipe.stages, "pretrain": settings},
    )
    trainer, _ = pretraining(dataclasses.replace(context, recipe=recipe, out=out), *shards)
    trainer.run()
    result = {
        "width": width,
        "seed": seed,
        "weights": _trained_weights(model),
        "tokens": settings.tokens,
        "batch": settings.batch,
        "compute": training_flops(model, settings),
        "seconds": trainer.seconds,
        METRIC: trainer.measure()[METRIC],
    }
    if context.world.leads:
        write_json(out / "result.json", result)
    context.world.wait()
    return result


def _predict(
    context: RunContext,
    settings: LadderSettings,
    results: Sequence[Mapping[str, Any]],
    unique: int,
) -> Prediction:
    """Fit the rungs, predict the recipe's own model, and write both down."""
    recipe = context.recipe
    compute = training_flops(recipe.model, recipe.pretrain)
    first = [result[METRIC] for result in results if result["width"] == min(settings.widths)]
    middle = sum(first) / len(first)
    noise = math.sqrt(sum((loss - middle) ** 2 for loss in first) / (len(first) - 1))
    prediction = predict(
        [Point(result["compute"], result[METRIC]) for result in results],
        compute,
        noise=noise,
        tokens=recipe.pretrain.tokens,
        unique=unique,
        level=settings.level,
    )
    if context.world.leads:
        write_json(
            context.directory(Ladder.name) / PREDICTION,
            {
                "metric": METRIC,
                "predicted": prediction.loss,
                "low": prediction.low,
                "high": prediction.high,
                "level": settings.level,
                "law": dataclasses.asdict(prediction.law),
                "noise_of_seeds": noise,
                "compute": compute,
                "tokens": recipe.pretrain.tokens,
                "unique_tokens": unique,
                "tokens_per_weight": recipe.pretrain.tokens / _trained_weights(recipe.model),
                "rungs": list(results),
                "written": datetime.now(UTC).isoformat(timespec="seconds"),
            },
        )
    context.world.wait()
    return prediction


def load_prediction(out: Path) -> dict[str, Any] | None:
    """Return what a run's ladder predicted, or None."""
    return read_json(out / Ladder.name / PREDICTION)
