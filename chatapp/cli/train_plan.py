"""What `chatapp train --plan` prints."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import click


def print_plan(plan: Mapping[str, Any]) -> None:
    """Print a plan as lines for a person."""
    for line in _lines(plan):
        click.echo(line)


def _lines(plan: Mapping[str, Any]) -> Iterator[str]:
    yield from plan["derived"]
    model, pretrain = plan["model"], plan["pretrain"]
    yield f"recipe           {plan['recipe']}"
    yield (
        f"model            {model['parameters']:,} parameters: {model['layers']} layers x "
        f"{model['width']}, {model['heads']} heads, feed-forward {model['feed_forward']}, "
        f"vocabulary {model['vocabulary']:,}, context {model['context_length']:,}"
    )
    yield f"attention        {', '.join(model['attention'])}"
    if pretrain is not None:
        yield from _reading(pretrain)
    if plan["sharding"] is not None:
        yield f"memory           {_parts(plan['memory_bytes'])}"
        yield from _sharding(plan["sharding"])
    yield from _times(plan["time"])
    yield f"disk             {_parts(plan['disk_bytes'])}"
    yield f"predicted        {_loss(plan['loss'])}"
    for name, stage in plan["stages"].items():
        budget = [f"{key} {_value(value)}" for key, value in stage["budget"].items()]
        if stage["seconds"] is not None:
            budget.append(f"{_duration(stage['seconds'])} on this machine")
        yield f"stage            {name}: {', '.join(budget)}".rstrip(" :")
        for source in stage["reads"]:
            count = source["files"]
            state = f"{count} file{'s' if count > 1 else ''}" if count else "NOT THERE"
            yield f"                 {source['path']}: {state}"
    if plan["missing"]:
        yield "give the directory of the records with --data DIR"


def _reading(pretrain: Mapping[str, Any]) -> Iterator[str]:
    yield (
        f"pretraining      {_count(pretrain['tokens'])} tokens in {pretrain['steps']:,} steps of "
        f"{pretrain['tokens_per_step']:,}"
    )
    if pretrain["epochs"]:
        yield (
            f"                 about {_count(pretrain['unique_tokens'])} different ones: "
            f"{pretrain['epochs']:.1f} epochs, worth {_count(pretrain['worth_of_fresh_tokens'])} "
            "fresh ones"
        )
    yield (
        f"compute          {pretrain['flops_per_token']:.3g} FLOPs a token, "
        f"{pretrain['flops']:.3g} in all"
    )


def _sharding(sharding: Mapping[str, Any]) -> Iterator[str]:
    one, advice = sharding["memory_of_one"], sharding["advice"]
    if advice == "none" and sharding["least_gpus"] is None:
        advice = "never"
    yield (
        f"on {sharding['gpus']} x {sharding['kind']:<10} "
        f"{_ADVICE[advice].format(least=sharding['least_gpus'])}"
    )
    for name, parts in sharding["bytes_per_device"].items():
        fits = "fits" if parts["total"] <= 0.9 * one else "does not fit"
        yield f"  {name:<15}{_size(parts['total'])} of {_size(one)} each: {fits}"


_ADVICE = {
    "one": "one device holds it all",
    "ddp": "a whole copy on each (torchrun, --parallel ddp)",
    "fsdp": "shards (torchrun, --parallel fsdp)",
    "none": "too few; shards (FSDP2) fit on {least} and more",
    "never": "no number of them: one micro-batch's activations are too large; lower micro_batch",
}


def _times(times: Mapping[str, Any]) -> Iterator[str]:
    here = times["this_machine"]
    if not times["stages"]:
        yield "time             not estimated: no stage has a budget in tokens or minutes"
        return
    yield (
        f"time             {_duration(here['seconds'])} for {', '.join(times['stages'])} "
        f"on this machine ({here['device']}: "
        f"{here['matmul_flops'] / 1e12:.2f} TFLOP/s measured, {here['utilisation']:.0%} of it used)"
    )
    for name, gpu in times["gpus"].items():
        yield (
            f"                 {_duration(gpu['seconds'])} on {gpu['count']} x {name} "
            f"(at {gpu['utilisation']:.0%} of its peak)"
        )


def _loss(loss: Mapping[str, Any]) -> str:
    if loss["predicted"] is None:
        return f"nothing: {loss['how']}"
    return (
        f"{loss['predicted']:.3f} bits per byte ({loss['level']:.0%}: {loss['low']:.3f} to "
        f"{loss['high']:.3f}) from {loss['how']}"
    )


def _parts(parts: Mapping[str, int]) -> str:
    named = ", ".join(
        f"{name.replace('_', ' ')} {_size(size)}" for name, size in parts.items() if name != "total"
    )
    return f"{_size(parts['total'])}: {named}"


def _value(value: Any) -> str:
    return f"{value:,}" if isinstance(value, (int, float)) else str(value)


def _count(number: float) -> str:
    for scale, unit in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k")):
        if number >= scale:
            return f"{number / scale:.3g}{unit}"
    return f"{number:.0f}"


def _size(number: float) -> str:
    for scale, unit in ((1e12, "TB"), (1e9, "GB"), (1e6, "MB")):
        if number >= scale:
            return f"{number / scale:.1f} {unit}"
    return f"{number / 1e3:.0f} kB"


def _duration(seconds: float) -> str:
    for scale, unit in (
        (365.25 * 86400, "years"),
        (86400, "days"),
        (3600, "hours"),
        (60, "minutes"),
    ):
        if seconds >= 2 * scale:
            return f"{seconds / scale:.1f} {unit}"
    return f"{seconds:.0f} seconds"
