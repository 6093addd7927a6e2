"""How soon an answer stops: from the interrupt to the end of the stream.

Each run interrupts at a random moment, alternately while a long prompt is read and while the
answer is made. The engine promises 50 ms. Every prompt is new, so nothing of it is cached.

    python benchmarks/interrupt.py --runs 40 --threads 1 --shape 110m
"""

from __future__ import annotations

import json
import os
import platform
import random
import statistics
import sys
import time

import torch
from speculation import load, parser

from chatapp.inference.engine import Engine
from chatapp.inference.generator import ChatMessage, Finished, SamplingParams

LETTERS = "abcdefghijklmnopqrstuvwxyz"


def seconds_to_stop(engine: Engine, prompt: str, moment: float) -> float | None:
    """Interrupt `moment` seconds after the start; None if the answer ended before."""
    at = time.perf_counter() + moment
    params = SamplingParams(max_tokens=engine.context_length // 4, seed=1)
    items = engine.stream([ChatMessage("user", prompt)], params, lambda: time.perf_counter() >= at)
    last = list(items)[-1]
    assert isinstance(last, Finished)
    return time.perf_counter() - at if last.reason == "interrupted" else None


def prompt_of(rng: random.Random, engine: Engine) -> str:
    """Return random words that fill half of the context."""
    words: list[str] = []
    while engine.count_tokens([ChatMessage("user", " ".join(words))]) < engine.context_length // 2:
        words += ["".join(rng.choices(LETTERS, k=4)) for _ in range(16)]
    return " ".join(words)


def main() -> None:
    """Measure; print a table on stderr and one JSON line on stdout."""
    options = parser(__doc__)
    options.add_argument("--runs", type=int, default=40)
    arguments = options.parse_args()
    torch.set_num_threads(arguments.threads)
    tokenizer, decoder = load(arguments)
    engine, rng = Engine("m", decoder, tokenizer), random.Random(0)
    *_, first = engine.stream(
        [ChatMessage("user", prompt_of(rng, engine))], SamplingParams(max_tokens=1), lambda: False
    )
    assert isinstance(first, Finished)
    reading = first.prefill_seconds
    times: dict[str, list[float]] = {"reading": [], "answering": []}
    for run in range(arguments.runs):
        moment = rng.uniform(0, reading) if run % 2 else reading * rng.uniform(1.5, 2)
        took = seconds_to_stop(engine, prompt_of(rng, engine), moment)
        if took is not None:
            times["reading" if run % 2 else "answering"].append(1000 * took)
    metrics = {
        name: {"median_ms": round(statistics.median(found), 2), "max_ms": round(max(found), 2)}
        for name, found in times.items()
        if found
    }
    print(metrics, file=sys.stderr)
    line = {
        "metrics": metrics,
        "n": sum(map(len, times.values())),
        "stderr": {
            name: round(statistics.stdev(found) / len(found) ** 0.5, 2)
            for name, found in times.items()
            if len(found) > 1
        },
        "config": {
            "decoder": arguments.decoder,
            "shape": arguments.shape,
            "threads": arguments.threads,
            "context": decoder.context_length,
        },
        "machine": f"{platform.machine()}, {os.cpu_count()} CPUs, Python {sys.version.split()[0]}",
    }
    print(json.dumps(line))


if __name__ == "__main__":
    main()
