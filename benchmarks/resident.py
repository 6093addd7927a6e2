"""How much memory this process holds, for benchmarks to report (Linux).

Not by `getrusage`: its `ru_maxrss` survives `exec`, so a process begins there with what the one
that started it held; a parent of 600 MB made an empty Python report 597 MB instead of 10. The same
holds for `RUSAGE_CHILDREN`, so the memory of a child can only be reported by the child.
"""

from __future__ import annotations

from pathlib import Path


def resident() -> dict[str, int]:
    """Return resident memory (`VmRSS`) and its peak so far (`VmHWM`), in bytes."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    fields = dict(line.split(":", 1) for line in lines)
    return {name: int(fields[name].split()[0]) * 1024 for name in ("VmRSS", "VmHWM")}


def peak_memory() -> int:
    """Return the most memory this process held, in bytes."""
    return resident()["VmHWM"]
