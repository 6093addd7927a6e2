"""`chatapp replay`: runs a recorded session again and shows where it differs."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import click

from chatapp.cli.errors import CliError, ExitCode
from chatapp.cli.headless import Setup, run_session
from chatapp.cli.options import model_option, read_text, replay_http_option
from chatapp.cli.output import output_option, print_json
from retrieval.text import sanitize_text

if TYPE_CHECKING:
    from chatapp.assistant.events import Event
    from chatapp.cli.script.transcript import Difference, Transcript

_SHOWN = 10  # differences printed as text


@click.command()
@click.argument("transcript", metavar="FILE|-", type=click.Path(allow_dash=True))
@click.option("--strict", is_flag=True, help="Every byte must be the same: ids, times, pieces.")
@model_option
@replay_http_option
@output_option()
def replay(
    transcript: str, strict: bool, model: str | None, replay_http: Path | None, output: str
) -> int:
    """Run the session that FILE recorded again, and show where it differs.

    FILE is what `chatapp run --output jsonl` or `chatapp ask --output jsonl` printed. Nothing of
    the new session is stored, and no file is written; tools that it had allowed run again. Exit
    code 7 means that it differs.
    """
    recorded = _read(transcript)
    if strict and recorded.clock is None:
        raise CliError(
            "this session was recorded without --clock, so times and ids differ",
            hint="record it with --clock, or leave --strict out.",
            code=ExitCode.USAGE,
        )
    heard = _Listener()
    with TemporaryDirectory(prefix="chatapp-replay-") as files:
        setup = Setup(
            model=model or recorded.start["model"],
            ephemeral=True,
            seed=recorded.start["seed"],
            greedy=recorded.start["greedy"],
            clock=recorded.clock,
            allow=tuple(recorded.start["allow"]),
            keep_going=recorded.start["keep_going"],
            replay_http=replay_http,
            files=Path(files),
        )
        code = run_session(setup, list(recorded.operations), heard)
    if code in (ExitCode.SIGINT, ExitCode.SIGTERM):
        return code

    from chatapp.cli.script.transcript import compare

    differences = compare(recorded.lines, heard.lines, strict=strict)
    _print(differences, len(heard.lines), output)
    return ExitCode.EXPECT if differences else ExitCode.OK


class _Listener:
    """A printer that keeps the lines instead of printing them."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def show(self, event: Event, line: dict[str, Any]) -> None:
        """Keep the envelope as `--output jsonl` would print it."""
        self.lines.append(json.dumps(line, ensure_ascii=False))


def _read(file: str) -> Transcript:
    from chatapp.cli.script.operations import ScriptError
    from chatapp.cli.script.transcript import read_transcript

    text = read_text(file)
    try:
        return read_transcript(text)
    except ScriptError as error:
        raise CliError(
            f"{file}, {error}", hint="record the session again.", code=ExitCode.USAGE
        ) from error


def _print(differences: list[Difference], lines: int, output: str) -> None:
    rows = [asdict(difference) for difference in differences]
    result = {"same": not rows, "lines": lines, "differences": rows}
    match output:
        case "json":
            print_json(result)
        case "jsonl":
            for row in rows:
                print_json(row)
            print_json(result)
        case _:
            _print_text(differences, lines)


def _print_text(differences: list[Difference], lines: int) -> None:
    if not differences:
        click.echo(f"The same: {lines} events.")
        return
    click.echo(f"Different in {len(differences)} places:")
    for difference in differences[:_SHOWN]:
        click.echo(f"@ {difference.line}")
        click.echo(sanitize_text(f"- {difference.was or '(nothing)'}"))
        click.echo(sanitize_text(f"+ {difference.now or '(nothing)'}"))
    if len(differences) > _SHOWN:
        click.echo(f"… and {len(differences) - _SHOWN} more; --output json shows all.")
