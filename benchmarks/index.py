"""Index a directory of record files and time searches: `python benchmarks/index.py --data DIR`.

Ends with one JSON line on stdout. Run it on a quiet machine; it measures wall time and peak memory
of this one process, and leaves the index in --home.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # a benchmark runs from a checkout, installed or not

from chatapp.resources import embedder_dir  # noqa: E402
from retrieval.index import Index  # noqa: E402
from retrieval.types import IngestProgress, SearchMode  # noqa: E402

MODES: tuple[SearchMode, ...] = ("lexical", "dense", "hybrid")
QUESTIONS = (
    "When was the first steam locomotive built?",
    "Who wrote the novel Pride and Prejudice?",
    "What is the capital of Australia?",
    "How many people live in the city of Lagos?",
    "Why is the sky blue?",
    "Which river flows through Baghdad?",
    "What did Marie Curie discover?",
    "Where was the treaty that ended the First World War signed?",
    "who played the first doctor in doctor who",
    "what is the largest planet in the solar system",
)


def main() -> None:
    """Parse the command line, index, search, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, nargs="+", required=True, help="files or folders")
    parser.add_argument("--home", type=Path, required=True, help="scratch directory for the index")
    parser.add_argument("--repeat", type=int, default=3, help="searches of each question")
    chosen = parser.parse_args()
    index = Index.open(chosen.home / "index" / "index.sqlite3", embedder_dir=embedder_dir())
    began = time.monotonic()
    report = index.add(chosen.data, progress=show)
    seconds = time.monotonic() - began
    status = index.status()
    metrics = {
        "documents": status.documents,
        "passages": status.passages,
        "added_passages": report.passages,
        "seconds": round(seconds, 1),
        "passages_per_s": round(report.passages / seconds, 1),
        "bytes_on_disk": status.bytes_on_disk,
        "peak_rss_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        **{mode: search_times(index, mode, chosen.repeat) for mode in MODES},
    }
    machine = {"cpus": os.cpu_count(), "platform": platform.platform()}
    config = {"data": [path.name for path in chosen.data], "embedder": status.embedder}
    print(
        json.dumps({"metrics": metrics, "n": report.passages, "config": config, "machine": machine})
    )


def show(state: IngestProgress) -> None:
    """Print progress on stderr."""
    share = state.done_bytes / max(1, state.total_bytes)
    print(f"\r{share:4.0%}  {state.passages:,} passages", end="", file=sys.stderr, flush=True)


def search_times(index: Index, mode: SearchMode, repeat: int) -> dict[str, float]:
    """Return first, median and 95th percentile of the search time, in milliseconds."""
    times = []
    for question in QUESTIONS * repeat:
        began = time.perf_counter()
        index.search(question, 8, mode=mode)
        times.append((time.perf_counter() - began) * 1000)
    ordered = sorted(times)
    return {
        "first_ms": round(times[0], 1),
        "p50_ms": round(ordered[len(ordered) // 2], 1),
        "p95_ms": round(ordered[int(len(ordered) * 0.95)], 1),
    }


if __name__ == "__main__":
    main()
