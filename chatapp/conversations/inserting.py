"""Rows that come into being: conversations, messages, parts, citations and turns.

Every function runs inside a write transaction of the store it is given.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING

from chatapp.conversations import rows
from chatapp.conversations.hashing import content_hash, part_hash
from chatapp.conversations.types import (
    Conversation,
    Message,
    MessageRole,
    Part,
    StoredCitation,
    Summary,
    Turn,
)

if TYPE_CHECKING:
    from sqlite_utils import Database

    from chatapp.conversations.file import StoreFile

TITLE_CHARACTERS = 60


def title_from(text: str) -> str:
    """Return the first words of a question as a title of at most TITLE_CHARACTERS."""
    line = " ".join(text[: TITLE_CHARACTERS * 4].split())
    if len(line) <= TITLE_CHARACTERS:
        return line
    return line[: TITLE_CHARACTERS - 1].rsplit(" ", 1)[0] + "…"


def add_conversation(
    store: StoreFile, db: Database, title: str, *, private: bool = False
) -> Conversation:
    """Write an empty conversation."""
    now = store.now()
    row = {"id": store.unused_id(db), "title": title, "created_at": now, "updated_at": now}
    db.table("conversations").insert({**row, "private": int(private)})
    return rows.get_conversation(db, row["id"])


def add_message(
    store: StoreFile,
    db: Database,
    conversation_id: str,
    parent_id: str | None,
    role: MessageRole,
    text: str = "",
) -> Message:
    """Write a message and make it the tip; one of the assistant is empty and streams."""
    now, message_id, writing = store.now(), store.unused_id(db), role == "assistant"
    db.table("messages").insert(
        {
            "id": message_id,
            "conversation_id": conversation_id,
            "parent_id": parent_id,
            "role": role,
            "text": text,
            "status": "streaming" if writing else "complete",
            "created_at": now,
            "owner": store.mark if writing else None,
            "content_hash": "" if writing else content_hash(role, text),
        }
    )
    db.table("conversations").update(conversation_id, {"tip": message_id, "updated_at": now})
    return rows.get_message(db, message_id)


def add_parts(db: Database, message_id: str, parts: Iterable[Part]) -> None:
    """Write parts after those the message has; citations go where citations are."""
    last = db.execute("select max(n) from parts where message_id = ?", [message_id]).fetchone()[0]
    for part in parts:
        if part.kind == "citation":
            add_citations(db, message_id, [StoredCitation(**part.data)])
            continue
        last = part.n or (last or 0) + 1
        plain = dict(part.data)
        text = plain.pop("text") if isinstance(plain.get("text"), str) else None
        # not `insert or replace`: that would leave the old text in the search tables
        db.execute("delete from parts where message_id = ? and n = ?", [message_id, last])
        db.table("parts").insert(
            {
                "message_id": message_id,
                "n": last,
                "kind": part.kind,
                "data": json.dumps(plain, ensure_ascii=False, allow_nan=False),
                "text": text,
                "content_hash": part_hash(part.kind, part.data),
            }
        )


def add_citations(db: Database, message_id: str, citations: Iterable[StoredCitation]) -> None:
    """Write citations; one with a number that is there replaces it."""
    db.table("citations").insert_all(
        ({"message_id": message_id, **asdict(citation)} for citation in citations), replace=True
    )


def put_summary(db: Database, summary: Summary) -> None:
    """Write a summary in the place of the one that ends at the same message, if there is one."""
    values = {**asdict(summary), "edited": int(summary.edited)}
    db.table("summaries").insert(values, replace=True)


def add_turns(db: Database, message_id: str, turns: Iterable[Turn], now: str) -> None:
    """Write the model calls that made an answer."""
    db.table("turns").insert_all(
        {
            **asdict(turn),
            "sampling": json.dumps(dict(turn.sampling), allow_nan=False),
            "seen": json.dumps(turn.seen.to_json() if turn.seen else {}, ensure_ascii=False),
            "message_id": message_id,
            "created_at": turn.created_at or now,
        }
        for turn in turns
    )
