"""Facts to and from a JSON file, so that a person can take their memory along."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from chatapp.conversations import ConversationStore
from chatapp.conversations.ids import timestamp
from chatapp.memory.profile import Profile
from chatapp.memory.secrets import holds_secret
from chatapp.memory.slots import SLOTS

FORMAT = "chatapp-memory"
VERSION = 1


class BrokenExport(ValueError):
    """A file that holds no exported memory; the message says where it goes wrong."""


@dataclass(frozen=True)
class Imported:
    """How many facts were new, known before, and refused because they were forgotten before."""

    added: int
    known: int
    refused: int


def as_json(store: ConversationStore) -> dict[str, Any]:
    """Return all facts, also closed and hidden ones."""
    facts = Profile(store).facts(everything=True)
    return {"format": FORMAT, "v": VERSION, "facts": [asdict(fact) for fact in facts]}


def import_json(store: ConversationStore, text: str) -> Imported:
    """Add the facts of an export; every one is checked before the first is written.

    Raises:
        BrokenExport: it is no export, or a fact in it is broken.
    """
    outcomes = Profile(store).restore(_parse(text))
    return Imported(outcomes.count("added"), outcomes.count("known"), outcomes.count("forgotten"))


def _parse(text: str) -> list[dict[str, Any]]:
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BrokenExport(f"it is not JSON ({error})") from error
    if not isinstance(values, dict) or values.get("format") != FORMAT:
        raise BrokenExport(f"its 'format' is not '{FORMAT}'")
    if values.get("v") != VERSION:
        raise BrokenExport(f"its version is {values.get('v')!r}, this reads {VERSION}")
    facts = values.get("facts")
    if not isinstance(facts, list):
        raise BrokenExport("'facts' is not a list")
    return [_checked(fact, number) for number, fact in enumerate(facts, start=1)]


def _checked(fact: object, number: int) -> dict[str, Any]:
    """Return a fact with its times as the store writes them."""
    if not isinstance(fact, dict):
        raise BrokenExport(f"fact {number} is not an object")
    for name in ("slot", "value", "valid_from"):
        if not isinstance(fact.get(name), str) or not fact[name]:
            raise BrokenExport(f"fact {number} lacks the text {name!r}")
    if fact["slot"] not in SLOTS:
        raise BrokenExport(f"fact {number} has the unknown slot {fact['slot']!r}")
    if holds_secret(fact["value"]):
        raise BrokenExport(f"fact {number} looks like a password, key or card number")
    ended = fact.get("valid_to")
    return {
        **fact,
        "valid_from": _moment(fact["valid_from"], number),
        "valid_to": None if ended is None else _moment(ended, number),
    }


def _moment(value: object, number: int) -> str:
    try:
        moment = datetime.fromisoformat(str(value))
        return timestamp(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        raise BrokenExport(f"fact {number} holds {value!r} where a time belongs") from None
