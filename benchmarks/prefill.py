"""Tokens per second of reading a prompt, beside llama.cpp and transformers in the same run.

Every program reads the same `--context` random tokens into an empty sequence, up to the logits
after the last one; they take turns. Figures are medians over `--turns` reads.

    python benchmarks/prefill.py --threads 2 --context 1024
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # runs from a checkout

from benchmarks.peers import OURS, PEERS, Program, machine, make, some_tokens


def time_read(program: Program, prompt: list[int]) -> float:
    """Return the seconds that reading the prompt takes."""
    began = time.perf_counter()
    program.read(prompt)
    return time.perf_counter() - began


def main() -> None:
    """Measure; print a table on stderr and one JSON line on stdout."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--context", type=int, default=1024)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--peers", default=",".join(PEERS), help="which of the peers, by commas")
    arguments = parser.parse_args()
    context, threads = arguments.context, arguments.threads
    names = [*OURS, *filter(None, arguments.peers.split(","))]
    programs = {name: make(name, context + 8, threads) for name in names}
    prompt = some_tokens(context)
    for program in programs.values():
        program.read(prompt[:64])
    times: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(max(2, arguments.turns)):
        for name, program in programs.items():
            times[name].append(time_read(program, prompt))
    speeds = {name: context / statistics.median(values) for name, values in times.items()}
    print(f"{threads} threads, {context} tokens", file=sys.stderr)
    for name, speed in speeds.items():
        print(f"{name:<22}{speed:8.0f} tok/s", file=sys.stderr)
    metrics = {f"{name}_tok_s": round(speed, 1) for name, speed in speeds.items()}
    for name in OURS:
        for peer in names[len(OURS) :]:
            short = name.removeprefix("chatapp_int8_")
            metrics[f"{short}_ratio_{peer}"] = round(speeds[name] / speeds[peer], 2)
    line = {
        "metrics": metrics,
        "n": max(2, arguments.turns),
        "stderr": {
            name: round(speeds[name] ** 2 / context * statistics.stdev(values) / len(values) ** 0.5)
            for name, values in times.items()
        },
        "config": {"threads": threads, "context": context},
        "machine": machine(),
    }
    print(json.dumps(line))


if __name__ == "__main__":
    main()
