"""`chatapp run`: a scripted session from a file or stdin, repeatable to the byte if asked."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from chatapp.cli.errors import CliError, ExitCode
from chatapp.cli.options import read_stdin, sampling_options
from chatapp.cli.output import output_option, print_json

if TYPE_CHECKING:
    from chatapp.cli.script import Operation


@click.command()
@click.argument("script", required=False, metavar="FILE|-")
@click.option("--keep-going", is_flag=True, help="Go on after a failure; the first one counts.")
@click.option("--timeout", type=click.FloatRange(min=0, min_open=True), help="Seconds in all.")
@click.option(
    "--db", type=click.Path(dir_okay=False, path_type=Path), help="Store conversations here."
)
@click.option("--ephemeral", is_flag=True, help="Store nothing of this session.")
@sampling_options
@click.option("--clock", metavar="TIME", help="Let it be this time, such as 2026-01-01T00:00:00Z.")
@click.option("--quiet", "-q", is_flag=True, help="No warnings on stderr.")
@click.option("--schema", is_flag=True, help="Print the JSON Schema of the events and stop.")
@output_option("text", "json", "jsonl")
def run(
    script: str | None,
    keep_going: bool,
    timeout: float | None,
    db: Path | None,
    ephemeral: bool,
    seed: int | None,
    greedy: bool,
    clock: str | None,
    quiet: bool,
    schema: bool,
    output: str,
) -> int:
    """Run the operations of FILE (`-`: stdin), one JSON object a line.

    \b
    {"user": "What is chatapp?"}
    {"expect": {"cites": 1, "grounding": "grounded"}}
    """
    if schema:
        from chatapp.assistant.envelope import event_schema

        print_json(event_schema())
        return ExitCode.OK
    if db and ephemeral:
        raise CliError(
            "--db and --ephemeral exclude each other", hint="give one.", code=ExitCode.USAGE
        )
    now = _clock(clock)
    operations = _read(script)

    from chatapp.assistant import factory
    from chatapp.cli.printers import make_printer
    from chatapp.cli.script_runner import ScriptRunner
    from chatapp.cli.session import HeadlessSession
    from chatapp.conversations.ids import UlidFactory, utc_now
    from chatapp.settings import load_settings

    settings = load_settings().settings
    # A fixed clock also fixes the ids: they count up from zero within its one millisecond.
    ids = UlidFactory(now, random_bits=lambda: 0) if now else None
    assistant = factory.build_assistant(
        settings, database=db, ephemeral=ephemeral, clock=now or utc_now, ids=ids
    )
    assistant.sample(greedy=greedy, seed=seed)
    printer = make_printer(output, quiet=quiet, transcript=True)
    session = HeadlessSession(assistant, printer, now or utc_now)
    runner = ScriptRunner(session, keep_going, timeout)
    return session.run(lambda: runner.run(operations), model=settings.model)


def _read(script: str | None) -> list[Operation]:
    from chatapp.cli.script import ScriptError, parse_script

    if script is None:
        raise CliError("there is no script", hint="name a FILE, or `-`.", code=ExitCode.USAGE)
    try:
        if script == "-":
            raw = read_stdin(instead="save the script as a file and name it.")
        else:
            raw = Path(script).read_bytes()
        return parse_script(raw.decode("utf-8-sig"))
    except FileNotFoundError as error:
        raise CliError(
            f"there is no file {script}", hint="check the path.", code=ExitCode.NOT_FOUND
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise CliError(
            f"{script} cannot be read: {error}",
            hint="name a UTF-8 text file.",
            code=ExitCode.USAGE,
        ) from error
    except ScriptError as error:
        raise CliError(
            f"{script}, {error}",
            hint="the handbook's page on scripts shows every operation.",
            code=ExitCode.USAGE,
        ) from error


def _clock(value: str | None) -> Callable[[], datetime] | None:
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value)
        fixed = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise CliError(
            f"--clock cannot be {value!r}",
            hint="write it as 2026-01-01T00:00:00Z.",
            code=ExitCode.USAGE,
        ) from error
    return lambda: fixed
