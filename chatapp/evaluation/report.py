"""The one JSON line that every evaluation ends with: metrics, n, stderr, config, machine."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from pathlib import Path

from chatapp.evaluation.metrics import Estimate


def report(
    variants: Mapping[str, Mapping[str, Estimate]], n: int, config: Mapping[str, object]
) -> dict[str, object]:
    """Return the report; with one variant its metrics stand flat, with several nested by name.

    `n` is the number of questions; `counts` says over how many each metric was taken.
    """

    def pick(field: str) -> object:
        nested = {
            name: {metric: round(getattr(value, field), 6) for metric, value in found.items()}
            for name, found in variants.items()
        }
        return next(iter(nested.values())) if len(nested) == 1 else nested

    return {
        "metrics": pick("mean"),
        "n": n,
        "stderr": pick("stderr"),
        "counts": pick("n"),
        "config": dict(config),
        "machine": machine(),
    }


def machine() -> dict[str, object]:
    """Return what the figures depend on: processor, cores, memory, Python."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "cpu": _cpu_name(),
        "cores": os.cpu_count(),
        "memory_gib": round(memory / 2**30, 1),
        "system": platform.system(),
        "python": platform.python_version(),
    }


def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
