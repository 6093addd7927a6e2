"""State that survives: atomic saving, a full disk, a kill at any instant, two runs on one place.

Everything is written beside its target, flushed to the disk and renamed, so what lies under the
final name is always whole. A failed save removes its half-written file and leaves the last good
state where it was.
"""

from __future__ import annotations

import errno
import io
import json
import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import IO, Any, BinaryIO, cast

import torch


class CheckpointError(OSError):
    """A state that cannot be written or read; the message names the file and the fix."""


class RunLocked(RuntimeError):
    """Another process is training in the same directory."""


class Stopped(Exception):
    """Training ended early because a signal asked for it, and everything was saved.

    Attributes:
        signal: the number of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(f"stopped by {signal.Signals(number).name}")
        self.signal = number


def save_state(path: Path, state: Mapping[str, Any]) -> None:
    """Write tensors and plain values so that `path` is either the old state or the new one.

    Raises:
        CheckpointError: the disk is full or refuses; the old state is still in place.
    """
    temporary = path.with_name(path.name + ".tmp")
    try:
        with temporary.open("wb") as file:
            _torch_save(state, file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        _sync_directory(path.parent)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        kept = "the last saved state is whole" if path.is_file() else "nothing was saved before"
        raise CheckpointError(
            f"cannot save {path}: {error.strerror or error}; {kept}. "
            "Free some space and go on with --resume"
        ) from error


def load_state(path: Path) -> dict[str, Any] | None:
    """Return what `save_state` wrote, on the CPU, or None when there is nothing.

    Raises:
        CheckpointError: the file is damaged.
    """
    if not path.is_file():
        return None
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, ValueError) as error:
        raise CheckpointError(
            f"{path} is damaged and cannot be continued from; delete it to begin its stage again"
        ) from error
    return state


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write a JSON object durably under its final name.

    Raises:
        CheckpointError: the disk is full or refuses.
    """
    temporary = path.with_name(path.name + ".tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("w", encoding="utf-8") as file:
            file.write(json.dumps(value, indent=2) + "\n")
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise CheckpointError(
            f"cannot write {path}: {error.strerror}; free some space and go on with --resume"
        ) from error


def read_json(path: Path) -> dict[str, Any] | None:
    """Return the object of a file that `write_json` wrote, or None when there is none."""
    if not path.is_file():
        return None
    value: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return value


@contextmanager
def lock(directory: Path) -> Iterator[None]:
    """Hold a directory for this process; the system lets go of it however the process ends.

    Raises:
        CheckpointError: it is not there and cannot be made, or takes no files.
        RunLocked: another process holds it.
    """
    import fcntl  # here: the lock is what needs a POSIX system, not the reading of a state

    try:
        directory.mkdir(parents=True, exist_ok=True)
        file = (directory / ".lock").open("w", encoding="utf-8")
    except OSError as error:
        raise CheckpointError(
            f"cannot train in {directory}: {error.strerror}; give another --out"
        ) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RunLocked(
                f"another process is training in {directory}; wait for it, or give another --out"
            ) from None
        yield


class StopRequest:
    """Whether a signal has asked to stop; `number` is 0 until then."""

    def __init__(self) -> None:
        self.number = 0


@contextmanager
def stop_requests() -> Iterator[StopRequest]:
    """Turn the first Ctrl-C or SIGTERM into a request; a second Ctrl-C interrupts at once."""
    request = StopRequest()

    def note(number: int, _frame: FrameType | None) -> None:
        if request.number and number == signal.SIGINT:
            raise KeyboardInterrupt
        request.number = number

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _torch_save(state: Mapping[str, Any], file: BinaryIO) -> None:
    """`torch.save`, with the system's own error where its writer hides it in a RuntimeError."""
    sink = _Sink(file)
    try:
        torch.save(dict(state), cast("IO[bytes]", sink))
    except RuntimeError as error:
        if sink.error is None:
            raise
        raise sink.error from error


class _Sink(io.RawIOBase):
    """Passes writes on to a file and remembers the error of a write that failed."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__()
        self._file = file
        self.error: OSError | None = None

    def writable(self) -> bool:
        """Say yes."""
        return True

    def write(self, data: Any) -> int:
        """Write all of `data`."""
        try:
            return self._file.write(data)
        except OSError as error:
            self.error = error
            raise


def _sync_directory(directory: Path) -> None:
    """Make a rename durable, where the system can."""
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in {errno.EINVAL, errno.EBADF}:  # some file systems have no such thing
            raise
    finally:
        os.close(handle)
