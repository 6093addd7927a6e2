"""The cases of the memory benchmark as shipped, read and checked against their checksums.

The thing to know: `tune` cases may be looked at while rules and weights are made, `measure` cases
only give figures. Which part a case belongs to is a hash of its text, fixed before any tuning; of
later ones, the file: written to tune on, or after the last tuning. The blind cases are files of
their own, by other hands that had not read the rules.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from chatapp import resources
from chatapp.evaluation.records import DataError, read

Part = Literal["tune", "measure"]
Statement = tuple[str, str, str]
"""Slot, key and value; `~` parts values that count alike, and a key of `*` fits any."""

_CHECKSUMS = {
    "extraction.jsonl": "838802f3dd838be95892376ae3b320c1307974e9e4de6ca026ac44b73a72ee76",
    "extraction-dev.jsonl": "5edc9682244b2a113014bcae0f726361ca59f88218a8a2846f6c655ae49e64a2",
    "extraction-de.jsonl": "d1098581ef8829d65e846c69fe89428a42addd063f3984ce381a67f278244649",
    "extraction-blind.jsonl": "649130eb0b1edb9cb20c99ea15b9a62448d613de75abf0b962148c4410670519",
    "extraction-blind-2.jsonl": "ea1d9db1b6832855ca57be5935940235d1e0cf85ac82b84e13fa5cdfe260d6c4",
    "extraction-blind-3.jsonl": "4529e65e99e930207e5c1635d32ebba2372ef51f9c249162423958502d785075",
    "extraction-blind-4.jsonl": "229cef6247d27981dfe56494c3296681c079f59fbf2ea8ffeff1382aeef96b6a",
    "extraction-blind-5.jsonl": "fc00a9fa54bc46df7dfeef8c9130c66f3d5734556b482bdac2095a3120d58cc3",
    "extraction-blind-6.jsonl": "b120ec9c5b710b0eafb399c31ad0f3a07f76ee547eab79a781944cd3431cac73",
    "recall-more.jsonl": "c1269cdc806964de824eef61b87fac14bdf496b8cd67f28322387f67aeccdf7c",
    "recall.jsonl": "5555586536b093d56cd52b6ea7c9b4ce88cb17f0ef3c68ef5bea6155f0ed254c",
}
BLIND = {
    "blind": "extraction-blind.jsonl",
    "second blind": "extraction-blind-2.jsonl",
    "third blind": "extraction-blind-3.jsonl",
    "fourth blind": "extraction-blind-4.jsonl",
    "fifth blind": "extraction-blind-5.jsonl",
    "sixth blind": "extraction-blind-6.jsonl",
}
_NO_TRAPS = ("real", "stated", "plain")  # the other kinds look like statements and state none


@dataclass(frozen=True)
class Message:
    """A message and what it states about its author; `also` are facts that may be read too."""

    text: str
    kind: str
    facts: tuple[Statement, ...]
    also: tuple[Statement, ...]

    @property
    def adversarial(self) -> bool:
        """Say whether it was written to look like a statement and be none."""
        return self.kind not in _NO_TRAPS


@dataclass(frozen=True)
class Remembered:
    """A round of an old conversation, and a question that asks for it."""

    question: str
    user: str
    assistant: str
    source: str


def messages(part: Part) -> list[Message]:
    """Return the extraction cases of one part. Raises DataError: the file was changed."""
    files = ("extraction.jsonl", "extraction-dev.jsonl")
    return [_message(row) for name in files for row in _rows(name) if row["part"] == part]


def german_messages(part: Part) -> list[Message]:
    """Return the German extraction cases of one part. Raises DataError: the file was changed."""
    return [_message(row) for row in _rows("extraction-de.jsonl") if row["part"] == part]


def blind_messages(name: str) -> list[Message]:
    """Return one of the sets in `BLIND`, by other hands than the rules'. Raises DataError."""
    return [_message(row) for row in _rows(name)]


def messages_in(file: Path) -> list[Message]:
    """Return the extraction cases of a file: JSON lines with `text`, `kind`, `facts` and `also`.

    Raises:
        DataError: it cannot be read, or a line is no such case; the message names the line.
    """
    return list(read(file, _checked))


def _checked(record: dict[str, Any], where: str) -> Message:
    try:
        return _message(record)
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"{where}: no message with its facts ({error!r})",
            hint='a line is {"text", "kind", "facts": [[slot, key, value], …]}; see data/samples.',
        ) from error


def remembered(part: Part) -> list[Remembered]:
    """Return the recall cases of one part. Raises DataError: the file was changed."""
    return [
        Remembered(row["question"], row["user"], row["assistant"], row["source"])
        for name in ("recall.jsonl", "recall-more.jsonl")
        for row in _rows(name)
        if row["part"] == part
    ]


def _rows(name: str) -> Iterator[dict[str, Any]]:
    path = resources.samples_dir() / "memory" / name
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != _CHECKSUMS[name]:
        raise DataError(
            f"{path} is not the file the benchmark was frozen with",
            hint="restore it from the project's release; other cases make another benchmark.",
        )
    return map(json.loads, content.decode().splitlines())


def _message(row: dict[str, Any]) -> Message:
    return Message(row["text"], row["kind"], _statements(row, "facts"), _statements(row, "also"))


def _statements(row: dict[str, Any], name: str) -> tuple[Statement, ...]:
    return tuple((slot, key, value) for slot, key, value in row.get(name, ()))
