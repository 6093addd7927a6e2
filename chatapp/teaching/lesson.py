"""All records that teach the app's forms, from a data pack, in a fixed random order."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from chatapp import resources
from chatapp.moderation.filter import ContentFilter
from chatapp.moderation.requests import requests_in
from chatapp.teaching.followups import follow_up_records
from chatapp.teaching.grounded import grounded_records
from chatapp.teaching.limits import refusal_records, unknown_records
from chatapp.teaching.questions import questions
from retrieval.splits import Part, part_of

WITH_PARAGRAPHS = (
    "qa/squad-v1.1-dev-a.jsonl.xz",
    "qa/squad-v2.0-dev-a.jsonl.xz",
    "qa/squad-train-sample.jsonl.xz",
    "qa/qed-dev.jsonl.xz",
    "qa/clapnq-dev.jsonl.xz",
)
OPEN = (
    "qa/webquestions.jsonl.xz",
    "qa/efficientqa.jsonl.xz",
    "qa/triviaqa-subset.jsonl.xz",
)
RED_TEAM = "preference/hh-harmless-test-a.jsonl.xz"
_SURE = 0.97


def lesson(
    root: Path, *, unknown: int, seed: int, grounded: int | None = None, refusals: int | None = None
) -> Iterator[dict[str, Any]]:
    """Yield the records.

    Args:
        unknown: most questions that are answered "I don't know".
        grounded: most questions with passages; None takes all.
        refusals: most requests that are refused; None takes all.

    Raises:
        RecordError: a file of the pack is missing or no such file.
    """
    taught = list(questions(root, WITH_PARAGRAPHS))
    chosen = random.Random(seed).sample(taught, min(len(taught), grounded or len(taught)))
    records = [*grounded_records(chosen, seed), *follow_up_records(taught, seed)]
    records += islice(unknown_records(questions(root, OPEN), seed), unknown)
    records += refusal_records(islice(refused(root, "learn"), refusals))
    random.Random(seed).shuffle(records)
    yield from records


def refused(root: Path, part: Part) -> Iterator[str]:
    """Yield the red-team requests of a part that are to be refused.

    Many of them are harmless: only those that the content filter is sure of are.
    """
    judge = ContentFilter.load(resources.filter_dir())
    for text in dict.fromkeys(requests_in(root / RED_TEAM)):
        if part_of(text) == part and judge.probability(text) >= _SURE:
            yield text
