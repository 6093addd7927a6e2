"""How many CPU threads a model should use here.

Decoding waits for memory, so a second thread on the same core gains nothing, and more threads than
the share of a container's CPUs make each wait for the others.
"""

from __future__ import annotations

import math
import os
from pathlib import Path

_CPUS = Path("/sys/devices/system/cpu")
_QUOTA = Path("/sys/fs/cgroup/cpu.max")
_MOST = 8  # decoding gains no more


def usable_cores() -> int:
    """Return how many physical cores this process may run on, at least 1 and at most 8."""
    affinity = getattr(os, "sched_getaffinity", None)  # Linux only; it knows about cpusets
    cpus: set[int] = affinity(0) if affinity else set(range(os.cpu_count() or 1))
    cores = physical_cores(cpus, _CPUS)
    return max(1, min(cores, share_of_cpus(_QUOTA) or cores, _MOST))


def physical_cores(cpus: set[int], root: Path) -> int:
    """Count the cores behind some CPUs by the lists of siblings that Linux keeps under `root`."""
    siblings = set()
    for cpu in cpus:
        try:
            path = root / f"cpu{cpu}" / "topology" / "thread_siblings_list"
            siblings.add(path.read_text(encoding="ascii").strip())
        except OSError:
            siblings.add(str(cpu))
    return len(siblings)


def share_of_cpus(quota: Path) -> int | None:
    """Return how many CPUs the container is granted, rounded up; None if that is not limited.

    Args:
        quota: a cgroup's `cpu.max`: microseconds granted in a period, and the period.
    """
    try:
        granted, period = quota.read_text(encoding="ascii").split()
        return math.ceil(int(granted) / int(period))
    except (OSError, ValueError):  # no such file, or "max"
        return None
