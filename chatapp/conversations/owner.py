"""Who is writing a streaming answer: boot id, process id and process start time.

A row marked `streaming` whose owner no longer runs was cut off by a crash. The start time guards
against a process id that was given to another program since.
"""

from __future__ import annotations

import json
import os
import secrets
from functools import cache
from pathlib import Path

_START_TIME_FIELD = 19  # field 22 of /proc/PID/stat, counted after the command name and its ")"


@cache
def _boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:
        return ""  # no /proc (macOS): the process id alone must do


def _start_time(pid: int) -> str:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("ascii", "replace")
    except OSError:
        return ""
    return stat.rpartition(")")[2].split()[_START_TIME_FIELD]


def new_mark() -> str:
    """Return an owner mark for one open store of the running process."""
    pid = os.getpid()
    return json.dumps([_boot_id(), pid, _start_time(pid), secrets.token_hex(4)])


def is_alive(owner: str | None) -> bool:
    """Return whether the process behind an owner mark still runs on this machine."""
    try:
        boot, pid, started, *_ = json.loads(owner or "")
    except (ValueError, TypeError):
        return False
    if boot != _boot_id():
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # it runs, as another user
    return bool(_start_time(pid) == started)
