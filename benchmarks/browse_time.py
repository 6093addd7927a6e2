"""How long a scripted browse takes over HTTP, and where the time goes.

    python -m tests.miniweb --home DIR --data FILE…
    python benchmarks/browse_time.py --web URL --index DIR/index.sqlite3 --qa FILE… [--limit 20]

Questions of the learning part. `search` and `open` hold the network, the server and the parser in
its child; `judge` is reading; what is left are commands, traces and quotes found again. `cpu` is
the processor time of this process. Ends with one JSON line on stdout.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # a benchmark runs from a checkout, installed or not

import torch  # noqa: E402
from tqdm import tqdm  # noqa: E402

from chatapp.browsing.collect import questions_of  # noqa: E402
from chatapp.evaluation.grounded.setup import Choice, Kit  # noqa: E402
from chatapp.machine import machine  # noqa: E402
from chatapp.settings import load_settings  # noqa: E402
from retrieval.browser.judge import Judge  # noqa: E402
from retrieval.browser.scripted import Effort, browse  # noqa: E402
from retrieval.browser.state import Limits  # noqa: E402

_SECONDS = 300.0


def main() -> None:
    """Parse the command line, browse, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--web", required=True, help="address of the mini-web")
    parser.add_argument("--index", type=Path, required=True)
    parser.add_argument("--qa", type=Path, nargs="+", required=True)
    parser.add_argument("--limit", type=int, default=20)
    parser.add_argument("--threads", type=int, default=1)
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    settings = load_settings({"threads": chosen.threads}).settings
    questions = [asked.question for asked in questions_of("learn", chosen.qa, chosen.limit + 1)]
    with ExitStack() as closing:
        kit = Kit(Choice(chosen.index, chosen.web, _SECONDS), settings, closing)
        timed = _Timed(kit)
        timed.browse(questions[0])  # loads what is loaded when first used
        rows = [timed.browse(question) for question in tqdm(questions[1:], desc="browses")]
    seconds = [row["seconds"] for row in rows]
    names = sorted({name for row in rows for name in row})
    means = {name: statistics.fmean(row.get(name, 0.0) for row in rows) for name in names}
    metrics = {"median_s": statistics.median(seconds), "slowest_s": max(seconds), **means}
    n = len(rows)
    print(
        json.dumps(
            {
                "metrics": {name: round(value, 4) for name, value in metrics.items()},
                "n": n,
                "stderr": {"seconds": round(statistics.stdev(seconds) / n**0.5, 4)},
                "config": {"qa": [path.name for path in chosen.qa], "threads": chosen.threads},
                "machine": machine(),
            }
        )
    )


class _Timed:
    """Browses with the parts of the evaluation, and a clock around each of them."""

    def __init__(self, kit: Kit) -> None:
        self._world, self._judge = kit.world, kit.page_judge
        self._limits, self._effort = Limits(actions=20), Effort(pages=5)  # those of the app

    def browse(self, question: str) -> dict[str, float]:
        """Return the seconds of one browse by what took them, its pages and its actions."""
        spent: dict[str, float] = defaultdict(float)
        world: Any = self._world(time.monotonic() + _SECONDS)
        for name in ("search", "open"):
            setattr(world, name, _clocked(getattr(world, name), spent, name))
        judge = _ClockedJudge(self._judge, spent)
        began, cpu = time.perf_counter(), time.process_time()
        browsed = browse(question, world, judge, limits=self._limits, effort=self._effort)
        return {
            **spent,
            "seconds": time.perf_counter() - began,
            "cpu": time.process_time() - cpu,
            "pages": sum(page.kind == "page" for page in browsed.pages.values()),
            "actions": browsed.actions,
        }


class _ClockedJudge:
    """A judge whose time is taken."""

    def __init__(self, judge: Judge, spent: dict[str, float]) -> None:
        self.quotes = _clocked(judge.quotes, spent, "judge")
        self.weigh = _clocked(judge.weigh, spent, "judge")
        self.forget = judge.forget


def _clocked(work: Callable[..., Any], spent: dict[str, float], name: str) -> Callable[..., Any]:
    def run(*arguments: Any, **named: Any) -> Any:
        began = time.perf_counter()
        try:
            return work(*arguments, **named)
        finally:
            spent[name] += time.perf_counter() - began

    return run


if __name__ == "__main__":
    main()
