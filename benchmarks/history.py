"""A lifetime of conversations in one file: opening it, searching it, turning its pages.

The file is written with `--messages` messages (or an existing one is taken with `--file`): one
conversation of 5,000 messages, the others of 50, the texts sentences of `--data`, record files with
a `text`. Each figure is the median of many, the 95th percentile where it is named; every opening is
a process of its own; `peak_rss_mb` is the peak of this one, texts and writing included. The peer is
what a plain program would do: `like` over the same messages.

    python benchmarks/history.py --messages 1000000 --data FILE.jsonl.xz
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import platform
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # a benchmark runs from a checkout, installed or not

from benchmarks.resident import peak_memory  # noqa: E402
from chatapp.conversations import ConversationStore  # noqa: E402
from chatapp.conversations.hashing import content_hash  # noqa: E402
from chatapp.training.readers import read_file  # noqa: E402

if TYPE_CHECKING:
    from sqlite_utils import Database

LONG, SHORT = 5_000, 50  # messages in the one long conversation, and in each other one
BATCH = 20_000
PAGE = 50
SEED = 1
OPEN = """
import sys, time
from pathlib import Path
from chatapp.conversations import ConversationStore
import sqlite_utils
began = time.perf_counter()
store = ConversationStore.open(Path(sys.argv[1]))
store.conversations(limit=50)
print(time.perf_counter() - began)
store.close()
"""


def sentences(files: list[Path]) -> list[str]:
    """Return sentences of 20 to 400 characters from the records' texts."""
    found: list[str] = []
    for file in files:
        for row in itertools.islice(read_file(file), 20_000):
            parts = re.split(r"(?<=[.!?])\s+", str(row.fields.get("text", "")))
            found += [" ".join(part.split()) for part in parts if 20 <= len(part) <= 400]
    if not found:
        raise SystemExit("No sentences were found: --data names record files with a `text`.")
    return found


def write(store: ConversationStore, messages: int, texts: list[str]) -> str:
    """Fill the file; return the id of the long conversation."""
    long = store.create("The long one").id
    chance = random.Random(SEED)
    places = itertools.islice(_places(store, long), messages)
    while batch := list(itertools.islice(places, BATCH)):
        values = [
            _row(*place, " ".join(chance.choices(texts, k=chance.randint(1, 3)))) for place in batch
        ]
        store.write(lambda db, values=values: _insert(db, values))
        print(f"\r{batch[-1][0] + 1:,} messages", end="", file=sys.stderr)
    print(file=sys.stderr)
    return long


def _places(store: ConversationStore, long: str) -> Iterator[tuple[int, str, int]]:
    """Yield number, conversation and place in it of each message."""
    numbers = itertools.count()
    for place in range(LONG):
        yield next(numbers), long, place
    while True:
        conversation = store.create(f"Conversation {next(numbers)}").id
        for place in range(SHORT):
            yield next(numbers), conversation, place


def _row(number: int, conversation: str, place: int, text: str) -> dict[str, Any]:
    role = ("user", "assistant")[place % 2]
    return {
        "id": f"{conversation}-{place:06d}",
        "conversation_id": conversation,
        "parent_id": f"{conversation}-{place - 1:06d}" if place else None,
        "role": role,
        "text": text,
        "status": "complete",
        "created_at": time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(1.6e9 + 60 * number)),
        "content_hash": content_hash(role, text),
    }


def _insert(db: Database, values: list[dict[str, Any]]) -> None:
    names = ", ".join(values[0])
    places = ", ".join(f":{name}" for name in values[0])
    db.conn.executemany(f"insert into messages ({names}) values ({places})", values)
    tips = {row["conversation_id"]: row["id"] for row in values}
    db.conn.executemany(
        "update conversations set tip = ? where id = ?", [(t, c) for c, t in tips.items()]
    )


def queries(texts: list[str], n: int) -> dict[str, list[str]]:
    """Return words a person may look for: rare, middling and common ones, two at once, code."""
    counts = Counter(word for text in texts for word in set(re.findall(r"[a-z]{3,}", text.lower())))
    ranked = [word for word, _ in counts.most_common()]
    chance = random.Random(SEED)
    third = len(ranked) // 3
    return {
        "rare": chance.sample(ranked[third:], n),
        "middling": chance.sample(ranked[300:3000], n),
        "common": chance.sample(ranked[:100], n),
        "two_words": [" ".join(chance.sample(ranked[100:3000], 2)) for _ in range(n)],
        "substring": [f"{word[1:]}_" for word in chance.sample(ranked[300:3000], n)],
    }


def timed(action: Callable[[], object]) -> float:
    """Return the seconds one call takes."""
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def opening(path: Path) -> float:
    """Return the seconds a fresh process takes to open the file and list what it shows first."""
    done = subprocess.run(
        (sys.executable, "-c", OPEN, str(path)), check=True, capture_output=True, text=True
    )
    return float(done.stdout)


def p95(times: list[float]) -> float:
    """Return the 95th percentile."""
    return statistics.quantiles(times, n=20)[-1]


def measure(path: Path, texts: list[str], n: int) -> tuple[dict[str, Any], dict[str, float]]:
    """Return the figures, and standard errors of the medians' means."""
    opening(path)
    opened = [opening(path) for _ in range(10)]
    store = ConversationStore.open(path)
    [long] = [c.id for c in store.conversations(limit=100_000) if c.title == "The long one"]
    places = [f"{long}-{random.Random(SEED + k).randrange(PAGE, LONG):06d}" for k in range(n)]
    pages = [timed(lambda before=before: store.page(long, before, limit=PAGE)) for before in places]
    last = [timed(lambda: store.page(long, limit=PAGE)) for _ in range(n)]
    lists = [timed(lambda: store.conversations(limit=50)) for _ in range(n)]
    found: dict[str, list[float]] = {
        kind: [timed(lambda word=word: store.search(word)) for word in words]
        for kind, words in queries(texts, n).items()
    }
    scan = "select id from messages where text like '%' || ? || '%' order by key desc limit 20"
    rare = queries(texts, n)["rare"][:5]
    scans = [timed(lambda w=w: store.read(lambda db: list(db.query(scan, [w])))) for w in rare]
    turns = [
        timed(lambda: store.begin_turn(None, "How long does a turn take?").result())
        for _ in range(n)
    ]
    everything = [seconds for times in found.values() for seconds in times]
    count = store.read(lambda db: db.execute("select count(*) from messages").fetchone()[0])
    store.close()
    metrics = {
        "messages": count,
        "open_s": statistics.median(opened),
        "page_p95_s": p95(pages),
        "last_page_p95_s": p95(last),
        "list_p95_s": p95(lists),
        "begin_turn_p95_s": p95(turns),
        "search_p50_s": statistics.median(everything),
        "search_p95_s": p95(everything),
        "search_p95_by_kind_s": {kind: p95(times) for kind, times in found.items()},
        "scan_s": statistics.median(scans),
        "ratio_scan": statistics.median(everything) / statistics.median(scans),
        "file_mb": path.stat().st_size / 1e6,
        "peak_rss_mb": peak_memory() / 1e6,
    }
    errors = {
        name: statistics.stdev(times) / len(times) ** 0.5
        for name, times in (("open_s", opened), ("search_p50_s", everything))
    }
    return metrics, errors


def main() -> None:
    """Write the file if there is none, measure, print one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--data", type=Path, action="append", required=True)
    parser.add_argument(
        "--file", type=Path, help="keep the file here, or take the one that is there"
    )
    parser.add_argument("--queries", type=int, default=100, help="of each kind")
    options = parser.parse_args()
    texts = sentences(options.data)
    with tempfile.TemporaryDirectory() as directory:
        path = options.file or Path(directory) / "chat.sqlite3"
        if not path.exists():
            store = ConversationStore.open(path)
            print(
                f"written in {timed(lambda: write(store, options.messages, texts)):.0f} s",
                file=sys.stderr,
            )
            store.close()
        metrics, errors = measure(path, texts, options.queries)
    line = {
        "metrics": metrics,
        "n": options.queries,
        "stderr": errors,
        "config": {"page": PAGE, "long": LONG, "short": SHORT, "seed": SEED},
        "machine": f"{platform.machine()}, {os.cpu_count()} CPUs, Python {sys.version.split()[0]}",
    }
    print(json.dumps(line))


if __name__ == "__main__":
    main()
