"""`chatapp report`: the report card of a training run."""

from __future__ import annotations

import json
from pathlib import Path

import click

from chatapp.cli.errors import CliError, ExitCode
from chatapp.cli.output import output_option, print_json


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "--out", type=click.Path(path_type=Path), help="Directory of the card [default: RUN/report]."
)
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    help="Directory of the records, whose manifest.json names the licences.",
)
@click.option("--watts", type=click.FloatRange(min=0), help="Power of the machine, for the energy.")
@output_option("text", "json")
def report(
    run: Path, out: Path | None, data: Path | None, watts: float | None, output: str
) -> None:
    """Write the report card of the training run in the directory RUN.

    It is written as report.md and as report.html, one page that needs no network: curves of all
    stages, results, the evaluations saved in RUN/evaluations, recipe, machine, data and licences,
    and what failed or is missing.
    """
    from chatapp.evaluation.card.circumstances import Circumstances
    from chatapp.evaluation.card.content import card
    from chatapp.evaluation.card.html import html
    from chatapp.evaluation.card.markdown import markdown
    from chatapp.evaluation.card.run import read_run
    from chatapp.model.checkpoint import write_atomically

    content = card(read_run(run), Circumstances(_licences(data) if data else {}, watts))
    directory = out or run / "report"
    directory.mkdir(parents=True, exist_ok=True)
    written = {"markdown": directory / "report.md", "html": directory / "report.html"}
    write_atomically(written["markdown"], markdown(content))
    write_atomically(written["html"], html(content))
    if output == "json":
        print_json({kind: str(path) for kind, path in written.items()})
        return
    for path in written.values():
        click.echo(path)


def _licences(data: Path) -> dict[str, str]:
    """Return the licence of each file that the data pack's manifest names."""
    manifest = data / "manifest.json"
    try:
        files = json.loads(manifest.read_text(encoding="utf-8"))["files"]
        return {str(entry["file"]): str(entry["licence"]) for entry in files}
    except FileNotFoundError as error:
        raise CliError(
            f"{manifest} does not exist",
            hint="name the directory of a data pack, or leave --data out.",
            code=ExitCode.NOT_FOUND,
        ) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CliError(f"{manifest} cannot be read: {error}", hint="fetch it again.") from error
