"""Content hashes: a byte that changed on the disk is found by deriving them again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlite_utils import Database

_BYTES = 16  # enough against accidents, and half the space of the usual 32


def content_hash(kind: str, text: str) -> str:
    """Return the hash of a text that was said in a role, or of a part of some kind."""
    return hashlib.blake2b(f"{kind}\n{text}".encode(), digest_size=_BYTES).hexdigest()


def part_hash(kind: str, data: Mapping[str, Any]) -> str:
    """Return the hash of a part's whole data, whatever the order of its fields."""
    return content_hash(kind, json.dumps(data, ensure_ascii=False, sort_keys=True))


def replace_text(db: Database, key: int, text: str) -> None:
    """Give the message with this row key another text, and the hash of it where rows have one.

    For whoever changes stored words on purpose; a backup may be older than the hashes.
    """
    db.execute("update messages set text = ? where key = ?", [text, key])
    if "content_hash" in db.table("messages").columns_dict:
        role = db.execute("select role from messages where key = ?", [key]).fetchone()[0]
        db.execute(
            "update messages set content_hash = ? where key = ?", [content_hash(role, text), key]
        )
