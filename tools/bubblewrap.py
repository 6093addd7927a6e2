"""The command line that puts a Python program behind walls: namespaces, mounts and limits.

The thing to know: bubblewrap makes the walls of the outside (files, network, processes), and a few
lines that run inside before the program make those of its own process (rlimits, no root).
"""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Limits:
    """What one program may use. There is no limit on processes because it may start none."""

    wall_seconds: float = 10.0
    cpu_seconds: int = 5
    memory_mb: int = 512
    file_mb: int = 8
    scratch_mb: int = 16
    output_characters: int = 64_000


# Runs inside, before the program: gives up root where it was given, closes the door on more
# resources for good (hard limits), and leaves nothing of itself open but stdout and stderr.
_LAUNCHER = """
import ast, linecache, os, resource, sys, traceback
cpu, memory, file_size, echo = map(int, sys.argv[1:5])
source = sys.stdin.buffer.read()
null = os.open("/dev/null", os.O_RDONLY)
os.dup2(null, 0)
os.close(null)
if os.getuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
resource.setrlimit(resource.RLIMIT_CPU, (cpu, cpu + 1))
for name, value in [
    ("CORE", 0), ("AS", memory), ("FSIZE", file_size), ("NOFILE", 64), ("NPROC", 0)
]:
    resource.setrlimit(getattr(resource, "RLIMIT_" + name), (value, value))
lines = source.decode("utf-8", "replace").splitlines(keepends=True)
linecache.cache["program.py"] = (len(source), None, lines, "program.py")
sys.excepthook = lambda kind, error, tb: traceback.print_exception(kind, error, tb and tb.tb_next)
sys.argv = ["program.py"]
program = ast.parse(source, "program.py")
shown = echo and program.body and isinstance(program.body[-1], ast.Expr)
last = program.body.pop() if shown else None
names = {"__name__": "__main__"}
exec(compile(program, "program.py", "exec"), names)
if last:
    sys.displayhook(eval(compile(ast.Expression(last.value), "program.py", "eval"), names))
"""


def command(limits: Limits, seccomp_fd: int, *, echo: bool = False) -> list[str]:
    """Return the command line that runs the program on its stdin behind the walls.

    Args:
        limits: what the program may use.
        seccomp_fd: open file with the filter of `tools.seccomp`, to be passed on.
        echo: print the value of a last line that is an expression, as an interactive Python does.
    """
    bwrap = shutil.which("bwrap")
    assert bwrap is not None, "the caller looks first"
    interpreter = Path(getattr(sys, "_base_executable", sys.executable)).resolve()
    return [
        bwrap,
        *_privileges(),
        *("--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts"),
        *("--unshare-cgroup-try", "--hostname", "sandbox"),
        *("--die-with-parent", "--new-session", "--clearenv", "--seccomp", str(seccomp_fd)),
        *("--setenv", "PYTHONHASHSEED", "0", "--setenv", "HOME", "/tmp"),
        *_system_files(),
        *("--dev", "/dev", "--remount-ro", "/dev"),
        *("--perms", "1777", "--size", str(limits.scratch_mb << 20), "--tmpfs", "/tmp"),
        *("--remount-ro", "/", "--chdir", "/tmp"),
        *(str(interpreter), "-I", "-B", "-X", "utf8", "-c", _LAUNCHER),
        *(str(limits.cpu_seconds), str(limits.memory_mb << 20), str(limits.file_mb << 20)),
        str(int(echo)),
    ]


def _privileges() -> list[str]:
    """Return how the program comes to have none.

    The kernel does not count the processes of the real root, so a root caller's program must
    become nobody, for which the launcher needs two capabilities until it has done so.
    """
    if os.geteuid() == 0:
        return ["--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
    return ["--unshare-user", "--disable-userns", "--setenv", "MAPPED", "1"]


def _system_files() -> list[str]:
    """Return the mounts of the interpreter and its libraries, all read-only."""
    arguments = ["--ro-bind", "/usr", "/usr"]
    for name in ("lib", "lib32", "lib64", "libx32"):
        path = Path("/") / name
        if path.is_symlink():
            arguments += ["--symlink", str(path.readlink()), str(path)]
        elif path.is_dir():
            arguments += ["--ro-bind", str(path), str(path)]
    prefix = Path(sys.base_prefix).resolve()
    if not prefix.is_relative_to("/usr"):
        for parent in reversed(prefix.parents[:-1]):  # else they are closed as on the outside
            arguments += ["--perms", "0755", "--dir", str(parent)]
        arguments += ["--ro-bind", str(prefix), str(prefix)]
    return arguments
