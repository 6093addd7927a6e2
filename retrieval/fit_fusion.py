"""Fit the share of the dense route: `python -m retrieval.fit_fusion --index FILE --data FILE …`.

The thing to know: only questions of the learning part are asked that the embedder was not taught
(it knows the others by heart, and would be trusted too much), as many of each file. Every share is
judged on the same lists of hits, so the table it prints costs two searches a question.
`retrieval.fusion.DENSE_SHARE` is set by hand from it.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from retrieval.embedding.training.questions import is_held_back
from retrieval.fusion import Fuse, blend, reciprocal_rank
from retrieval.index import Index
from retrieval.loaders.records import read_lines
from retrieval.splits import part_of
from retrieval.squad import contains_answer

DEPTH = 100
SHARES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.8, 0.9, 1.0)


class Routes(NamedTuple):
    """What both routes returned for one question, and which passages hold an answer."""

    lexical: dict[int, float]
    dense: dict[int, float]
    right: frozenset[int]


def questions(file: Path, limit: int) -> Iterator[tuple[str, list[str]]]:
    """Yield (question, answers) of what a file has that nothing was learnt from."""
    for _, _, line in read_lines(file):
        record = json.loads(line)
        title, context = record["title"] or "", record["context"] or ""
        part = part_of(record["question"], title=title, context=context)
        held = is_held_back(record["question"], title=title, context=context)
        if part == "learn" and held and record["answers"] and limit > 0:
            limit -= 1
            yield record["question"], record["answers"]


def routes(index: Index, question: str, answers: Sequence[str]) -> Routes:
    """Ask both routes; passages are numbered in the order they are met."""
    numbers: dict[str, int] = {}
    right: set[int] = set()
    found: list[dict[int, float]] = []
    for mode in ("lexical", "dense"):
        scores: dict[int, float] = {}
        for hit in index.search(question, DEPTH, mode=mode):
            number = numbers.setdefault(hit.passage.id, len(numbers))
            scores[number] = hit.score
            if contains_answer(hit.passage.text, answers):
                right.add(number)
        found.append(scores)
    return Routes(found[0], found[1], frozenset(right))


def recall(asked: Sequence[Routes], fuse: Fuse, depth: int) -> float:
    """Return the share of questions with an answer among the first `depth` of the fused list."""
    hits = (
        any(number in one.right for number, _ in fuse(one.lexical, one.dense)[:depth])
        for one in asked
    )
    return sum(hits) / len(asked)


def main() -> None:
    """Parse the command line, ask, print recall@5 and @20 by share, means over the files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--index", type=Path, required=True)
    parser.add_argument("--embedder", required=True, help="as the setting retrieval.embedder")
    parser.add_argument("--data", type=Path, action="append", required=True)
    parser.add_argument("--limit", type=int, default=300, help="questions of each file")
    chosen = parser.parse_args()
    index = Index.open(chosen.index, embedder_dir=chosen.embedder, read_only=True)
    sets = []
    for file in chosen.data:
        sets.append([routes(index, *asked) for asked in questions(file, chosen.limit)])
        print(f"{file.name}: {len(sets[-1])} questions", file=sys.stderr, flush=True)
    index.close()

    def share_of(share: float) -> Fuse:
        return lambda lexical, dense: blend(lexical, dense, share)

    fuses = {f"{share:.2f}": share_of(share) for share in SHARES} | {"rrf": reciprocal_rank}
    print("share      mean@5  mean@20   @5/@20 by file")
    for name, fuse in fuses.items():
        both = [(recall(asked, fuse, 5), recall(asked, fuse, 20)) for asked in sets]
        means = [sum(pair[n] for pair in both) / len(both) for n in (0, 1)]
        each = "  ".join(f"{five:.3f}/{twenty:.3f}" for five, twenty in both)
        print(f"{name:<8} {means[0]:8.4f} {means[1]:8.4f}   {each}")


if __name__ == "__main__":
    main()
