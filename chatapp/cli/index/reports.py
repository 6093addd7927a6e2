"""What an ingestion did, and how large the index is, as a person or a program reads it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from chatapp.cli.errors import ExitCode
from chatapp.cli.output import print_json

if TYPE_CHECKING:
    from retrieval.types import IndexStatus, IngestProblem, IngestReport

_MOST_SHOWN = 20  # problems; the others are a command away


def exit_code(report: IngestReport, targets: list[Path]) -> ExitCode:
    """Return how `add` ends: a missing path is 3, any other problem 1, an interrupt 130."""
    if report.interrupted:
        return ExitCode.SIGINT
    if not all(os.path.exists(target) for target in targets):  # noqa: PTH110 - never raises
        return ExitCode.NOT_FOUND if report.problems else ExitCode.OK  # it was a glob
    return ExitCode.ERROR if report.problems else ExitCode.OK


def print_report(report: IngestReport, output: str) -> None:
    """Print what was done on stdout, and what could not be done on stderr."""
    print_problems(report.problems[:_MOST_SHOWN], err=True)
    if len(report.problems) > _MOST_SHOWN:
        more = len(report.problems) - _MOST_SHOWN
        click.echo(f"warning: {more} more; `chatapp index problems` lists them", err=True)
    if report.interrupted:
        click.echo("stopped; give the same command again to continue", err=True)
    if output != "text":
        print_json(asdict(report))
    else:
        click.echo(summary(report))


def summary(report: IngestReport) -> str:
    """Return one line."""
    rate = f", {report.passages / report.seconds:,.0f}/s" if report.seconds >= 1 else ""
    return (
        f"{report.added} added, {report.updated} updated, {report.unchanged} unchanged, "
        f"{report.removed} removed: {report.passages:,} passages in {report.seconds:.1f} s{rate}"
    )


def print_problems(problems: Iterable[IngestProblem], *, err: bool) -> None:
    """Print each with its fix below it."""
    for problem in problems:
        click.echo(f"{'warning: ' if err else ''}{problem.path}: {problem.message}", err=err)
        if problem.hint:
            click.echo(f"  fix: {problem.hint}", err=err)


def print_status(state: IndexStatus, output: str) -> None:
    """Print sizes and health."""
    if output != "text":
        print_json(asdict(state))
        return
    click.echo(f"index        {state.path}")
    click.echo(f"documents    {state.documents:,}")
    click.echo(f"passages     {state.passages:,}")
    click.echo(f"vectors      {state.vectors:,} ({state.embedder}, {state.dimension} dimensions)")
    click.echo(f"on disk      {state.bytes_on_disk / 1e6:,.1f} MB")
    for name, count in state.collections.items():
        click.echo(f"collection   {name}: {count:,} documents")
    if state.problems:
        click.echo(f"problems     {state.problems:,}; `chatapp index problems` lists them")
