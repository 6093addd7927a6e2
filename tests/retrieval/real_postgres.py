"""A real PostgreSQL server for tests, from the binaries that the package `pgserver` brings.

The thing to know: PostgreSQL refuses to run as root, so root starts it as `nobody`, from a copy of
the binaries where `nobody` could not reach them. It listens on a socket in a folder of its own and
on no network.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_DEADLINE_S = 90.0


def binaries() -> Path | None:
    """Return the folder of `initdb` and `postgres`, None when the package is missing."""
    spec = importlib.util.find_spec("pgserver")
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).parent / "pginstall" / "bin"


@contextmanager
def running(program_dir: Path) -> Iterator[str]:
    """Run a server; yield the DSN of its database `postgres`, whose user may do everything."""
    base = Path(tempfile.mkdtemp(prefix="pg", dir="/tmp"))  # short: a socket's path has a limit
    try:
        programs, account = _for_account(program_dir, base)
        data = base / "data"
        data.mkdir(mode=0o700)
        if account:
            shutil.chown(base, **account)
            shutil.chown(data, **account)
        subprocess.run(
            [programs / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "-N"],
            check=True,
            capture_output=True,
            cwd=base,
            **account,
        )
        with (base / "log").open("wb") as log:
            server = subprocess.Popen(
                [programs / "postgres", "-D", data, "-k", base, "-h", "", "-F"],
                stdout=log,
                stderr=log,
                cwd=base,
                **account,
            )
        try:
            dsn = f"postgresql://postgres@/postgres?host={base}"
            _wait_for(dsn, server, base / "log")
            yield dsn
        finally:
            server.send_signal(signal.SIGINT)  # ends without waiting for connections
            server.wait(_DEADLINE_S)
    finally:
        shutil.rmtree(base, ignore_errors=True)


def _for_account(program_dir: Path, base: Path) -> tuple[Path, dict[str, Any]]:
    """Return where to run the programs from, and as whom."""
    if os.geteuid() != 0:
        return program_dir, {}
    account = {"user": "nobody", "group": "nogroup"}
    reachable = subprocess.run(
        [program_dir / "initdb", "--version"], check=False, capture_output=True, cwd="/", **account
    )
    if reachable.returncode == 0:
        return program_dir, account
    copy = base / "install"
    shutil.copytree(program_dir.parent, copy, symlinks=True)
    return copy / "bin", account


def _wait_for(dsn: str, server: subprocess.Popen[bytes], log: Path) -> None:
    import psycopg

    deadline = time.monotonic() + _DEADLINE_S
    while True:
        try:
            psycopg.connect(dsn).close()
            return
        except psycopg.OperationalError:
            if server.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL did not start:\n{log.read_text()}") from None
            time.sleep(0.05)
