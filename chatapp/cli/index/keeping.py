"""`chatapp index remove` and `rebuild`."""

from __future__ import annotations

import click

from chatapp.cli.errors import CliError, ExitCode
from chatapp.cli.index.bulk import ray_option, through_ray
from chatapp.cli.index.reports import print_status
from chatapp.cli.index.running import opened, progress_bar
from chatapp.cli.output import output_option, print_json
from retrieval.text import sanitize_text


@click.command()
@click.argument("target")
@output_option("text", "json", "jsonl")
def remove(target: str, output: str) -> None:
    """Remove TARGET: a file, a folder, an address or a document id."""
    with opened() as sources:
        count = sources.remove(target)
    if not count:
        raise CliError(
            f"nothing in the index comes from '{sanitize_text(target)}'",
            hint="`chatapp index search` shows the address of every passage",
            code=ExitCode.NOT_FOUND,
        )
    if output == "text":
        click.echo(f"removed {count} document{'s' * (count != 1)}")
    else:
        print_json({"target": target, "removed": count})


@click.command()
@ray_option
@output_option("text", "json", "jsonl")
def rebuild(ray: str | None, output: str) -> None:
    """Make vectors and caches anew from the stored text; nothing is read from your files."""
    with (
        through_ray(ray) as through,
        opened(through=through) as sources,
        progress_bar() as progress,
    ):
        rebuilt = sources.rebuild(progress)
    print_status(rebuilt, output)
