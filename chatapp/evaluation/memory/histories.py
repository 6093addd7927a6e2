"""Long histories of real dialogue, with rounds in them that are asked about later.

The rounds to be found are strewn at random places; everything around them is other dialogue. The
same seed gives the same history, and a longer one keeps nothing of a shorter one's order.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

from chatapp import resources
from chatapp.conversations import ConversationStore, Outcome
from chatapp.evaluation.memory.cases import Remembered
from chatapp.evaluation.records import read
from chatapp.evaluation.schemas import parse_messages

Pair = tuple[str, str]
"""What a person said, and what was answered."""

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)  # when the questions are asked
_BETWEEN = timedelta(minutes=7)
_ROUNDS_PER_CONVERSATION = 20


@dataclass(frozen=True)
class History:
    """A store full of rounds; `places` are the ids of the messages to be found, by question."""

    store: ConversationStore
    places: dict[str, str]
    order: tuple[str, ...]


class _Clock:
    """Every round is some minutes later than the one before; the last one ends just before NOW."""

    def __init__(self, rounds: int) -> None:
        self.now = NOW - (rounds + 1) * _BETWEEN

    def __call__(self) -> datetime:
        return self.now


def read_pairs(paths: Sequence[Path]) -> list[Pair]:
    """Return the rounds of chat records. Raises DataError."""
    return [pair for path in paths for pairs in read(path, _pairs) for pair in pairs]


def shipped_pairs() -> list[Pair]:
    """Return rounds made of what ships with the app: small talk, and sentences of speeches."""
    samples = resources.samples_dir()
    talk = read_pairs([samples / "persona.jsonl"])
    sentences: list[str] = []
    for line in (samples / "speeches.jsonl").read_text("utf-8").splitlines():
        sentences += json.loads(line)["text"].split(". ")
    return talk + list(zip(sentences[::2], sentences[1::2], strict=False))


def history(cases: Sequence[Remembered], others: Sequence[Pair], rounds: int, seed: int) -> History:
    """Return a history of `rounds` rounds that holds every case. Close its store when done."""
    rng = random.Random(f"{seed} {rounds}")
    own = {case.user for case in cases}
    chosen = rng.sample(
        [pair for pair in dict.fromkeys(others) if pair[0] not in own], rounds - len(cases)
    )
    mixed = [*chosen, *((case.user, case.assistant) for case in cases)]
    rng.shuffle(mixed)
    clock = _Clock(rounds)
    store = ConversationStore.open(None, clock=clock)
    ids: dict[str, str] = {}
    conversation: str | None = None
    for number, (user, assistant) in enumerate(mixed):
        clock.now += _BETWEEN
        start = None if number % _ROUNDS_PER_CONVERSATION == 0 else conversation
        begun = store.begin_turn(start, user).result()
        store.finish(begun.assistant.id, Outcome(assistant, "complete", "stop"))
        conversation, ids[user] = begun.conversation.id, begun.user.id
    places = {case.question: ids[case.user] for case in cases}
    return History(store, places, tuple(ids.values()))


def _pairs(record: dict[str, Any], where: str) -> list[Pair]:
    messages = parse_messages(record, where)
    return list(rounds_of(messages))


def rounds_of(messages: Sequence[tuple[str, str]]) -> Iterator[Pair]:
    """Yield what a person said with what was answered, of messages as (role, text)."""
    for (first, said), (second, answered) in pairwise(messages):
        if (first, second) == ("user", "assistant") and said.strip() and answered.strip():
            yield said, answered
