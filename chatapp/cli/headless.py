"""Opens the session behind `ask`, `run` and `replay`: one way to set it up, from plain options."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from chatapp.cli.errors import CliError, ExitCode
from chatapp.leaving import leave_busy_threads

if TYPE_CHECKING:
    from chatapp.assistant.assistant import Assistant
    from chatapp.assistant.events import SessionStart
    from chatapp.cli.printers import Printer
    from chatapp.cli.script.operations import Operation
    from chatapp.settings import Settings


@dataclass(frozen=True)
class Setup:
    """How a session runs.

    Attributes:
        model: name of the model; None means the one in the settings.
        database: where the conversations go; None means the person's own file.
        ephemeral: store nothing.
        seed, greedy: how the model chooses its words.
        clock: the fixed time of the session; None lets time pass.
        allow: globs of tools that run without asking.
        keep_going: go on after a failure.
        timeout: seconds in all; None means no limit.
        record: write what goes over HTTP to this file.
        replay_http: answer what goes over HTTP from this file, and touch no network.
        files: where files that the script writes go; None means where it says.
    """

    model: str | None = None
    database: Path | None = None
    ephemeral: bool = False
    seed: int | None = None
    greedy: bool = False
    clock: datetime | None = None
    allow: tuple[str, ...] = ()
    keep_going: bool = False
    timeout: float | None = None
    record: Path | None = None
    replay_http: Path | None = None
    files: Path | None = None


def run_session(
    setup: Setup,
    operations: list[Operation],
    printer: Printer,
    *,
    choose: Callable[[Assistant], str | None] = lambda assistant: None,
) -> int:
    """Carry out `operations` in a session of its own and return the exit code.

    `choose` names the conversation to go on in; None starts a new one with the first message.
    """
    from chatapp.cli.script.runner import ScriptRunner
    from chatapp.cli.session import HeadlessSession
    from chatapp.conversations.ids import utc_now
    from chatapp.settings import load_settings

    settings = load_settings({"model": setup.model}).settings
    clock = _fixed(setup.clock) if setup.clock else utc_now
    assistant = _assistant(setup, settings, clock)
    session = HeadlessSession(assistant, printer, clock)
    runner = ScriptRunner(
        session,
        conversation=choose(assistant),
        keep_going=setup.keep_going,
        seconds=setup.timeout,
        files=setup.files,
    )
    with _recording(setup):
        code = session.run(lambda: runner.run(operations), _start(setup, settings))
    if runner.expired:
        leave_busy_threads(code)
    return code


def read_clock(value: str | None) -> datetime | None:
    """Return the time of a `--clock` option, UTC unless it says otherwise. Raises CliError."""
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise CliError(
            f"--clock cannot be {value!r}",
            hint="write it as 2026-01-01T00:00:00Z.",
            code=ExitCode.USAGE,
        ) from error


def _assistant(setup: Setup, settings: Settings, clock: Callable[[], datetime]) -> Assistant:
    from chatapp.assistant import factory
    from chatapp.conversations.ids import UlidFactory

    # A fixed clock also fixes the ids: they count up from zero within its one millisecond.
    ids = UlidFactory(clock, random_bits=lambda: 0) if setup.clock else None
    assistant = factory.build_assistant(
        settings, database=setup.database, ephemeral=setup.ephemeral, clock=clock, ids=ids
    )
    assistant.sample(greedy=setup.greedy, seed=setup.seed)
    assistant.options = dataclasses.replace(assistant.options, allow=setup.allow)
    return assistant


def _start(setup: Setup, settings: Settings) -> SessionStart:
    from chatapp.assistant.events import SessionStart
    from chatapp.conversations.ids import timestamp
    from chatapp.version import __version__

    return SessionStart(
        version=__version__,
        model=settings.model,
        seed=setup.seed,
        offline=settings.model not in settings.remotes or setup.replay_http is not None,
        greedy=setup.greedy,
        clock=timestamp(setup.clock) if setup.clock else None,
        allow=list(setup.allow),
        keep_going=setup.keep_going,
    )


@contextmanager
def _recording(setup: Setup) -> Iterator[None]:
    """Record what goes over HTTP, or replay it, or do neither."""
    if setup.record is None and setup.replay_http is None:
        yield  # most sessions: the HTTP client is not even imported
        return
    from retrieval.web.http import taped
    from retrieval.web.tape import Player, Recorder, TapeError

    path = setup.replay_http or setup.record
    assert path is not None, "one of the two"
    try:
        tape = Player(path) if setup.replay_http else Recorder(path)
    except FileNotFoundError as error:
        raise CliError(
            f"there is no file {path}", hint="check the path.", code=ExitCode.NOT_FOUND
        ) from error
    except (OSError, UnicodeDecodeError, TapeError) as error:
        raise CliError(
            f"{path} cannot be used: {error}",
            hint="name a file that --record wrote, or a place where one can be written.",
            code=ExitCode.USAGE,
        ) from error
    with taped(tape):
        yield


def _fixed(moment: datetime) -> Callable[[], datetime]:
    return lambda: moment
