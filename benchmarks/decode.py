"""Tokens per second of single steps, beside llama.cpp and transformers in the same run.

All programs hold a sequence of `--context` tokens; they take turns, a few steps each, so that what
else happens on the machine meets all of them. Figures are medians over all steps. The bytes that a
step must read (weights once, and the keys and values that its patterns show) are set against the
speed of a plain read of memory, which takes turns as well.

    python benchmarks/decode.py --threads 1 --context 1024
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # runs from a checkout

from benchmarks.bandwidth import Reader
from benchmarks.peers import (
    LAYERS,
    OURS,
    PEERS,
    READ_WEIGHTS,
    WIDTH,
    Program,
    machine,
    make,
    some_tokens,
)
from chatapp.kernels.patterns import Pattern

STEPS_A_TURN = 8


def time_steps(program: Program, context: int) -> list[float]:
    """Return the seconds of each of a few steps from `context` tokens on."""
    program.cut(context)
    program.step(300)  # the first one after a pause wakes threads up
    times = []
    for token in range(301, 301 + STEPS_A_TURN):
        began = time.perf_counter()
        program.step(token)
        times.append(time.perf_counter() - began)
    return times


def bytes_of_step(name: str, context: int) -> int:
    """Return what one step of ours must read: int8 weights, and bfloat16 keys and values."""
    seen = 0
    for layer in range(LAYERS):
        pattern = Pattern.parse(OURS[name][layer % len(OURS[name])])
        near = min(pattern.w, context)
        seen += context if pattern.kind == "dense" else near + (context - near) // pattern.r
    return READ_WEIGHTS + seen * 2 * WIDTH * 2


def main() -> None:
    """Measure; print a table on stderr and one JSON line on stdout."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--context", type=int, default=128)
    parser.add_argument("--turns", type=int, default=8)
    parser.add_argument("--peers", default=",".join(PEERS), help="which of the peers, by commas")
    arguments = parser.parse_args()
    context, threads = arguments.context, arguments.threads
    room = context + STEPS_A_TURN + 8
    names = [*OURS, *filter(None, arguments.peers.split(","))]
    programs = {name: make(name, room, threads) for name in names}
    prompt = some_tokens(context)
    for program in programs.values():
        program.read(prompt)
    reader = Reader(READ_WEIGHTS >> 20, threads)
    times: dict[str, list[float]] = {name: [] for name in programs}
    for _ in range(arguments.turns):
        reader.read()
        for name, program in programs.items():
            times[name] += time_steps(program, context)
    speeds = {name: 1 / statistics.median(values) for name, values in times.items()}
    bandwidth = reader.bytes_per_second()
    bound = {name: bytes_of_step(name, context) * speeds[name] / bandwidth for name in OURS}
    print(
        f"memory {bandwidth / 1e9:.1f} GB/s, {threads} threads, context {context}", file=sys.stderr
    )
    for name, speed in speeds.items():
        share = f"  {bound[name]:.0%} of the bound" if name in bound else ""
        print(f"{name:<22}{speed:8.1f} tok/s{share}", file=sys.stderr)
    metrics = {f"{name}_tok_s": round(speed, 2) for name, speed in speeds.items()}
    metrics["read_gb_s"] = round(bandwidth / 1e9, 2)
    for name in OURS:
        short = name.removeprefix("chatapp_int8_")
        metrics[f"{short}_share_of_bandwidth"] = round(bound[name], 3)
        for peer in names[len(OURS) :]:
            metrics[f"{short}_ratio_{peer}"] = round(speeds[name] / speeds[peer], 2)
    line = {
        "metrics": metrics,
        "n": arguments.turns * STEPS_A_TURN,
        "stderr": {
            name: round(speeds[name] ** 2 * statistics.stdev(values) / len(values) ** 0.5, 2)
            for name, values in times.items()
        },
        "config": {"threads": threads, "context": context},
        "machine": machine(),
    }
    print(json.dumps(line))


if __name__ == "__main__":
    main()
