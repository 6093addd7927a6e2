"""The server under load: first words and tokens a second, batched against one at a time.

A real `chatapp serve` and, in this process, clients on plain sockets, all on the same cores. For
each number of clients the same requests go to a server that makes 16 answers at once and to one
that makes one at a time. Then 32 clients ask for a minute while others hang, drip and vanish: any
status but 200 and 429 is a failure, and the server's memory is noted every second.

    python benchmarks/server.py --seconds 8 --load-seconds 60
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chatapp.machine import machine

ROOT = Path(__file__).resolve().parents[1]
CLIENTS = (1, 4, 16)
TOKENS = 64  # of every answer: its ends are forbidden by a bias
WORDS = ("river", "stone", "night", "garden", "letter", "winter", "music", "bread", "window")


@dataclass
class Seen:
    """What clients saw."""

    first: list[float] = field(default_factory=list)  # seconds to the first word
    whole: list[float] = field(default_factory=list)  # seconds to the last
    statuses: Counter[int] = field(default_factory=Counter)
    broken: int = 0  # streams without their end


@contextlib.contextmanager
def server(slots: int, model: str) -> Iterator[tuple[int, int]]:
    """Start a server; give its port and process id."""
    with tempfile.TemporaryDirectory() as scratch:
        home = os.environ.get("CHATAPP_HOME", scratch)
        command = [sys.executable, "-m", "chatapp", "serve", "--port", "0", "--model", model]
        process = subprocess.Popen(
            [*command, "--slots", str(slots)],
            cwd=ROOT,
            env=os.environ | {"CHATAPP_HOME": home, "CHATAPP_SERVER_REQUESTS_PER_MINUTE": "0"},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        try:
            address = process.stdout.readline()
            yield int(address.rstrip().removesuffix("/v1").rpartition(":")[2]), process.pid
        finally:
            process.terminate()
            process.wait(30)


def question(number: int) -> bytes:
    """Return the request of a streamed answer; no two prompts are alike."""
    rng = random.Random(number)
    body = {
        "model": "chatapp-raw",
        "messages": [{"role": "user", "content": " ".join(rng.choices(WORDS, k=30))}],
        "max_tokens": TOKENS,
        "logit_bias": {"0": -100, "1": -100},
        "seed": number,
        "stream": True,
    }
    raw = json.dumps(body).encode()
    head = "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n"
    head += f"content-type: application/json\r\ncontent-length: {len(raw)}\r\n\r\n"
    return head.encode() + raw


async def ask(port: int, number: int, seen: Seen) -> float:
    """Ask once and read to the end; return how long a refusal asks to wait."""
    began = time.perf_counter()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(question(number))
        status = int((await reader.readline()).split()[1])
        seen.statuses[status] += 1
        wait, words, ended = 0.0, 0, False
        async for line in reader:
            if line.lower().startswith(b"retry-after:"):
                wait = float(line.split(b":")[1])
            if b'"delta":{"content":' in line:
                words += 1
                if words == 1:
                    seen.first.append(time.perf_counter() - began)
            ended = ended or b"[DONE]" in line
        if status == 200:
            seen.broken += not ended
            seen.whole.append(time.perf_counter() - began)
        return wait
    finally:
        writer.close()


async def clients(port: int, count: int, seconds: float) -> Seen:
    """Let clients ask one thing after the other."""
    seen, numbers = Seen(), itertools.count(count * 100_000)
    end = time.perf_counter() + seconds

    async def one() -> None:
        while time.perf_counter() < end:
            wait = await ask(port, next(numbers), seen)
            await asyncio.sleep(min(wait, max(0.0, end - time.perf_counter())))

    await asyncio.gather(*(one() for _ in range(count)))
    return seen


async def vanish(port: int, rng: random.Random, until: float) -> int:
    """Begin answers and leave in the middle; return how many."""
    count = 0
    while time.perf_counter() < until:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(question(rng.randrange(10**9)))
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(reader.read(1 << 20), rng.uniform(0, 0.3))
        writer.transport.abort()
        count += 1
        await asyncio.sleep(rng.uniform(0, 0.2))
    return count


async def hang(port: int, until: float, sent: bytes) -> None:
    """Send something, and then neither send nor read."""
    while time.perf_counter() < until:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(sent)
        await asyncio.sleep(min(5.0, max(0.0, until - time.perf_counter())))
        writer.transport.abort()


def counters(port: int) -> dict[str, float]:
    """Return the server's own counters."""
    from urllib.request import urlopen

    with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
        lines = answer.read().decode().splitlines()
    pairs = (line.rpartition(" ") for line in lines if not line.startswith("#"))
    return {name: float(value) for name, _, value in pairs}


def resident_mb(pid: int) -> float:
    """Return the memory of a process."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    [line] = [line for line in status.splitlines() if line.startswith("VmRSS")]
    return int(line.split()[1]) / 1024


def levels(seconds: float, model: str) -> dict[str, Any]:
    """Measure every number of clients against both servers."""
    found: dict[str, Any] = {}
    for name, slots in (("batched", 16), ("one_at_a_time", 1)):
        with server(slots, model) as (port, _):
            asyncio.run(clients(port, 2, 1.0))
            for count in CLIENTS:
                before = counters(port)
                began = time.perf_counter()
                seen = asyncio.run(clients(port, count, seconds))
                spent = time.perf_counter() - began
                after = counters(port)
                made = _grown(before, after, "chatapp_completion_tokens_total")
                found[f"{name}_{count}"] = {
                    "tokens_per_s": made / spent,
                    "first_word_s": statistics.median(seen.first),
                    "first_word_p95_s": _p95(seen.first),
                    "answer_s": statistics.median(seen.whole),
                    "answers": len(seen.whole),
                    "rows_a_step": _grown(before, after, "chatapp_step_rows_total")
                    / max(1, _grown(before, after, "chatapp_steps_total")),
                }
                _show(f"{name}, {count} clients", found[f"{name}_{count}"])
    for count in CLIENTS:
        pair = (found[f"{kind}_{count}"]["tokens_per_s"] for kind in ("batched", "one_at_a_time"))
        batched, alone = pair
        found[f"ratio_one_at_a_time_{count}"] = batched / alone
    return found


def load(seconds: float, model: str) -> dict[str, Any]:
    """Let 32 clients ask while others misbehave."""
    with server(16, model) as (port, pid):
        memory: list[float] = []

        async def all_of_them() -> tuple[Seen, int]:
            until = time.perf_counter() + seconds

            async def watch() -> None:
                while time.perf_counter() < until:
                    memory.append(resident_mb(pid))
                    await asyncio.sleep(1)

            rng = random.Random(1)
            half = question(1)[:80]
            seen, vanished, *_ = await asyncio.gather(
                clients(port, 32, seconds),
                vanish(port, rng, until),
                *(hang(port, until, sent) for sent in (b"", half, question(2), question(3))),
                watch(),
            )
            return seen, vanished

        seen, vanished = asyncio.run(all_of_them())
        idle = counters(port)
    third = max(1, len(memory) // 3)
    return {
        "answers": len(seen.whole),
        "refused_429": seen.statuses[429],
        "other_statuses": sum(n for status, n in seen.statuses.items() if status not in (200, 429)),
        "broken_streams": seen.broken,
        "vanished": vanished,
        "left_running": idle["chatapp_replies_running"] + idle["chatapp_replies_waiting"],
        "first_word_s": statistics.median(seen.first),
        "first_word_p95_s": _p95(seen.first),
        "memory_mb_second_third": statistics.mean(memory[third : 2 * third]),
        "memory_mb_last_third": statistics.mean(memory[2 * third :]),
    }


def _grown(before: dict[str, float], after: dict[str, float], name: str) -> float:
    return after[name] - before[name]


def _p95(values: list[float]) -> float:
    return sorted(values)[int(0.95 * (len(values) - 1))]


def _show(what: str, figures: dict[str, Any]) -> None:
    text = ", ".join(f"{name} {value:.4g}" for name, value in figures.items())
    print(f"{what}: {text}", file=sys.stderr)


def main() -> None:
    """Measure; print figures on stderr and one JSON line on stdout."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--load-seconds", type=float, default=60)
    parser.add_argument("--model", default="default")
    arguments = parser.parse_args()
    metrics = levels(arguments.seconds, arguments.model) if arguments.seconds else {}
    if arguments.load_seconds:
        metrics["load"] = load(arguments.load_seconds, arguments.model)
        _show("load", metrics["load"])
    rounded = json.loads(json.dumps(metrics), parse_float=lambda text: round(float(text), 4))
    answers = sum(each["answers"] for each in metrics.values() if isinstance(each, dict))
    config = vars(arguments) | {"tokens": TOKENS, "clients": CLIENTS}
    line = {"metrics": rounded, "n": answers, "stderr": {}, "config": config}
    print(json.dumps(line | {"machine": machine()}))


if __name__ == "__main__":
    main()
