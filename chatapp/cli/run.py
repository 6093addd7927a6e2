"""`chatapp run`: a scripted session from a file or stdin, repeatable to the byte if asked."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from chatapp.cli.errors import CliError, ExitCode
from chatapp.cli.headless import Setup, read_clock, run_session
from chatapp.cli.options import (
    allow_option,
    model_option,
    read_text,
    replay_http_option,
    sampling_options,
)
from chatapp.cli.output import output_option, print_json

if TYPE_CHECKING:
    from chatapp.cli.script.operations import Operation


@click.command()
@click.argument("script", required=False, metavar="FILE|-", type=click.Path(allow_dash=True))
@click.option("--keep-going", is_flag=True, help="Go on after a failure; the first one counts.")
@click.option("--timeout", type=click.FloatRange(min=0, min_open=True), help="Seconds in all.")
@click.option(
    "--db", type=click.Path(dir_okay=False, path_type=Path), help="Store conversations here."
)
@click.option("--ephemeral", is_flag=True, help="Store nothing of this session.")
@model_option
@sampling_options
@click.option("--clock", metavar="TIME", help="Let it be this time, such as 2026-01-01T00:00:00Z.")
@click.option(
    "--record",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write what goes over HTTP to this file.",
)
@replay_http_option
@allow_option
@click.option("--quiet", "-q", is_flag=True, help="No warnings on stderr.")
@click.option(
    "--schema",
    type=click.Choice(("events", "script")),
    is_flag=False,
    flag_value="events",
    help="Print the JSON Schema of the events, or of scripts, and stop.",
)
@output_option()
def run(
    script: str | None,
    keep_going: bool,
    timeout: float | None,
    db: Path | None,
    ephemeral: bool,
    model: str | None,
    seed: int | None,
    greedy: bool,
    clock: str | None,
    record: Path | None,
    replay_http: Path | None,
    allow: tuple[str, ...],
    quiet: bool,
    schema: str | None,
    output: str,
) -> int:
    """Run the operations of FILE (`-`: stdin), in YAML or as JSON lines.

    \b
    - user: What is chatapp?
    - expect: {cites: 1, grounded: true}
    - regenerate
    """
    if schema:
        _print_schema(schema)
        return ExitCode.OK
    _one_of(db is not None, ephemeral, "--db and --ephemeral")
    _one_of(record is not None, replay_http is not None, "--record and --replay-http")
    setup = Setup(
        model=model,
        database=db,
        ephemeral=ephemeral,
        seed=seed,
        greedy=greedy,
        clock=read_clock(clock),
        allow=allow,
        keep_going=keep_going,
        timeout=timeout,
        record=record,
        replay_http=replay_http,
    )
    operations = _read(script)

    from chatapp.cli.printers import make_printer

    return run_session(setup, operations, make_printer(output, quiet=quiet, transcript=True))


def _one_of(first: bool, second: bool, names: str) -> None:
    if first and second:
        raise CliError(f"{names} exclude each other", hint="give one.", code=ExitCode.USAGE)


def _print_schema(which: str) -> None:
    if which == "script":
        from chatapp.cli.script.schema import script_schema

        print_json(script_schema())
        return
    from chatapp.assistant.envelope import event_schema

    print_json(event_schema())


def _read(script: str | None) -> list[Operation]:
    from chatapp.cli.script.operations import ScriptError
    from chatapp.cli.script.parse import parse_script

    if script is None:
        raise CliError("there is no script", hint="name a FILE, or `-`.", code=ExitCode.USAGE)
    text = read_text(script)
    try:
        return parse_script(text)
    except ScriptError as error:
        raise CliError(
            f"{'stdin' if script == '-' else script}, {error}",
            hint="the handbook's page on scripts shows every operation.",
            code=ExitCode.USAGE,
        ) from error
