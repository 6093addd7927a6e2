"""`chatapp index watch`: keep the index in step with folders until Ctrl-C.

The thing to know: Ctrl-C is how it ends, so that is no failure; what is being written is finished.
"""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from chatapp import paths
from chatapp.cli.errors import CliError, ExitCode
from chatapp.cli.index.reports import print_problems, summary
from chatapp.cli.index.running import opened, stop_on_interrupt
from chatapp.cli.output import output_option, print_json

if TYPE_CHECKING:
    from retrieval.types import IngestProblem, IngestReport


@click.command()
@click.argument("targets", metavar="FOLDER...", nargs=-1, required=True)
@click.option("--collection", default="files", show_default=True, help="Name to file them under.")
@click.option("--poll", is_flag=True, help="Look every two seconds: for network drives.")
@output_option("text", "json", "jsonl")
def watch(targets: tuple[str, ...], collection: str, poll: bool, output: str) -> None:
    """Add folders, and follow what changes in them until Ctrl-C.

    New, changed, renamed and deleted files are in the index a few seconds later.
    """
    folders = [paths.expanded(target) for target in targets]
    for folder in folders:
        if not folder.is_dir():
            raise CliError(
                f"{folder} is no folder",
                hint="watch takes folders; `chatapp index add` takes files",
                code=ExitCode.NOT_FOUND,
            )
    from retrieval.watching import watch_folders

    with opened() as sources, stop_on_interrupt() as stop:
        reports = watch_folders(sources, folders, stop, collection=collection, poll=poll)
        click.echo(f"watching {', '.join(map(str, folders))}; Ctrl-C ends it", err=True)
        known: list[IngestProblem] = []
        for report in reports:
            new = [problem for problem in report.problems if problem not in known]
            print_problems(new, err=True)
            known = report.problems
            _tell(report, output)
    click.echo("stopped watching", err=True)


def _tell(report: IngestReport, output: str) -> None:
    if output != "text":
        print_json(asdict(report))
    else:
        click.echo(f"{time.strftime('%H:%M:%S')}  {summary(report)}")
