"""From database rows to value types, and the queries that more than one method needs."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from chatapp.conversations.types import (
    Conversation,
    Message,
    MessageHit,
    NotFound,
    StoredCitation,
)

if TYPE_CHECKING:
    from sqlite_utils import Database

CONVERSATION_COLUMNS = (
    "c.id, c.title, c.created_at, c.updated_at, c.tip, c.deleted_at, c.private, "
    "(select count(*) from messages m where m.conversation_id = c.id) as message_count"
)
MESSAGE_COLUMNS = (
    "m.id, m.conversation_id, m.parent_id, m.role, m.text, m.status, m.created_at, "
    "m.finish_reason, m.grounding, m.model, m.seconds, m.usage"
)
# Scripts written without spaces between words: one run of them is a single search token.
SEARCH_CHARACTERS = 1_000  # what is searched for; SQLite refuses patterns of 50,000 bytes
# A word with something between its letters that no prose has there: `foo_bar`, `a->b`, `x::y`.
_CODE = re.compile(r"\w(?:_|->|::|\.\w+\(|\(\)|=)\w*|[{}<>\[\]=]")
_TRIGRAM = 3  # characters; the substring index knows nothing shorter
_UNSPACED = re.compile("[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")


def to_message(row: dict[str, Any]) -> Message:
    """Return a row of MESSAGE_COLUMNS as a Message."""
    return Message(**{**row, "usage": json.loads(row["usage"])})


def to_conversation(row: dict[str, Any]) -> Conversation:
    """Return a row of CONVERSATION_COLUMNS as a Conversation."""
    return Conversation(**{**row, "private": bool(row["private"])})


def get_conversation(db: Database, conversation_id: str) -> Conversation:
    """Return one conversation, deleted or not; NotFound when there is none with this id."""
    query = f"select {CONVERSATION_COLUMNS} from conversations c where c.id = ?"
    for row in db.query(query, [conversation_id]):
        return to_conversation(row)
    raise NotFound(f"There is no conversation {conversation_id}.")


def get_message(db: Database, message_id: str) -> Message:
    """Return one message; NotFound when there is none with this id."""
    query = f"select {MESSAGE_COLUMNS} from messages m where m.id = ?"
    for row in db.query(query, [message_id]):
        return to_message(row)
    raise NotFound(f"There is no message {message_id}.")


def get_path(db: Database, message_id: str | None) -> list[Message]:
    """Return the messages from the root of the tree down to `message_id`."""
    query = f"""
        with recursive up(id, parent_id, depth) as (
            select id, parent_id, 0 from messages where id = ?
            union all
            select p.id, p.parent_id, depth + 1 from messages p join up on p.id = up.parent_id
        )
        select {MESSAGE_COLUMNS} from up join messages m on m.id = up.id order by up.depth desc
    """
    return [to_message(row) for row in db.query(query, [message_id])]


def get_citations(db: Database, message_id: str) -> list[StoredCitation]:
    """Return the citations of an answer in the order of their numbers."""
    query = """
        select n, quote, title, uri, document, passage, start, end, score
        from citations where message_id = ? order by n
    """
    return [StoredCitation(**row) for row in db.query(query, [message_id])]


def search_messages(db: Database, text: str, limit: int) -> list[MessageHit]:
    """Return live messages that hold `text`, best first.

    Words must all be there, the last one at least as a beginning. Text without spaces between
    words, and code, must be there as it is written.
    """
    text = text[:SEARCH_CHARACTERS].strip()
    words = re.findall(r"\w+", text)
    if not words:
        return []
    if not (_UNSPACED.search(text) or _CODE.search(text)):
        match = " ".join(f'"{word}"' for word in words) + "*"
        return _found(db, "messages_fts", "messages_fts match ?", match, limit)
    if len(text) < _TRIGRAM:  # too short for that index: a scan, newest first
        return _found(db, "messages_trigram", "m.text like '%' || ? || '%'", text, limit)
    phrase = '"' + text.replace('"', '""') + '"'
    return _found(db, "messages_trigram", "messages_trigram match ?", phrase, limit)


def _found(db: Database, table: str, matching: str, argument: str, limit: int) -> list[MessageHit]:
    ranked = " match " in matching
    order = f"bm25({table}), m.key desc" if ranked else "m.key desc"
    length = 24 if table == "messages_fts" else 64  # tokens: words there, characters here
    snippet = f"snippet({table}, 0, '', '', '…', {length})" if ranked else "substr(m.text, 1, 160)"
    query = f"""
        select m.id as message_id, m.conversation_id, c.title as conversation_title,
            m.role, m.created_at, {snippet} as snippet
        from {table if ranked else "messages m"}
        {f"join messages m on m.key = {table}.rowid" if ranked else ""}
        join conversations c on c.id = m.conversation_id and c.deleted_at is null
        where {matching} and m.status <> 'streaming' order by {order} limit ?
    """
    return [MessageHit(**row) for row in db.query(query, [argument, limit])]
