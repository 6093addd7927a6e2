"""Under which circumstances: prediction, machine, energy, data, recipe, and what is missing."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from chatapp.evaluation.card.document import Section, Table, figure, words
from chatapp.evaluation.card.run import RunRecord, is_complete

_WATTS_PER_CORE = 15.0


@dataclass(frozen=True)
class Circumstances:
    """What the run's files cannot say: licences by file, and the power that the machine drew."""

    licences: Mapping[str, str]
    watts: float | None = None


def prediction_section(run: RunRecord) -> Section | None:
    """Set the prediction that was written before pretraining beside what was reached."""
    if run.prediction is None:
        return None
    made, reached = run.prediction, run.outcome or {}
    said = [
        f"Predicted before pretraining from {len(made.get('rungs', []))} smaller models: "
        f"{figure(made.get('predicted'))} {words(str(made.get('metric', '')))}, "
        f"{figure(100 * made.get('level', 0))} % interval {figure(made.get('low'))} to "
        f"{figure(made.get('high'))}."
    ]
    if "measured" in reached:
        inside = "inside" if reached.get("inside") else "outside"
        said.append(
            f"Reached: {figure(reached['measured'])}, which is {inside} the interval; the error of "
            f"the prediction is {100 * reached.get('relative_error', 0):+.2f} %."
        )
    else:
        said.append("What the large model reached was not recorded.")
    rungs = [rung for rung in made.get("rungs", []) if isinstance(rung, dict)]
    columns = tuple(dict.fromkeys(key for rung in rungs for key in rung))
    rows = tuple(tuple(figure(rung.get(key, "")) for key in columns) for rung in rungs)
    table = Table("The ladder", tuple(map(words, columns)), "r" * len(columns), rows)
    return Section("Prediction", tuple(said), tables=(table,) if rungs else ())


def cost_section(run: RunRecord, known: Circumstances) -> Section:
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
    return ", ".join(f"{words(key)} {value}" for key, value in machine.items())


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


def data_section(run: RunRecord, known: Circumstances) -> Section:
    rows = tuple(
        (stage.name, path, known.licences.get(path, "not known"))
        for stage in run.stages.values()
        for path in dict.fromkeys(source_paths(stage.settings))
    )
    if not rows:
        return Section("Data and licences", paragraphs=("The run recorded no sources.",))
    columns = ("stage", "source", "licence")
    return Section("Data and licences", tables=(Table("", columns, "lll", rows),))


def source_paths(value: object) -> Iterator[str]:
    """Yield every source path that a stage's settings name, at any depth."""
    if isinstance(value, dict):
        path = value.get("path")
        if isinstance(path, str):
            yield path
        for inner in value.values():
            yield from source_paths(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from source_paths(inner)


def recipe_section(run: RunRecord) -> Section | None:
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


def missing_section(run: RunRecord, known: Circumstances) -> Section:
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
        items.append("No loss was predicted before the run (no stage ladder).")
    if run.machine is None:
        items.append("The machine of the training was not recorded (machine.json).")
    if any(
        path not in known.licences for s in run.stages.values() for path in source_paths(s.settings)
    ):
        items.append("Some licences are not known; --data DIR reads them from DIR/manifest.json.")
    items.append("One run with one seed: no figure above has an error bar over seeds.")
    return Section("Failed, missing and uncertain", items=tuple(items))
