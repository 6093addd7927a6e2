"""What a model should not answer: what it cannot know, and what it should not help with."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from typing import Any

from chatapp.assistant.moderating import REFUSAL
from chatapp.teaching.questions import Taught

UNKNOWN = (
    "I don't know that. Give me a source with it, and I can look it up.",
    "I don't know. If one of your sources says it, add it to the index and ask me again.",
    "That I don't know, and I would rather not guess.",
)


def unknown_records(taught: Iterable[Taught], seed: int = 0) -> Iterator[dict[str, Any]]:
    """Yield a record for each question of fact without a paragraph: the model says it is not sure.

    A small model that answers such questions from its weights is nearly always wrong.
    """
    for one in taught:
        if not one.context:
            reply = random.Random(f"{seed} {one.id}").choice(UNKNOWN)
            yield _record(f"unknown-{one.id}", one.question, reply, "unknown")


def refusal_records(requests: Iterable[str]) -> Iterator[dict[str, Any]]:
    """Yield a record for each request that is to be refused."""
    for number, request in enumerate(requests):
        yield _record(f"refusal-{number:05}", request, REFUSAL, "refusal")


def _record(identity: str, asked: str, reply: str, source: str) -> dict[str, Any]:
    messages = [{"role": "user", "content": asked}, {"role": "assistant", "content": reply}]
    return {"id": identity, "messages": messages, "source": source}
