"""What the report card says of a run: figures, curves, and what is missing, said plainly."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from chatapp.evaluation.card.document import (
    Card,
    Chart,
    Section,
    Series,
    Table,
    Tile,
    count,
    duration,
    figure,
)
from chatapp.evaluation.card.run import Record, RunRecord, Stage
from chatapp.model.config import ModelConfig, ModelConfigError

# Measures that are shown open, in this order, with their titles; others are folded away.
_MAIN = {
    "loss": "Loss, nats a token",
    "bits_per_byte": "Bits per byte, held out",
    "validation_loss": "Loss on held-out records",
    "accuracy": "Accuracy on the batch",
    "held_out_accuracy": "Accuracy, held out",
    "reward": "Reward",
    "held_out_reward": "Reward, held out",
    "kl_k1": "KL to the reference, k1",
    "kl_k3": "KL to the reference, k3",
    "held_out_kl": "KL to the reference, held out",
    "length": "Length of answers, tokens",
    "entropy": "Entropy, nats a token",
    "repetition": "Repetition",
}
_CHANCE = {
    ("reward", "accuracy"): ("chance", 0.5),
    ("reward", "held_out_accuracy"): ("chance", 0.5),
}
_LEAST_POINTS = 2  # a curve of fewer points is a figure, and stands in the tables
_WATTS_PER_CORE = 15.0


@dataclass(frozen=True)
class Circumstances:
    """What the run's files cannot say: licences by file, and the power that the machine drew."""

    licences: Mapping[str, str]
    watts: float | None = None


def card(run: RunRecord, known: Circumstances) -> Card:
    """Return the card of a run."""
    complete = [stage for stage in run.stages.values() if is_complete(run, stage)]
    seconds = sum(stage.seconds for stage in run.stages.values())
    summary = (
        f"{len(complete)} of {len(run.stages)} stages complete, {duration(seconds)} of training "
        f"steps, {len(run.evaluations)} evaluations."
    )
    sections = [
        _stages(run),
        *(_curves(run, family) for family in families(run)),
        _results(run),
        _evaluations(run),
        _prediction(run),
        _cost(run, known),
        _data(run, known),
        _settings(run),
        _missing(run, known),
    ]
    return Card(
        f"Report card: {run.name}",
        summary,
        tuple(_tiles(run, len(complete), seconds)),
        tuple(section for section in sections if section is not None),
    )


def families(run: RunRecord) -> list[list[Stage]]:
    """Group a stage with its variants (`ppo` and `ppo-without-ptx`), which share their charts."""
    found: dict[str, list[Stage]] = {}
    for name, stage in run.stages.items():
        head = next((h for h in run.stages if name.startswith(f"{h}-")), name)
        found.setdefault(head, []).append(stage)
    return [sorted(family, key=lambda stage: len(stage.name)) for family in found.values()]


def is_complete(run: RunRecord, stage: Stage) -> bool:
    """Say whether a stage is marked done; a variant is as complete as the stage it belongs to."""
    if stage.done is not None:
        return True
    heads = (run.stages[h] for h in run.stages if stage.name.startswith(f"{h}-"))
    return any(head.done is not None for head in heads)


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
    yield Tile("Training time", duration(seconds), "time of steps, without evaluation")


def _parameters(run: RunRecord) -> int | None:
    if run.model is None:
        return None
    shape = {key: value for key, value in run.model.items() if key != "weights_sha256"}
    try:
        return ModelConfig.from_dict(shape).parameter_count()
    except ModelConfigError:
        return None


def _stages(run: RunRecord) -> Section:
    rows = []
    for stage in run.stages.values():
        state = "complete" if is_complete(run, stage) else "not finished"
        rows.append(
            (
                stage.name,
                state if stage.rows else f"{state}, no metrics",
                figure(stage.steps),
                count(stage.tokens),
                duration(stage.seconds),
                _first_to_last(stage),
            )
        )
    columns = ("stage", "state", "steps", "tokens", "time", "first → last")
    return Section("Stages", tables=(Table("", columns, "llrrrl", tuple(rows)),))


def _first_to_last(stage: Stage) -> str:
    curves = stage.curves()
    shown = [name for name in ("loss", "bits_per_byte", "held_out_reward") if name in curves]
    said = []
    for name in shown:
        values = [value for _, value in curves[name]]
        ends = values if len(values) == 1 else (values[0], values[-1])
        said.append(f"{_words(name)} {' → '.join(map(figure, ends))}")
    return "; ".join(said)


def _words(name: str) -> str:
    return name.replace("_", " ")


def _curves(run: RunRecord, family: list[Stage]) -> Section | None:
    """Return the charts of a stage and its variants, one chart a measure."""
    curves = {stage.name: stage.curves() for stage in family}
    names = list(dict.fromkeys(name for found in curves.values() for name in found))
    names.sort(key=lambda name: list(_MAIN).index(name) if name in _MAIN else len(_MAIN))
    charts = []
    for name in names:
        series = tuple(
            Series(stage, tuple(found[name])) for stage, found in curves.items() if name in found
        )
        if any(len(each.points) >= _LEAST_POINTS for each in series):
            reference = _reference(run, family[0].name, name)
            title = _MAIN.get(name, _words(name).capitalize())
            charts.append((name, Chart(title, series, reference)))
    if not charts:
        return None
    return Section(
        f"Curves: {family[0].name}",
        charts=tuple(chart for name, chart in charts if name in _MAIN),
        further=tuple(chart for name, chart in charts if name not in _MAIN),
    )


def _reference(run: RunRecord, stage: str, measure: str) -> tuple[str, float] | None:
    if (stage, measure) == ("pretrain", "bits_per_byte") and run.bits_per_byte:
        baseline = run.bits_per_byte.get("5-gram")
        return ("5-gram", float(baseline)) if baseline else None
    return _CHANCE.get((stage, measure))


def _results(run: RunRecord) -> Section | None:
    tables = [
        _result_table(stage.name, stage.result) for stage in run.stages.values() if stage.result
    ]
    if run.bits_per_byte:
        rows = tuple((_words(key), figure(value)) for key, value in run.bits_per_byte.items())
        tables.insert(0, Table("Bits per byte after pretraining", ("what", "value"), "lr", rows))
    return Section("Results of the stages", tables=tuple(tables)) if tables else None


def _result_table(name: str, result: Record) -> Table:
    """Lay a nested result out: one row for each group of figures, one column for each measure."""
    groups = dict(_groups(result, ()))
    measures = list(dict.fromkeys(key for found in groups.values() for key in found))
    shown = [key for key in measures if not _error_of(key, measures)]
    wide = len(shown) > len(groups)

    def cell(group: str, measure: str) -> str:
        found = groups[group]
        error = next((key for key in found if _error_of(key, [measure]) == measure), None)
        spread = f" ± {figure(found[error])}" if error else ""
        return figure(found[measure]) + spread if measure in found else ""

    title = f"{name} (result.json)"
    if wide:
        rows = tuple((_words(m), *(cell(g, m) for g in groups)) for m in shown)
        return Table(title, ("measure", *groups), "l" + "r" * len(groups), rows)
    rows = tuple((g, *(cell(g, m) for m in shown)) for g in groups)
    columns = ("", *(_words(m) for m in shown))
    return Table(title, columns, "l" + "r" * len(shown), rows)


def _error_of(key: str, measures: list[str]) -> str | None:
    """Return the measure whose standard error `key` is: `x_stderr`, or `held_out_stderr`."""
    if not key.endswith("stderr"):
        return None
    stem = key.removesuffix("stderr").rstrip("_")
    for measure in measures:
        if measure in (stem, f"{stem}_reward", f"{stem}_accuracy") and measure != key:
            return measure
    return None


def _groups(value: Record, path: tuple[str, ...]) -> Iterator[tuple[str, dict[str, object]]]:
    """Yield (path of names, figures) for every object that holds figures."""
    figures = {k: v for k, v in value.items() if not isinstance(v, dict | list) and v is not None}
    if figures:
        yield " ".join(path) or "all", figures
    for key, inner in value.items():
        if isinstance(inner, dict):
            yield from _groups(inner, (*path, key))


def _evaluations(run: RunRecord) -> Section | None:
    if not run.evaluations:
        return None
    figures = [(name, *row) for name, line in run.evaluations.items() for row in _line_rows(line)]
    columns = ("evaluation", "of", "measure", "value", "standard error", "n", "chance")
    return Section(
        "Evaluations",
        paragraphs=("Chance is what guessing would reach.",),
        tables=(
            Table("", columns, "lllrrrr", tuple(figures)),
            Table("How they were taken", *_how(run)),
        ),
    )


def _line_rows(line: Record) -> Iterator[tuple[str, ...]]:
    """Yield (variant, measure, value, error, n, chance) of one line of `chatapp eval`."""
    for variant, metrics in _by_variant(line["metrics"]).items():
        for measure, value in metrics.items():
            beside = [
                _by_variant(line.get(part) or {}).get(variant, {}).get(measure)
                for part in ("stderr", "counts", "chance")
            ]
            error, n, chance = beside
            yield (
                variant or _data_name(line),
                _words(measure),
                _rounded(value),
                _rounded(error),
                figure(line["n"] if n is None else n),
                _rounded(chance),
            )


def _data_name(line: Record) -> str:
    """Return the name of the one file that a line without variants was measured on."""
    data = (line.get("config") or {}).get("data")
    return str(data[0]).partition(".jsonl")[0] if isinstance(data, list) and data else ""


def _rounded(value: object) -> str:
    """Write a measured value no finer than its error deserves."""
    if value is None:
        return ""
    return f"{value:.3f}" if isinstance(value, float) and abs(value) < 100 else figure(value)


def _by_variant(part: Record) -> dict[str, Record]:
    nested = {name: found for name, found in part.items() if isinstance(found, dict)}
    return nested or {"": part}


def _how(run: RunRecord) -> tuple[tuple[str, ...], str, tuple[tuple[str, ...], ...]]:
    """Return columns, alignment and rows of the evaluations' circumstances."""
    rows = []
    for name, line in run.evaluations.items():
        config = line.get("config") or {}
        said = {
            key: value
            for key, value in config.items()
            if key not in ("suite", "data", "model", "sources") and (value or key == "seed")
        }
        data = config.get("data")
        rows.append(
            (
                name,
                str(config.get("suite", "")),
                ", ".join(map(str, data)) if isinstance(data, list) else str(data or ""),
                str(config.get("model", "")),
                ", ".join(f"{_words(key)} {value}" for key, value in said.items()),
            )
        )
    return ("evaluation", "suite", "data", "model", "settings"), "lllll", tuple(rows)


def _prediction(run: RunRecord) -> Section | None:
    parts = {"Plan": run.plan, "Prediction made before the run": run.prediction}
    tables = tuple(_result_table(title, part) for title, part in parts.items() if part)
    return Section("Plan and prediction", tables=tables) if tables else None


def _cost(run: RunRecord, known: Circumstances) -> Section:
    seconds = sum(stage.seconds for stage in run.stages.values())
    machines = {
        json.dumps(line["machine"], sort_keys=True): line["machine"]
        for line in run.evaluations.values()
        if line.get("machine")
    }
    items = [f"Training: {_machine(run.machine)}." if run.machine else "Training: not recorded."]
    items += [f"Evaluations: {_machine(machine)}." for machine in machines.values()]
    return Section(
        "Time, machine and energy",
        paragraphs=(_energy(run, seconds, known),),
        items=tuple(items),
    )


def _machine(machine: object) -> str:
    if not isinstance(machine, dict):
        return str(machine)
    return ", ".join(f"{_words(key)} {value}" for key, value in machine.items())


def _energy(run: RunRecord, seconds: float, known: Circumstances) -> str:
    """Estimate the energy of the steps; an assumption is named as one."""
    if known.watts is not None:
        kwh = known.watts * seconds / 3.6e6
        return f"Energy: about {figure(kwh)} kWh at the given {figure(known.watts)} W."
    cores = (run.machine or {}).get("cores")
    if not isinstance(cores, int) or (run.machine or {}).get("device", "cpu") != "cpu":
        return "Energy: not known; give the power that the machine draws with --watts."
    kwh = cores * _WATTS_PER_CORE * seconds / 3.6e6
    return (
        f"Energy: about {figure(kwh)} kWh if each of {cores} cores draws {figure(_WATTS_PER_CORE)}"
        " W, which is an assumption and no measurement."
    )


def _data(run: RunRecord, known: Circumstances) -> Section:
    rows = tuple(
        (stage.name, path, known.licences.get(path, "not known"))
        for stage in run.stages.values()
        for path in dict.fromkeys(_paths(stage.settings))
    )
    if not rows:
        return Section("Data and licences", paragraphs=("The run recorded no sources.",))
    columns = ("stage", "source", "licence")
    return Section("Data and licences", tables=(Table("", columns, "lll", rows),))


def _paths(value: object) -> Iterator[str]:
    """Yield every source path that a stage's settings name, at any depth."""
    if isinstance(value, dict):
        path = value.get("path")
        if isinstance(path, str):
            yield path
        for inner in value.values():
            yield from _paths(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _paths(inner)


def _settings(run: RunRecord) -> Section | None:
    folded = [
        (f"Settings of {stage.name}", json.dumps(stage.settings, indent=2, ensure_ascii=False))
        for stage in run.stages.values()
        if stage.settings
    ]
    if run.model:
        folded.append(("Shape of the model", json.dumps(run.model, indent=2)))
    seeds = {s.settings["seed"] for s in run.stages.values() if s.settings and "seed" in s.settings}
    if not folded:
        return None
    said = f"Seed: {', '.join(map(str, sorted(seeds)))}." if seeds else "No seed was recorded."
    return Section("Recipe", paragraphs=(said,), folded=tuple(folded))


def _missing(run: RunRecord, known: Circumstances) -> Section:
    """Say what is not there, so that nobody takes the card for more than it is."""
    items = list(run.problems)
    for stage in run.stages.values():
        if not is_complete(run, stage):
            items.append(
                f"The stage {stage.name} is not finished: its figures are of the way there."
            )
        if any(value != value for curve in stage.curves().values() for _, value in curve):
            items.append(f"The stage {stage.name} has values that are not numbers.")
    if run.model is None:
        items.append("There is no finished model in the run's directory.")
    if run.bits_per_byte is None and "pretrain" in run.stages:
        items.append("There is no 5-gram baseline (bits_per_byte.json).")
    if not run.evaluations:
        items.append(
            "No evaluation lies in evaluations/; make one with chatapp eval … --save "
            "RUN/evaluations/NAME.json."
        )
    if run.prediction is None:
        items.append("No predicted loss was written before the run (prediction.json).")
    if run.machine is None:
        items.append("The machine of the training was not recorded (machine.json).")
    if any(path not in known.licences for s in run.stages.values() for path in _paths(s.settings)):
        items.append("Some licences are not known; --data DIR reads them from DIR/manifest.json.")
    items.append("One run with one seed: no figure above has an error bar over seeds.")
    return Section("Failed, missing and uncertain", items=tuple(items))
