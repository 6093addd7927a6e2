"""Memory of a loaded model that has read a prompt, beside llama.cpp and transformers.

Each program runs in a process of its own, which reports how much its resident memory grew over that
of the imports alone, and its peak. The bytes of our caches are what the runtime promises before it
allocates anything.

    python benchmarks/memory.py --context 8192
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # runs from a checkout

from benchmarks.peers import OURS, PEERS, machine, make, our_config, some_tokens
from benchmarks.resident import resident
from chatapp.inference.native.decoder import cache_bytes

LAYOUTS = {
    "dense": ("dense",),
    "dense_local": ("dense", "local(256)"),
    "dense_sparse": ("dense", "sparse(256, 64)"),
    "local": ("local(256)",),
}


def measure_here(name: str, context: int, threads: int) -> dict[str, int]:
    """Load one program, read a prompt, take a step; return what it takes."""
    import llama_cpp  # noqa: F401 - the same imports for all, so that they cancel out
    import transformers  # noqa: F401

    before = resident()["VmRSS"]
    program = make(name, context + 8, threads)
    program.read(some_tokens(context))
    program.step(300)
    after = resident()
    return {"resident_bytes": after["VmRSS"] - before, "peak_bytes": after["VmHWM"] - before}


def measure(name: str, context: int, threads: int) -> dict[str, int]:
    """`measure_here` in a fresh process."""
    options = ["--only", name, "--context", str(context), "--threads", str(threads)]
    done = subprocess.run(
        [sys.executable, __file__, *options], check=True, capture_output=True, text=True
    )
    found: dict[str, int] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    """Measure; print a table on stderr and one JSON line on stdout."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--context", type=int, default=8192)
    parser.add_argument("--only", help="measure this one in this process")
    arguments = parser.parse_args()
    if arguments.only:
        print(json.dumps(measure_here(arguments.only, arguments.context, arguments.threads)))
        return
    metrics: dict[str, object] = {
        name: measure(name, arguments.context, arguments.threads) for name in (*OURS, *PEERS)
    }
    metrics["cache_bytes"] = {
        str(length): {
            name: cache_bytes(our_config(attention, length)) for name, attention in LAYOUTS.items()
        }
        for length in (1024, 8192, 65536)
    }
    for name, value in metrics.items():
        print(f"{name:<22}{value}", file=sys.stderr)
    line = {
        "metrics": metrics,
        "n": 1,
        "stderr": {},
        "config": {"threads": arguments.threads, "context": arguments.context},
        "machine": machine(),
    }
    print(json.dumps(line))


if __name__ == "__main__":
    main()
