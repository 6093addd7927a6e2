"""What the report card says of a run: figures, curves, and what is missing, said plainly."""

from __future__ import annotations

from collections.abc import Iterator

from chatapp.evaluation.card.circumstances import (
    Circumstances,
    cost_section,
    data_section,
    missing_section,
    prediction_section,
    recipe_section,
)
from chatapp.evaluation.card.curves import curve_section
from chatapp.evaluation.card.document import (
    Card,
    Section,
    Table,
    Tile,
    count,
    duration,
    figure,
    words,
)
from chatapp.evaluation.card.results import evaluation_section, result_section
from chatapp.evaluation.card.run import Record, RunRecord, Stage, is_complete
from chatapp.model.config import ModelConfig, ModelConfigError


def card(run: RunRecord, known: Circumstances) -> Card:
    """Return the card of a run."""
    complete = [stage for stage in run.stages.values() if is_complete(run, stage)]
    seconds = sum(stage.seconds for stage in run.stages.values())
    summary = (
        f"{len(complete)} of {len(run.stages)} stages complete, {duration(seconds)} of training "
        f"steps, {len(run.evaluations)} evaluations."
    )
    sections = [
        stage_section(run),
        curve_section(run),
        result_section(run),
        evaluation_section(run),
        prediction_section(run),
        cost_section(run, known),
        data_section(run, known),
        recipe_section(run),
        missing_section(run, known),
    ]
    return Card(
        f"Report card: {run.name}",
        summary,
        tuple(_tiles(run, len(complete), seconds)),
        tuple(section for section in sections if section is not None),
    )


def _tiles(run: RunRecord, complete: int, seconds: float) -> Iterator[Tile]:
    yield Tile("Stages complete", f"{complete} of {len(run.stages)}")
    parameters = _parameters(run)
    if parameters and run.model:
        shape = f"{run.model.get('n_layers')} layers, width {run.model.get('d_model')}"
        yield Tile("Parameters", count(parameters), shape)
    if "pretrain" in run.stages:
        yield Tile("Text read", count(run.stages["pretrain"].tokens), "tokens of pretraining")
    if run.bits_per_byte and "model" in run.bits_per_byte:
        baseline = run.bits_per_byte.get("5-gram")
        beside = f"5-gram: {figure(baseline)}" if baseline else ""
        yield Tile("Bits per byte", figure(run.bits_per_byte["model"]), beside)
    yield from _outcomes(run)
    yield Tile("Training time", duration(seconds), "all steps")


def _outcomes(run: RunRecord) -> Iterator[Tile]:
    """Yield what the reward model and the policy reached, where the run has them."""
    judged = _at(run, "reward", "model", "all")
    if "accuracy" in judged:
        error = judged.get("stderr")
        beside = f"± {error:.3f}, chance 0.5" if error is not None else "chance 0.5"
        yield Tile("Reward accuracy", f"{judged['accuracy']:.3f}", beside)
    start, end = _at(run, "ppo", "start"), _at(run, "ppo", "end")
    if "held_out_reward" in start and "held_out_reward" in end:
        gain = end["held_out_reward"] - start["held_out_reward"]
        beside = f"KL {figure(end['held_out_kl'])}" if "held_out_kl" in end else ""
        yield Tile("PPO reward gain", f"{gain:+.3f}", beside)


def _at(run: RunRecord, stage: str, *path: str) -> Record:
    """Return the object at a path in a stage's result, empty where there is none."""
    found: object = run.stages[stage].result if stage in run.stages else None
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else {}


def _parameters(run: RunRecord) -> int | None:
    if run.model is None:
        return None
    shape = {key: value for key, value in run.model.items() if key != "weights_sha256"}
    try:
        return ModelConfig.from_dict(shape).parameter_count()
    except ModelConfigError:
        return None


def stage_section(run: RunRecord) -> Section:
    rows = []
    for stage in run.stages.values():
        state = "complete" if is_complete(run, stage) else "not finished"
        rows.append(
            (
                stage.name,
                state if stage.rows or stage.done else f"{state}, no metrics",
                *_extent(stage),
                _first_to_last(stage),
            )
        )
    columns = ("stage", "state", "steps", "tokens", "time", "first → last")
    return Section("Stages", tables=(Table("", columns, "llrrrl", tuple(rows)),))


def _extent(stage: Stage) -> tuple[str, str, str]:
    """Return steps, tokens and time; blank for a stage that takes no steps."""
    if not stage.rows:
        return "", "", ""
    return figure(stage.steps), count(stage.tokens), duration(stage.seconds)


def _first_to_last(stage: Stage) -> str:
    curves = stage.curves()
    wanted = ("held_out_reward",) if "held_out_reward" in curves else ("loss", "bits_per_byte")
    shown = [name for name in wanted if name in curves]
    said = []
    for name in shown:
        values = [value for _, value in curves[name]]
        ends = values if len(values) == 1 else (values[0], values[-1])
        said.append(f"{words(name)} {' → '.join(map(figure, ends))}")
    return "; ".join(said)
