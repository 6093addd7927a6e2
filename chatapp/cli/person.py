"""Whether a person is there, and asking them before something that cannot be undone."""

from __future__ import annotations

import sys
from typing import IO

import click

from chatapp.cli.errors import CliError, ExitCode


def is_terminal(*streams: IO[str] | None) -> bool:
    """Say whether all `streams` are terminals; one that was closed before the start is None."""
    return all(stream is not None and stream.isatty() for stream in streams)


def ask_first(question: str, yes: bool, *, unasked: str = "this cannot be undone") -> None:
    """Ask, unless the command line says `yes`; a script, which cannot be asked, must say it.

    Raises:
        CliError: nobody is there to be asked; `unasked` says what would have happened.
        click.Abort: the answer is no.
    """
    if yes:
        return
    if not is_terminal(sys.stdin):
        raise CliError(unasked, hint="add --yes to agree.", code=ExitCode.APPROVAL)
    click.confirm(question, abort=True, err=True)
