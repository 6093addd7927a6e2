"""What several commands take: text arguments that are cleaned, sampling options, stdin."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from chatapp.cli.completion import complete_models
from chatapp.cli.errors import CliError, ExitCode
from retrieval.text import sanitize_text

F = TypeVar("F", bound=Callable[..., Any])

LARGEST_SEED = 2**63 - 1  # what the engine's random generator takes
MOST_STDIN_BYTES = 16 * 1024 * 1024


def clean(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """Sanitise an argument as it is parsed; bytes that are no text could not even be looked up."""
    return None if value is None else sanitize_text(value)


def sampling_options(command: F) -> F:
    """Add `--seed` and `--greedy`."""
    for option in (
        click.option("--greedy", is_flag=True, help="Always choose the most likely token."),
        click.option(
            "--seed", type=click.IntRange(0, LARGEST_SEED), help="Make sampling repeatable."
        ),
    ):
        command = option(command)
    return command


def model_option(command: F) -> F:
    """Add `--model`."""
    return click.option(
        "--model",
        metavar="NAME",
        callback=clean,
        shell_complete=complete_models,
        help="Answer with this model.",
    )(command)


def replay_http_option(command: F) -> F:
    """Add `--replay-http`."""
    return click.option(
        "--replay-http",
        metavar="FILE",
        type=click.Path(dir_okay=False, path_type=Path),
        help="Answer what goes over HTTP from this recording; touch no network.",
    )(command)


def allow_option(command: F) -> F:
    """Add `--allow`."""
    return click.option(
        "--allow",
        metavar="TOOL,…",
        multiple=True,
        callback=_globs,
        help="Let these tools run without asking; `*` stands for any letters.",
    )(command)


def _globs(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    words = (word.strip() for value in values for word in sanitize_text(value).split(","))
    return tuple(word for word in words if word)


def limit_option(default: int) -> Callable[[F], F]:
    """Return the `--limit` option of a command that lists rows."""
    return click.option(
        "--limit",
        type=click.IntRange(1, 1_000_000),
        default=default,
        show_default=True,
        help="How many at most.",
    )


def read_stdin(*, instead: str) -> bytes:
    """Return all of stdin; nothing when it is closed.

    Raises:
        CliError: more than MOST_STDIN_BYTES came in; `instead` is the fix.
    """
    if sys.stdin is None:
        return b""
    raw = sys.stdin.buffer.read(MOST_STDIN_BYTES + 1)
    if len(raw) > MOST_STDIN_BYTES:
        raise CliError(
            f"more than {MOST_STDIN_BYTES // 2**20} MiB came in on stdin",
            hint=instead,
            code=ExitCode.LIMIT,
        )
    return raw


def read_text(file: str) -> str:
    """Return the text of a file, or of stdin for `-`. Raises CliError."""
    try:
        if file == "-":
            raw = read_stdin(instead="save it as a file and name that.")
        else:
            raw = Path(file).read_bytes()
        return raw.decode("utf-8-sig")
    except FileNotFoundError as error:
        raise CliError(
            f"there is no file {file}", hint="check the path.", code=ExitCode.NOT_FOUND
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text in UTF-8"
        raise CliError(
            f"{file} cannot be read: {why}",
            hint="name a UTF-8 text file.",
            code=ExitCode.USAGE,
        ) from error
