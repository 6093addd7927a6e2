"""Policies of the browser side by side, on questions that nobody has learnt from.

    python benchmarks/browsing.py --index FILE --qa FILE… [--model DIR --draws 4] [--limit 60]

The world is an index, browsed without a network. A policy is right when its best quote holds an
answer. Every quote is looked up in its page and every trace is played again. Ends with one JSON
line on stdout.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # a benchmark runs from a checkout, installed or not

from tqdm import tqdm  # noqa: E402

from chatapp import resources  # noqa: E402
from chatapp.browsing.choosing import draws, reward  # noqa: E402
from chatapp.browsing.collect import Asked, questions_of  # noqa: E402
from chatapp.browsing.policy import browse as browse_learned  # noqa: E402
from chatapp.machine import machine  # noqa: E402
from retrieval.browser.judge import PassageJudge  # noqa: E402
from retrieval.browser.local import IndexWorld  # noqa: E402
from retrieval.browser.scripted import browse  # noqa: E402
from retrieval.browser.session import Browsed  # noqa: E402
from retrieval.browser.traces import is_faithful  # noqa: E402
from retrieval.index import Index  # noqa: E402
from retrieval.quotes import select_quotes  # noqa: E402
from retrieval.squad import contains_answer  # noqa: E402

Figures = dict[str, float]
Policy = Callable[[str], Browsed]


def main() -> None:
    """Parse the command line, browse, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--index", type=Path, required=True)
    parser.add_argument("--qa", type=Path, nargs="+", required=True)
    parser.add_argument("--model", type=Path, help="a learned policy; none measures the script")
    parser.add_argument("--draws", type=int, default=4, help="browses drawn for best of n")
    parser.add_argument("--limit", type=int, default=60, help="questions at most")
    chosen = parser.parse_args()
    embedder = resources.embedder_dir()
    index = Index.open(chosen.index, embedder_dir=embedder, read_only=True)
    questions = questions_of("measure", chosen.qa, chosen.limit)
    world, judge = IndexWorld(index), PassageJudge(embedder)
    metrics: dict[str, Figures] = {
        "one_shot": one_shot(index, questions),
        "scripted": measured(questions, lambda question: browse(question, world, judge)),
    }
    if chosen.model:
        metrics |= learned(chosen.model, questions, world, judge, chosen.draws)
    n = len(questions)
    errors = {name: (f["right"] * (1 - f["right"]) / n) ** 0.5 for name, f in metrics.items()}
    config = {"qa": [path.name for path in chosen.qa], "passages": index.status().passages}
    print(
        json.dumps(
            {
                "metrics": {
                    name: {key: round(value, 4) for key, value in figures.items()}
                    for name, figures in metrics.items()
                },
                "n": n,
                "stderr": {name: {"right": round(error, 4)} for name, error in errors.items()},
                "config": config,
                "machine": machine(),
            }
        )
    )


def one_shot(index: Index, questions: Sequence[Asked]) -> Figures:
    """Return how often the best quote of one search of all passages is right: no browsing."""
    right = 0
    for asked in tqdm(questions, desc="one shot"):
        found = select_quotes(index, asked.question, index.search(asked.question, 8))
        right += bool(found) and contains_answer(found[0].text, asked.answers)
    return {"right": right / len(questions)}


def measured(questions: Sequence[Asked], policy: Policy) -> Figures:
    """Return the figures of one policy over all questions."""
    began = time.monotonic()
    browses = [(policy(asked.question), asked) for asked in tqdm(questions, desc="browses")]
    seconds = time.monotonic() - began
    return {**mean([figures(browsed, asked) for browsed, asked in browses]), "seconds": seconds}


def figures(browsed: Browsed, asked: Asked) -> Figures:
    """Return what there is to know of one browse."""
    stand = [
        browsed.pages[quote.document_id].text[quote.start : quote.end] == quote.text
        for quote in browsed.quotes
    ]
    wasted = sum('"problem":""' not in line for line in browsed.trace if '"type":"step"' in line)
    return {
        "right": float(is_right(browsed, asked)),
        "quoted": float(bool(browsed.quotes)),
        "fidelity": float(all(stand)),
        "replayed": float(is_faithful(browsed.trace)),
        "wasted_actions": float(wasted),
        "actions": float(browsed.actions),
    }


def is_right(browsed: Browsed, asked: Asked) -> bool:
    """Say whether the best quote holds an answer."""
    return bool(browsed.quotes) and contains_answer(browsed.quotes[0].text, asked.answers)


def mean(rows: Sequence[Figures]) -> Figures:
    """Return the mean of each figure."""
    return {key: sum(row[key] for row in rows) / len(rows) for key in rows[0]}


def learned(
    model: Path, questions: Sequence[Asked], world: IndexWorld, judge: PassageJudge, count: int
) -> dict[str, Figures]:
    """Return the figures of a learned policy: its likeliest browse, and the best of n drawn."""
    import torch

    from chatapp.inference.load import load_generator
    from chatapp.training.best_of_n import best_of_n

    generator = load_generator(model, threads=1)
    found = {
        "learned": measured(
            questions, lambda question: browse_learned(question, world, generator, judge)
        )
    }
    drawn = [
        [(reward(b), float(is_right(b, asked))) for b in browses]
        for asked in tqdm(questions, desc="draws")
        for browses in [draws(asked.question, world, generator, judge, count)]
    ]
    table = torch.tensor(drawn)
    for n in range(1, count + 1):
        right = best_of_n(table[..., 0], table[..., 1], n).mean().item()
        found[f"learned_best_of_{n}"] = {"right": right}
    return found


if __name__ == "__main__":
    main()
