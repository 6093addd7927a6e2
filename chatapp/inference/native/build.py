"""Compiling the runtime: once for each version of its source and compiler, kept in the app's cache.

The library is written beside its place and renamed, so processes that build at the same time do
not disturb each other, and a damaged one never stands there.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from chatapp import paths
from chatapp.private import make_directory

SOURCE = Path(__file__).parent / "source"
_COMMON = (
    "-O3",
    "-std=c++20",
    "-fPIC",
    "-fno-math-errno",
    "-Wno-psabi",
)
_AVX512 = (
    *("-mavx2", "-mfma", "-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl", "-mavx512vnni"),
    "-mprefer-vector-width=512",
)
# Best first; a variant that the compiler does not know is left out of the library.
_X86_VARIANTS = {
    "amx": (*_AVX512, "-mavx512bf16", "-mamx-tile", "-mamx-int8", "-mamx-bf16"),
    "avx512": _AVX512,
    "avx2": ("-mavx2", "-mfma"),
    "generic": (),
}
_TIMEOUT_SECONDS = 300
_SAYS_ERROR = "error:"  # so do compilers begin what is wrong with a source
_PASSING = re.compile("killed|no space left|memory exhausted|out of memory", re.IGNORECASE)
_builders: list[subprocess.Popen[bytes]] = []  # a dropped handle would warn that it runs on


class NativeUnavailable(RuntimeError):
    """The compiled runtime cannot be used here.

    Attributes:
        fix: what would help.
        by_choice: whether a setting turned it off.
    """

    def __init__(self, reason: str, *, fix: str = "", by_choice: bool = False) -> None:
        super().__init__(reason)
        self.fix, self.by_choice = fix, by_choice


def planned_path() -> Path:
    """Return where the compiled runtime stands or would stand, without building it.

    Raises:
        NativeUnavailable: there is no compiler.
    """
    return _directory() / f"runtime-{_key(_compiler())}.so"


def library_path() -> Path:
    """Return the compiled runtime, building it if there is none for this source and compiler yet.

    Raises:
        NativeUnavailable: no compiler, or it failed.
    """
    target = planned_path()
    if not target.is_file():
        _build(_compiler(), target)
    return target


def require_built() -> None:
    """Raise `NativeUnavailable` unless the runtime stands; where it does not, build it meanwhile.

    Compiling takes half a minute of processor time, which nobody should wait for before a first
    answer. So a process of low priority that outlives this one builds it, for the next start.
    """
    target = planned_path()
    if target.is_file():
        return
    failure = target.with_suffix(".failed")
    if failure.is_file():
        library_path()  # it says what failed, and what would help
    root = str(Path(__file__).parents[3])
    search = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
    try:
        builder = subprocess.Popen(
            (sys.executable, "-m", "chatapp.inference.native", "--background"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            env=os.environ | {"PYTHONPATH": search},
        )
    except OSError as error:
        raise NativeUnavailable(f"its compilation could not be started: {error}") from error
    _builders.append(builder)
    raise NativeUnavailable("it is being compiled in the background, for the next start")


def _directory() -> Path:
    try:
        return paths.data_dir() / "native"
    except ImportError as error:  # a bare training machine has torch and little else
        raise NativeUnavailable(
            f"the app's own directory is unknown: {error}", fix="set CHATAPP_HOME."
        ) from error


def _compiler() -> str:
    wanted = os.environ.get("CXX", "").strip()
    for name in (wanted,) if wanted else ("c++", "g++", "clang++"):
        if found := shutil.which(name):
            return found
    raise NativeUnavailable(
        f"no C++ compiler was found ({wanted or 'c++, g++, clang++'})",
        fix="install one, e.g. on Debian or Ubuntu: apt-get install g++",
    )


def _variants() -> dict[str, tuple[str, ...]]:
    x86 = platform.machine().lower() in ("x86_64", "amd64")
    return dict(_X86_VARIANTS) if x86 else {"generic": ()}


def _key(compiler: str) -> str:
    """Name what a build depends on: source, flags, and the compiler as it stands on the disk."""
    digest = hashlib.sha256(repr((_COMMON, _variants(), platform.machine())).encode())
    real = Path(compiler).resolve()
    digest.update(f"{real} {real.stat().st_size} {real.stat().st_mtime_ns}".encode())
    for path in sorted(SOURCE.iterdir()):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def _build(compiler: str, target: Path) -> None:
    """Build the library; a compiler that failed is not asked again until something changes."""
    failure = target.with_suffix(".failed")
    fix = f"install a C++ compiler that knows C++20 (g++ 11, clang++ 14), or delete {failure}."
    try:
        if failure.is_file():
            raise NativeUnavailable(failure.read_text(encoding="utf-8"), fix=fix)
        make_directory(target.parent)
        with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
            try:
                built = _link(compiler, Path(scratch))
                with built.open("rb") as file:
                    os.fsync(file.fileno())  # or a power cut could leave half of it by that name
                built.replace(target)
            except _CompileError as error:
                reason = f"{compiler} could not compile the runtime: {error}"
                if error.lasting:
                    failure.write_text(reason, encoding="utf-8")
                raise NativeUnavailable(reason, fix=fix) from error
    except OSError as error:
        raise NativeUnavailable(
            f"the compiled runtime cannot be kept in {target.parent}: {error.strerror or error}",
            fix="make it writable, or set CHATAPP_HOME to a directory that is.",
        ) from error


class _CompileError(Exception):
    """What the compiler said; `lasting` unless the machine was at fault, as when memory ran out."""

    def __init__(self, said: str) -> None:
        super().__init__(said)
        self.lasting = _SAYS_ERROR in said and not _PASSING.search(said)


def _link(compiler: str, scratch: Path) -> Path:
    """Compile the variants side by side, then the rest against those that worked."""
    commands = {
        name: (
            *(compiler, *_COMMON, *flags, f"-DNATIVE_VARIANT=native_forward_{name}"),
            *("-c", str(SOURCE / "forward.cpp"), "-o", str(scratch / f"{name}.o")),
        )
        for name, flags in _variants().items()
    }
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        errors = dict(zip(commands, pool.map(_run, commands.values()), strict=True))
    if errors["generic"]:
        raise _CompileError(errors["generic"])
    built = [name for name, error in errors.items() if not error]
    objects = [str(scratch / f"{name}.o") for name in built]
    names = " ".join(f"V({name})" for name in built)
    result = scratch / "runtime.so"
    command = (compiler, *_COMMON, "-shared", "-pthread", f"-DNATIVE_VARIANTS={names}")
    if error := _run((*command, str(SOURCE / "runtime.cpp"), *objects, "-o", str(result))):
        raise _CompileError(error)
    return result


def _run(command: Sequence[str]) -> str:
    """Run a compiler; return its first error, or nothing."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_TIMEOUT_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    if not done.returncode:
        return ""
    lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
    return next((line for line in lines if _SAYS_ERROR in line), lines[-1])
