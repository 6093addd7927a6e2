"""Every event meets the schema that is derived from its class, and nothing else does."""

from __future__ import annotations

from datetime import UTC, datetime

import jsonschema
import pytest

from chatapp.assistant.envelope import Envelope, event_schema
from chatapp.assistant.events import (
    Citation,
    Error,
    Event,
    MessageDone,
    SessionEnd,
    TurnEnd,
    TurnStart,
    Usage,
)

CLOCK = lambda: datetime(2026, 1, 1, tzinfo=UTC)  # noqa: E731
CITATION = Citation(1, "q", "t", "u", "d", "p", 0, 1, 0.5)
EVENTS: list[Event] = [
    TurnStart("c", "u", "a"),
    CITATION,
    MessageDone("a", "text", "stop", "grounded", Usage(), 0.1, "m"),
    Error("code", "message"),
    TurnEnd("ok"),
    SessionEnd("ok", 0, 1, "t", "stop", "grounded", [CITATION], Usage(), 0.1, [], 0),
]


@pytest.fixture(scope="module")
def validator():
    schema = event_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.type)
def test_an_event_in_its_envelope_is_valid(validator, event):
    validator.validate(Envelope(CLOCK).wrap(event))


def test_lines_are_numbered_and_know_their_turn_and_conversation():
    envelope = Envelope(CLOCK)
    lines = [
        envelope.wrap(event)
        for event in (Error("c", "m"), TurnStart("c1", "u", "a"), TurnEnd("ok"))
    ]
    assert [(x["seq"], x["turn"], x["conversation"]) for x in lines] == [
        (1, 0, None), (2, 1, "c1"), (3, 1, "c1"),
    ]  # fmt: skip
    assert lines[0]["ts"] == "2026-01-01T00:00:00.000Z"


@pytest.mark.parametrize(
    "change", [{"extra": 1}, {"type": "turn.never"}, {"seq": 0}, {"v": 2}, {"status": "maybe"}]
)
def test_anything_else_is_not_valid(validator, change):
    line = Envelope(CLOCK).wrap(TurnEnd("ok")) | change
    assert not validator.is_valid(line)


def test_every_event_class_has_its_own_wire_name():
    names = [kind.type for kind in Event.__subclasses__()]
    assert len(set(names)) == len(names)
