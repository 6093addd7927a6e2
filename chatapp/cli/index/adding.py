"""`chatapp index add`."""

from __future__ import annotations

import sys

import click

from chatapp import paths
from chatapp.cli.errors import ExitCode
from chatapp.cli.index.bulk import ray_option, through_ray
from chatapp.cli.index.reports import exit_code, print_report
from chatapp.cli.index.running import opened, progress_bar, stop_on_interrupt
from chatapp.cli.output import output_option


@click.command()
@click.argument("targets", metavar="PATH...", nargs=-1, required=True)
@click.option("--collection", default="files", show_default=True, help="Name to file them under.")
@ray_option
@output_option("text", "json", "jsonl")
def add(targets: tuple[str, ...], collection: str, ray: str | None, output: str) -> None:
    """Add files, folders and globs ('notes/**/*.md').

    Text, Markdown, HTML, PDF, record files (.jsonl, .jsonl.xz) and dumps of wikis (.xml.bz2) can be
    read. What has not changed since the last time is skipped; what is gone from a file or folder is
    removed. An interrupted run continues when the same command is given again.
    """
    if not all(target.strip() for target in targets):
        raise click.BadParameter("an empty path", param_hint="PATH")
    files = [paths.expanded(target) for target in targets]
    with (
        through_ray(ray) as through,
        opened(through=through) as sources,
        stop_on_interrupt() as stop,
        progress_bar() as progress,
    ):
        report = sources.add(
            files, collection=collection, progress=progress, should_stop=stop.is_set
        )
    print_report(report, output)
    code = exit_code(report, files)
    if code is not ExitCode.OK:
        sys.exit(code)
