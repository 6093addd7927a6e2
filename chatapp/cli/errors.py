"""How a command fails: one clear line on stderr, the fix below it, and a fixed exit code.

A command raises `CliError`, or lets a room's own error through: `as_cli_error` knows the errors
that the rooms promise to raise, by name, so that no room is imported to print a message.
"""

from __future__ import annotations

import errno
from enum import IntEnum
from typing import IO, Any

import click


class ExitCode(IntEnum):
    """What the process says to the shell; the handbook lists the same table."""

    OK = 0
    ERROR = 1
    USAGE = 2
    NOT_FOUND = 3
    LIMIT = 4
    APPROVAL = 5
    STORAGE = 6
    EXPECT = 7
    SIGINT = 130
    SIGTERM = 143


class CliError(click.ClickException):
    """A failure that a person can understand; `hint` is the fix, one sentence."""

    def __init__(self, message: str, *, hint: str = "", code: int = ExitCode.ERROR) -> None:
        super().__init__(message)
        self.hint = hint
        # click reads it from the instance, whatever its annotation says
        self.exit_code = int(code)  # type: ignore[misc, unused-ignore]

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the message, and the fix when there is one, to stderr (or `file`)."""
        from retrieval.text import sanitize_text  # here: `--help` imports no room

        fix = f"\n  fix: {self.hint}" if self.hint else ""
        said = sanitize_text(f"error: {self.format_message()}{fix}")  # it may quote what came in
        click.echo(said, file=file, err=file is None)


# The errors that rooms raise on purpose. Their messages are written for the person.
_PROMISED: dict[str, ExitCode] = {
    "SettingsError": ExitCode.USAGE,
    "StorageError": ExitCode.STORAGE,
    "IndexUnavailable": ExitCode.STORAGE,
    "NotInIndex": ExitCode.NOT_FOUND,
    "ModelUnavailable": ExitCode.ERROR,
    "InteropError": ExitCode.ERROR,
    "TokenizerError": ExitCode.ERROR,
    "ContextOverflow": ExitCode.LIMIT,
    "DataError": ExitCode.ERROR,
    "NoRun": ExitCode.NOT_FOUND,
    "SandboxUnavailable": ExitCode.ERROR,
    "MissingData": ExitCode.NOT_FOUND,
    "MissingFile": ExitCode.NOT_FOUND,
    "RecipeError": ExitCode.USAGE,
    "RecordError": ExitCode.ERROR,
    "CheckpointError": ExitCode.STORAGE,
    "RunLocked": ExitCode.ERROR,
    "DeviceUnavailable": ExitCode.USAGE,
    "TrainingDiverged": ExitCode.ERROR,
    "RollOutMismatch": ExitCode.ERROR,
    "AdapterError": ExitCode.ERROR,
    "RemoteError": ExitCode.ERROR,
    "ServerRefused": ExitCode.USAGE,
}
_OWN_PACKAGES = ("chatapp.", "retrieval.", "tools.")
_NOTHING_CAN_BE_WRITTEN = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG}


def as_cli_error(error: BaseException) -> CliError | None:
    """Return what to show for an error that a room promises to raise, or None for a surprise.

    A full or read-only disk is no surprise either, wherever it is met.
    """
    if isinstance(error, OSError) and error.errno in _NOTHING_CAN_BE_WRITTEN:
        where = f" {error.filename}" if error.filename else ""
        return CliError(
            f"cannot write{where}: {error.strerror}",
            hint="free some space, or write to another place.",
            code=ExitCode.STORAGE,
        )
    for kind in type(error).__mro__:
        if kind.__name__ in _PROMISED and kind.__module__.startswith(_OWN_PACKAGES):
            hint = str(getattr(error, "hint", "") or "")
            message = str(getattr(error, "message", "") or error)
            return CliError(message, hint=hint, code=_PROMISED[kind.__name__])
    return None
