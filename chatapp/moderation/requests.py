"""What people asked, out of records: the first message of a conversation, or the question."""

from __future__ import annotations

import json
import lzma
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_LONGEST = 400  # characters


def request_of(record: dict[str, Any]) -> str:
    """Return the first request of a chat, preference, rating or qa record, empty without one."""
    said = (turn["content"] for turn in record.get("messages") or () if turn["role"] == "user")
    return str(record.get("question") or next(said, "")).strip()[:_LONGEST]


def requests_in(path: Path) -> Iterator[str]:
    """Yield the requests of an `.xz` file of records."""
    with lzma.open(path, "rt", encoding="utf-8") as lines:
        yield from filter(None, (request_of(json.loads(line)) for line in lines))
