"""What every command's `--output` option looks like, how JSON is printed and a file is written."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, TypeVar

import click

from chatapp.cli.errors import CliError, ExitCode
from chatapp.private import make_stand_in

F = TypeVar("F", bound=Callable[..., Any])

FORMS = ("text", "json", "jsonl")


def output_option(*choices: str) -> Callable[[F], F]:
    """Return the `--output` option of a command: text, json and jsonl, text if not said.

    A command that names `choices` without jsonl prints one object; as JSON lines that is the same
    line, so it is told json.
    """
    one_object = bool(choices) and "jsonl" not in choices

    def told(ctx: click.Context, param: click.Parameter, value: str) -> str:
        return "json" if one_object and value == "jsonl" else value

    return click.option(
        "--output",
        type=click.Choice(FORMS),
        default="text",
        show_default=True,
        callback=told,
        help="How to print the result.",
    )


def print_json(value: object) -> None:
    """Print `value` as one line of JSON on stdout, in readable UTF-8."""
    click.echo(json.dumps(value, ensure_ascii=False))


def file_option(command: F) -> F:
    """Add `--output FILE`, passed on as `file` to be given to `writing`."""
    return click.option(
        *("--output", "-o", "file"),
        type=click.Path(dir_okay=False, allow_dash=True),
        default="-",
        help="File to write; `-` is stdout.",
    )(command)


@contextmanager
def writing(file: str) -> Iterator[IO[str]]:
    """Yield the stream to write `file` (`-`: stdout) with, as UTF-8.

    The file gets its name when it is whole, so a failure leaves the one that was there before.
    What is no plain file, such as a pipe, is written as it comes.

    Raises:
        CliError: there is no such folder, or nothing can be written there.
        OSError: the disk is full.
    """
    if file == "-" or (os.path.lexists(file) and not Path(file).is_file()):
        with click.open_file(file, "w", encoding="utf-8") as stream:
            yield stream
        return
    target = Path(file).resolve()
    partial = target.with_name(f"{target.name}.{os.getpid()}.partial")
    stream = _opened(partial, target, file)
    try:
        with stream:
            yield stream
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


def _opened(partial: Path, target: Path, file: str) -> IO[str]:
    try:
        make_stand_in(partial, target)
        return partial.open("w", encoding="utf-8")
    except OSError as error:
        raise CliError(
            f"{file} cannot be written: {error.strerror}",
            hint="name a file in a folder that can be written.",
            code=ExitCode.USAGE,
        ) from error
