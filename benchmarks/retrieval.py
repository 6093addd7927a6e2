"""Build indexes and time them beside their peers: `python benchmarks/retrieval.py`.

    python benchmarks/retrieval.py --data DIR --home SCRATCH --sizes 10000 100000
        [--questions FILE] [--peers bm25s tantivy minilm] [--threads 2]

The thing to know: an index of n passages is built once in `--home` and kept, with its build figures
beside it, so that building and searching may be timed on different occasions. Where the data holds
fewer passages than asked for, documents are taken again under other ids, and `repeated` says how
many times. Every index is opened and searched in a fresh process, whose memory is its own. Ends
with one JSON line; run it on a quiet machine.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # a benchmark runs from a checkout, installed or not

from benchmarks.resident import peak_memory  # noqa: E402

MODES = ("lexical", "dense", "hybrid")
DEPTH = 100  # hits that every peer is asked for, as many as a route gives to fusion
MINILM_SAMPLE = 200  # passages; it embeds some dozens a second
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
    """Parse the command line, build what is missing, search, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, nargs="+", required=True, help="record files")
    parser.add_argument("--home", type=Path, required=True, help="scratch directory, kept")
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--questions", type=Path, help="qa records to ask, instead of ten of ours")
    parser.add_argument("--limit", type=int, default=200, help="questions asked of each index")
    parser.add_argument("--peers", nargs="*", choices=PEERS, default=[])
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--only-build", action="store_true", help="build, and time no search")
    parser.add_argument("--searching", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = str(chosen.threads)
    questions = read_questions(chosen.questions, chosen.limit)
    if chosen.searching:
        print(json.dumps(search(chosen.searching, questions)))
        return
    metrics = {str(size): measure(size, questions, chosen) for size in chosen.sizes}
    config = {"threads": chosen.threads, "depth": DEPTH, "peers": chosen.peers}
    machine = {"cpus": os.cpu_count(), "platform": platform.platform()}
    line = {"metrics": metrics, "n": len(questions), "config": config, "machine": machine}
    print(json.dumps(line))


def measure(size: int, questions: Sequence[str], chosen: argparse.Namespace) -> dict[str, Any]:
    """Return the figures of one size, ours and the peers'."""
    home = chosen.home / str(size)
    kept = home / "built.json"
    if not kept.is_file():
        home.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps(build(home, size, chosen.data)))
    metrics: dict[str, Any] = {"build": json.loads(kept.read_text())}
    if chosen.only_build:
        return metrics
    metrics |= in_fresh_process(home, chosen)
    for peer in chosen.peers:
        metrics[peer] = PEERS[peer](home, questions)
        if "p50_ms" in metrics[peer]:
            ours = metrics["lexical" if peer != "minilm" else "hybrid"]["p50_ms"]
            metrics[f"ratio_{peer}"] = round(metrics[peer]["p50_ms"] / ours, 2)
    return metrics


def build(home: Path, size: int, data: Sequence[Path]) -> dict[str, Any]:
    """Build the index of the first `size` passages; return how long that took."""
    from chatapp.resources import embedder_dir
    from retrieval.index import Index

    records = home / "records.jsonl"
    rounds = write_records(records, size, data)
    index = Index.open(home / "index.sqlite3", embedder_dir=embedder_dir())
    began, used = time.perf_counter(), time.process_time()
    report = index.add([records], progress=show)
    seconds, cpu = time.perf_counter() - began, time.process_time() - used
    index.close()
    print(file=sys.stderr)
    return {
        "passages": report.passages,
        "repeated": rounds,
        "seconds": round(seconds, 1),
        "cpu_seconds": round(cpu, 1),
        "passages_per_s": round(report.passages / seconds),
        "text_bytes": records.stat().st_size,
        "disk_bytes": {f.suffix: f.stat().st_size for f in sorted(home.glob("index.*"))},
        "peak_rss_bytes": peak_memory(),
    }


def write_records(target: Path, size: int, data: Sequence[Path]) -> int:
    """Write documents of `data` until they hold `size` passages; return how often each is taken."""
    from retrieval.chunking import chunk

    passages = 0
    with target.open("w", encoding="utf-8") as file:
        for again in range(1, 1000):
            for number, (title, text) in enumerate(documents(data)):
                record = {"id": f"{again}-{number}", "title": title, "text": text}
                file.write(json.dumps(record) + "\n")
                passages += len(chunk(text))
                if passages >= size:
                    return again
    raise SystemExit("the data holds too little text")


def documents(data: Sequence[Path]) -> Iterator[tuple[str, str]]:
    """Yield (title, text) of every document of the record files."""
    from retrieval.loaders import Loaded, load

    for path in data:
        for item in load(path.resolve()):
            if isinstance(item, Loaded):
                yield item.title, item.text


def passages_of(home: Path) -> list[str]:
    """Return the text of every passage of an index, title first, as the peers are given it."""
    from retrieval.chunking import chunk

    return [
        f"{title}\n{piece.heading}\n{text[piece.start : piece.end]}"
        for title, text in documents([home / "records.jsonl"])
        for piece in chunk(text)
    ]


def read_questions(path: Path | None, limit: int) -> list[str]:
    """Return the questions of a qa file, evenly spread over it, or ten of ours."""
    if path is None:
        return list(QUESTIONS)
    from retrieval.loaders.records import read_lines

    found = [json.loads(line)["question"] for _, _, line in read_lines(path) if line.strip()]
    return found[:: max(1, len(found) // limit)][:limit]


def in_fresh_process(home: Path, chosen: argparse.Namespace) -> dict[str, Any]:
    """Return what opening and searching takes in a process that has done nothing before."""
    command = [sys.executable, __file__, "--data", *chosen.data, "--home", chosen.home]
    command += ["--threads", chosen.threads, "--limit", chosen.limit, "--searching", home]
    if chosen.questions:
        command += ["--questions", chosen.questions]
    done = subprocess.run(list(map(str, command)), check=True, stdout=subprocess.PIPE, text=True)
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def search(home: Path, questions: Sequence[str]) -> dict[str, Any]:
    """Open and search an index: called in a fresh process."""
    began = time.perf_counter()
    import faiss  # noqa: F401 - its import is timed apart from the opening
    import numpy  # noqa: F401

    from chatapp.resources import embedder_dir
    from retrieval.index import Index

    imported = time.perf_counter()
    index = Index.open(home / "index.sqlite3", embedder_dir=embedder_dir())
    opened = time.perf_counter()
    index.search(questions[0])
    searched = time.perf_counter()
    metrics: dict[str, Any] = {
        "import_ms": milliseconds(imported - began),
        "open_ms": milliseconds(opened - imported),
        "first_search_ms": milliseconds(searched - opened),
    }
    for mode in MODES:
        metrics[mode] = times(
            lambda question, mode=mode: index.search(question, mode=mode), questions
        )
    metrics["peak_rss_bytes"] = peak_memory()
    index.close()
    return metrics


def times(ask: Callable[[str], object], questions: Sequence[str]) -> dict[str, float]:
    """Return median and 95th percentile of the time of one question, each asked once."""
    taken = []
    for question in questions:
        began = time.perf_counter()
        ask(question)
        taken.append(time.perf_counter() - began)
    taken.sort()
    return {
        "p50_ms": milliseconds(taken[len(taken) // 2]),
        "p95_ms": milliseconds(taken[int(len(taken) * 0.95)]),
    }


def bm25s_peer(home: Path, questions: Sequence[str]) -> dict[str, Any]:
    """Index and search with bm25s, its own tokenizer and English stop words, no stemming."""
    import bm25s

    texts = passages_of(home)
    began = time.perf_counter()
    peer = bm25s.BM25()
    peer.index(bm25s.tokenize(texts, stopwords="en", show_progress=False), show_progress=False)
    seconds = time.perf_counter() - began

    def ask(question: str) -> None:
        words = bm25s.tokenize(question, stopwords="en", show_progress=False)
        peer.retrieve(words, k=DEPTH, show_progress=False)

    return {"passages_per_s": round(len(texts) / seconds), **times(ask, questions)}


def tantivy_peer(home: Path, questions: Sequence[str]) -> dict[str, Any]:
    """Index and search with tantivy: English stemming, on disk."""
    import tantivy

    from retrieval.search import query_words

    texts = passages_of(home)
    schema = tantivy.SchemaBuilder().add_text_field("text", tokenizer_name="en_stem").build()
    peer = tantivy.Index(schema)
    began = time.perf_counter()
    writer = peer.writer()
    for text in texts:
        writer.add_document(tantivy.Document(text=text))
    writer.commit()
    writer.wait_merging_threads()
    seconds = time.perf_counter() - began
    peer.reload()
    searcher = peer.searcher()

    def ask(question: str) -> None:
        searcher.search(peer.parse_query(" ".join(query_words(question)), ["text"]), DEPTH)

    return {"passages_per_s": round(len(texts) / seconds), **times(ask, questions)}


def minilm_peer(home: Path, questions: Sequence[str]) -> dict[str, Any]:
    """Rank by MiniLM alone: embed the question, look at every vector.

    Embedding a whole corpus with it takes hours, so its rate is that of a sample of passages, and
    the vectors looked at are random ones of its dimension: neither changes how long it takes.
    """
    import faiss
    import numpy as np

    from retrieval.embedding import load_embedder

    peer = load_embedder("minilm")
    assert peer is not None
    texts = passages_of(home)
    began = time.perf_counter()
    peer.embed_passages(texts[:MINILM_SAMPLE])
    seconds = time.perf_counter() - began
    flat = faiss.IndexFlatIP(peer.dimension)
    rng = np.random.default_rng(0)
    for start in range(0, len(texts), 100_000):
        count = min(100_000, len(texts) - start)
        flat.add(rng.normal(size=(count, peer.dimension)).astype("float32"))
    asked = questions[:50]
    return {
        "passages_per_s": round(MINILM_SAMPLE / seconds, 1),
        **times(lambda question: flat.search(peer.embed_queries([question]), DEPTH), asked),
    }


PEERS: dict[str, Callable[[Path, Sequence[str]], dict[str, Any]]] = {
    "bm25s": bm25s_peer,
    "tantivy": tantivy_peer,
    "minilm": minilm_peer,
}


def milliseconds(seconds: float) -> float:
    """Return seconds as milliseconds, rounded."""
    return round(seconds * 1000, 2)


def show(state: Any) -> None:
    """Print progress on stderr."""
    share = state.done_bytes / max(1, state.total_bytes)
    print(f"\r{share:4.0%}  {state.passages:,} passages", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
