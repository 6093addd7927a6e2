"""Value types of the memory: facts about the person, and rounds recalled from conversations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from chatapp.memory.slots import SLOTS

FactStatus = Literal["active", "closed", "expired", "review"]

REMEMBERED = "remember"  # the `rule` of facts stored on request


@dataclass(frozen=True)
class Fact:
    """One thing the person told about themself.

    `status`: `active` facts are used; `closed` ones held before (`valid_to` says until when);
    `expired` ones are hidden; `review` ones contradict a fact that does not change in a life, or
    were said with a doubt, and wait for an answer. `source_text` is the clause it was read from, at
    `start..end` of the message. Times are ISO 8601 in UTC.
    """

    id: str
    slot: str
    fact_key: str
    value: str
    status: FactStatus
    rule: str
    confidence: float
    message_id: str | None
    conversation_id: str | None
    start: int | None
    end: int | None
    source_text: str
    valid_from: str
    valid_to: str | None
    superseded_by: str | None
    seen_count: int
    last_seen: str
    last_used: str | None
    use_count: int
    pinned: bool

    def to_person(self) -> str:
        """Return it as said to the person, such as `you live in Berlin`."""
        return SLOTS[self.slot].to_person(self.fact_key, self.value)

    def to_model(self) -> str:
        """Return it as written into a prompt, such as `The user lives in Berlin.`"""
        return SLOTS[self.slot].to_model(self.fact_key, self.value)


@dataclass(frozen=True)
class Learnt:
    """What one statement did to the profile.

    `closed` are facts that it ended. `asks` is set when `fact` waits for an answer: it contradicts
    an older value of a kind that does not change, or it is `doubtful`.
    """

    fact: Fact | None
    closed: tuple[Fact, ...] = ()
    asks: bool = False
    doubtful: bool = False


@dataclass(frozen=True)
class Round:
    """A question and its answer from an earlier conversation.

    `score` is of the recall: about 1 when the round holds all that was asked for. `key` is the row
    of the question, `held` the share of the asked words that stand in the round, by their weight.
    """

    message_id: str
    conversation_id: str
    title: str
    created_at: str
    question: str
    answer: str
    score: float
    key: int = 0
    held: float = 0.0
