"""How often the whole app answers plain factual questions, such as people ask first.

`everyday_facts.jsonl` holds 400 questions with the strings of which a right answer holds one. They
were written by two hands that saw nothing of the project: the answers to set "a" were looked at
while the reader was improved, set "b" only measures. Nothing was learnt from either. Every question
is asked in a conversation of its own, greedily, with the index and settings of `CHATAPP_HOME`.

    CHATAPP_HOME=HOME python -m benchmarks.everyday_facts --set b --out answers.jsonl
"""

from __future__ import annotations

import argparse
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks.transcripts import answers, turns_of
from chatapp.assistant.composing import DISAGREE, NOT_BORNE_OUT
from retrieval.squad import contains_answer

QUESTIONS = Path(__file__).with_name("everyday_facts.jsonl")
_MARK = re.compile(r"\s*\[\d+\]")


def main() -> None:
    """Ask, judge by the expected strings, and say how often each outcome came."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--set", choices=("a", "b"), default="b")
    options.add_argument("--out", type=Path, help="where each question's answer is written")
    chosen = options.parse_args()
    asked = [json.loads(line) for line in QUESTIONS.read_text("utf-8").splitlines()]
    asked = [one for one in asked if one["set"] == chosen.set]
    turns = list(turns_of(answers([[one["question"]] for one in asked], ["--greedy"])))
    judged = [judge(one, turn) for one, turn in zip(asked, turns, strict=True)]
    if chosen.out:
        lines = (json.dumps(one, ensure_ascii=False) for one in judged)
        chosen.out.write_text("\n".join(lines) + "\n", encoding="utf-8")
    counts = Counter(one["outcome"] for one in judged)
    shares = {outcome: round(count / len(judged), 3) for outcome, count in counts.items()}
    print(
        json.dumps({"metrics": dict(sorted(shares.items())), "n": len(judged), "set": chosen.set})
    )


def judge(asked: dict[str, Any], turn: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the question with its answer and what became of it.

    `right` and `wrong` are about the short answer, `right_quote` and `wrong_quote` about quotes
    where none of them was sure enough to be shortened, `disagree_…` about several short answers.
    """
    done = next(
        (event for event in turn if event["type"] == "message.done"),
        {"text": "", "grounding": "not_found"},
    )
    text, grounding = done["text"], done["grounding"]
    lead, apart, _ = text.partition("\n\n")
    shown = lead if apart else text
    right = "right" if contains_answer(_MARK.sub("", shown), asked["answers"]) else "wrong"
    if grounding == "not_found":
        outcome = "refused"
    elif grounding not in ("grounded", "partly"):
        outcome = f"{right}_elsewhere"
    elif lead.startswith(DISAGREE):
        outcome = f"disagree_{right}"
    elif lead.startswith(NOT_BORNE_OUT):
        outcome = "premise_denied"
    else:
        outcome = right if apart else f"{right}_quote"
    return {**asked, "outcome": outcome, "grounding": grounding, "answer": text}


if __name__ == "__main__":
    main()
