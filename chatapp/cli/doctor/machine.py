"""Checks of the machine: Python, SQLite, torch, the GPU and the disk."""

from __future__ import annotations

import os
import platform
import shutil
import sqlite3
import sys
from pathlib import Path

from chatapp import paths
from chatapp.cli.doctor.check import Check, Status

# Below this, two connections that write and checkpoint at once can damage a WAL database.
SQLITE_WAL_FIX = (3, 51, 3)
_GPU_DEVICES = (Path("/dev/nvidiactl"), Path("/dev/kfd"))
MIB = 1024**2
LITTLE_DISK = 2048 * MIB  # an index of a few hundred thousand passages still fits
NO_DISK = 100 * MIB


def python() -> Check:
    """Which interpreter runs the app; an older one than 3.11 cannot get as far as here."""
    return Check("python", "ok", f"{platform.python_version()} at {sys.executable}")


def sqlite() -> Check:
    """SQLite has full-text search, and the fix of the WAL-reset bug."""
    version = sqlite3.sqlite_version
    with sqlite3.connect(":memory:") as connection:
        options = {row[0] for row in connection.execute("PRAGMA compile_options")}
    if "ENABLE_FTS5" not in options:
        return Check(
            "sqlite", "fail", f"{version} without FTS5", "use a Python whose SQLite has FTS5."
        )
    if sqlite3.sqlite_version_info < SQLITE_WAL_FIX:
        return Check(
            "sqlite",
            "warn",
            f"{version} is older than 3.51.3 and has the rare WAL-reset bug",
            "use a Python built with SQLite 3.51.3 or newer; until then open one window at a time.",
        )
    return Check("sqlite", "ok", f"{version} with FTS5")


def torch() -> Check:
    """The library that runs the model can be imported; which CPU features and threads it has."""
    try:
        import torch as library
    except (ImportError, OSError) as error:
        return Check("torch", "fail", str(error), "install it again: pip install torch.")
    capability = library.backends.cpu.get_cpu_capability()
    flags = _cpu_flags() & {"avx2", "avx512f", "amx_bf16", "amx_int8", "asimd"}
    detail = (
        f"{library.__version__}, {library.get_num_threads()} threads of {os.cpu_count()} CPUs, "
        f"{capability}, {' '.join(sorted(flags)) or 'no vector flags seen'}"
    )
    return Check("torch", "ok", detail)


def runtime() -> Check:
    """Whether the model runs on the compiled runtime or on PyTorch; nothing is built for it."""
    from chatapp.inference.native import NativeUnavailable
    from chatapp.inference.native.build import planned_path
    from chatapp.inference.native.factory import check_wanted
    from chatapp.inference.native.library import variants

    try:
        check_wanted()
        if not planned_path().is_file():
            return Check("runtime", "ok", "the compiled runtime is built at the next start")
        return Check("runtime", "ok", f"compiled for this CPU: {', '.join(variants())}")
    except NativeUnavailable as reason:
        status: Status = "ok" if reason.by_choice else "warn"
        return Check("runtime", status, f"PyTorch runs the model: {reason}", reason.fix)


def _cpu_flags() -> set[str]:
    """Return the CPU's feature flags; empty where the system has no /proc/cpuinfo."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return set()
    return {
        flag for line in lines if line.startswith(("flags", "Features")) for flag in line.split()
    }


def gpu() -> Check:
    """A GPU that is there is used; chatapp needs none."""
    import torch as library

    if library.cuda.is_available():
        found = library.cuda.get_device_properties(0)
        more = library.cuda.device_count() - 1
        others = f" and {more} more" if more else ""
        return Check("gpu", "ok", f"{found.name}, {found.total_memory / 2**30:.0f} GiB{others}")
    if any(place.exists() for place in _GPU_DEVICES):
        return Check(
            "gpu",
            "warn",
            f"there is one, but this PyTorch ({library.__version__}) cannot use it",
            "install a build of torch for your driver; until then the CPU serves.",
        )
    return Check("gpu", "ok", "none, and none is needed")


def disk() -> Check:
    """There is room where the app writes."""
    place = _existing(paths.data_dir())
    free = shutil.disk_usage(place).free
    detail = f"{free / 1024**3:.1f} GiB free at {place}"
    fix = "free some space, or set CHATAPP_HOME to a directory on a larger disk."
    if free < NO_DISK:
        return Check("disk", "fail", detail, fix, storage=True)
    return Check("disk", "warn", detail, fix) if free < LITTLE_DISK else Check("disk", "ok", detail)


def _existing(path: Path) -> Path:
    """Return what exists at `path`, or nearest above it."""
    return next(place for place in (path, *path.parents) if place.exists())
