"""The curves of a run: one chart for each stage and measure, variants of a stage together."""

from __future__ import annotations

from collections.abc import Iterator

from chatapp.evaluation.card.document import Chart, Section, Series, words
from chatapp.evaluation.card.run import RunRecord, Stage

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
_LOSSES = {"reward": "Ranking loss", "dpo": "Preference loss", "ppo": "Policy loss"}
_LEAST_POINTS = 2  # a curve of fewer points is a figure, and stands in the tables


def families(run: RunRecord) -> list[list[Stage]]:
    """Group a stage with its variants (`ppo` and `ppo-without-ptx`), which share their charts."""
    found: dict[str, list[Stage]] = {}
    for name, stage in run.stages.items():
        head = next((h for h in run.stages if name.startswith(f"{h}-")), name)
        found.setdefault(head, []).append(stage)
    return [sorted(family, key=lambda stage: len(stage.name)) for family in found.values()]


def curve_section(run: RunRecord) -> Section | None:
    """Return the charts of all stages, the measures that matter open and the others folded."""
    charts = [found for family in families(run) for found in _charts(run, family)]
    if not charts:
        return None
    return Section(
        "Curves",
        charts=tuple(chart for name, chart in charts if name in _MAIN),
        further=tuple(chart for name, chart in charts if name not in _MAIN),
    )


def _charts(run: RunRecord, family: list[Stage]) -> Iterator[tuple[str, Chart]]:
    """Yield (measure, chart) of a stage and its variants, one chart a measure."""
    curves = {stage.name: stage.curves() for stage in family}
    names = list(dict.fromkeys(name for found in curves.values() for name in found))
    names.sort(key=lambda name: list(_MAIN).index(name) if name in _MAIN else len(_MAIN))
    head = family[0].name
    for name in names:
        series = tuple(
            Series(stage, tuple(found[name])) for stage, found in curves.items() if name in found
        )
        if any(len(each.points) >= _LEAST_POINTS for each in series):
            title = _MAIN.get(name, words(name).capitalize())
            if name == "loss":
                title = _LOSSES.get(head, title)
            yield name, Chart(f"{head}: {title}", series, _reference(run, head, name))


def _reference(run: RunRecord, stage: str, measure: str) -> tuple[str, float] | None:
    if (stage, measure) == ("pretrain", "bits_per_byte") and run.bits_per_byte:
        baseline = run.bits_per_byte.get("5-gram")
        return ("5-gram", float(baseline)) if baseline else None
    return _CHANCE.get((stage, measure))
