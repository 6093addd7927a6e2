"""Short texts for the teacher: questions, sentences, rounds of talk, single words.

The thing to know: what a person says in a chat is short and in other words than an encyclopaedia's,
and memory searches it with this embedder. Dialogues of which the memory benchmark asks are left
out, so that what it measures was not seen here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from retrieval.embedding.training.corpus import Piece
from retrieval.loaders.records import read_lines
from retrieval.sentences import sentence_spans

DIALOGUES = ("self-dialogue", "topical-chat", "dolly-part")
_LONGEST_SENTENCE = 300  # characters
_LONGEST_ROUND = 600


def sentences(pieces: Sequence[Piece], count: int, rng: np.random.Generator) -> list[str]:
    """Return one sentence each of `count` passages."""
    found = []
    for place in rng.choice(len(pieces), size=min(count, len(pieces)), replace=False):
        text = pieces[int(place)].text
        spans = list(sentence_spans(text))
        start, end = spans[int(rng.integers(len(spans)))] if spans else (0, len(text))
        found.append(text[start:end][:_LONGEST_SENTENCE])
    return found


def rounds(
    directory: Path, held_out: Sequence[Path], count: int, rng: np.random.Generator
) -> list[str]:
    """Return rounds (what was said and answered) of the dialogue files, `count` in all.

    `held_out` are files of JSON lines whose `source` names dialogues to leave out, as file/id.
    """
    lines = (line for file in held_out for line in file.read_text("utf-8").splitlines())
    held = {json.loads(line)["source"] for line in lines}
    found = [text for name in DIALOGUES for text in _rounds(directory, name, held)]
    chosen = rng.choice(len(found), size=min(count, len(found)), replace=False)
    return [found[int(place)][:_LONGEST_ROUND] for place in chosen]


def _rounds(directory: Path, name: str, held: set[str]) -> Iterator[str]:
    for file in sorted(directory.glob(f"{name}.jsonl*")):
        for _, _, line in read_lines(file):
            record = json.loads(line)
            if f"{name}/{record['id']}" in held:
                continue
            for one, two in pairwise(record["messages"]):
                if one["role"] == "user" and two["role"] == "assistant":
                    yield f"{one['content']} {two['content']}"
