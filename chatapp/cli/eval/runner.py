"""The one runner of all suites: progress on stderr, then a table or one JSON line on stdout.

Nothing is printed or written before a suite is complete, so what Ctrl-C leaves behind is nothing,
or the journal of answers that `eval grounded` was asked to keep.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from chatapp.cli.output import print_json

if TYPE_CHECKING:
    from chatapp.evaluation.result import Result
    from chatapp.evaluation.suite import Suite


def run(suite: Suite, config: Mapping[str, object], *, output: str, save: Path | None) -> None:
    """Measure and report.

    Args:
        suite: what to measure, set up.
        config: what the person chose; stands in the report beside what the suite says.
        output: `text` or `json`.
        save: file that also gets the JSON line.
    """
    import dataclasses

    from tqdm import tqdm

    from chatapp.evaluation.result import line

    with tqdm(total=suite.size(), unit=suite.unit, desc=suite.name, file=sys.stderr) as bar:
        result = suite.run(bar.update)
    told = {"suite": suite.name, **config, **result.config}
    report = line(dataclasses.replace(result, config=told))
    if save is not None:
        _write(save, report)
    if output == "json":
        print_json(report)
    else:
        _print(result)


def _write(path: Path, report: Mapping[str, object]) -> None:
    """Write the line so that the file is either whole or not there."""
    from chatapp.model.checkpoint import write_atomically

    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, json.dumps(report, ensure_ascii=False) + "\n")


def _print(result: Result) -> None:
    """Print one line for each metric: mean, standard error, how many items, and chance."""
    rows = [
        (variant, metric, value)
        for variant, metrics in result.variants.items()
        for metric, value in metrics.items()
    ]
    first = max((len(variant) for variant, _, _ in rows), default=0)
    second = max((len(metric) for _, metric, _ in rows), default=0)
    for variant, metric, value in rows:
        chance = "" if value.chance is None else f"  chance {_figure(value.chance)}"
        click.echo(
            f"{variant:<{first}}  {metric:<{second}}  {_figure(value.mean)} ± "
            f"{_figure(value.stderr)}  n={value.n}{chance}"
        )


def _figure(value: float) -> str:
    return f"{value:.3f}" if abs(value) < 1000 else f"{value:,.0f}"
