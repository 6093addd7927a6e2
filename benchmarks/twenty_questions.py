"""Writes `docs/twenty-questions.md`: what the whole app says to questions drawn by a seed.

Ten questions of SQuAD and ten of EfficientQA, greedily and in one session (`chatapp run`), with the
index and the settings that `CHATAPP_HOME` names.

    CHATAPP_HOME=HOME python -m benchmarks.twenty_questions --data DIR --index "what it holds"
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.transcripts import BADGES, answers, turns_of
from retrieval.loaders.records import read_lines
from retrieval.splits import part_of

FILES = {"SQuAD": "squad-v1.1-dev-a", "EfficientQA": "efficientqa"}
PAGE = Path(__file__).resolve().parent.parent / "docs" / "twenty-questions.md"
_SEED = 2026
_EACH = 10


def main() -> None:
    """Draw, ask, write the page and say how often each kind of answer came."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--data", type=Path, required=True, help="the shared data pack")
    options.add_argument("--out", type=Path, default=PAGE)
    options.add_argument("--index", required=True, help="what the index holds, for the page")
    arguments = options.parse_args()
    drawn = list(_drawn(arguments.data))
    events = answers([[record["question"]] for _, record in drawn], ["--greedy"])
    turns = list(turns_of(events))
    page = "\n".join(_page(drawn, turns, arguments.index)) + "\n"
    arguments.out.write_text(page, encoding="utf-8")
    kinds = [_done(turn)["grounding"] for turn in turns]
    grounding = {kind: kinds.count(kind) for kind in BADGES}
    print(json.dumps({"metrics": {"grounding": grounding}, "n": len(turns)}))


def _drawn(data: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    order = random.Random(_SEED)
    for name, file in FILES.items():
        path = next((data / "qa").glob(f"{file}.jsonl*"))
        records = [json.loads(line) for _, _, line in read_lines(path)]
        yield from ((name, record) for record in order.sample(records, _EACH))


def _page(
    drawn: list[tuple[str, dict[str, Any]]], turns: list[list[dict[str, Any]]], index: str
) -> Iterator[str]:
    yield "# Twenty questions, unedited\n"
    yield (
        "Ten questions of SQuAD v1.1 dev-a and ten of EfficientQA, drawn at random "
        f"(`random.Random({_SEED})`, ten from each file) and asked in one `chatapp run --ephemeral "
        "--greedy` session by `python -m benchmarks.twenty_questions`. The index held "
        f'{index}. Nothing was left out or mended. "Gold" is what the data set holds for right. '
        "Every quote stands in its document as shown; that it answers the question is another "
        "matter, as can be seen. Which of them may be learnt from stands in brackets: "
        "`retrieval/splits.py` says it of every record."
    )
    for number, ((name, record), turn) in enumerate(zip(drawn, turns, strict=True), 1):
        gold = "; ".join(dict.fromkeys(record["answers"]))
        part = part_of(
            record["question"], title=record["title"] or "", context=record["context"] or ""
        )
        done = _done(turn)
        cited = [f"[{e['n']}] {e['title']}" for e in turn if e["type"] == "citation"]
        yield f"\n## {number}. {record['question']}\n\nGold ({name}, to {part}): {gold}\n"
        yield from (f"> {line}".rstrip() for line in done["text"].splitlines())
        yield f"\n*{' — '.join([BADGES[done['grounding']], *cited])}*"


def _done(turn: list[dict[str, Any]]) -> dict[str, Any]:
    error = {"text": "There was no answer.", "grounding": "not_found"}
    return next((event for event in turn if event["type"] == "message.done"), error)


if __name__ == "__main__":
    main()
