"""From database rows to value types, and the queries that more than one method needs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from chatapp.conversations.seen import Seen
from chatapp.conversations.types import (
    Conversation,
    Message,
    NotFound,
    Part,
    StoredCitation,
    Summary,
    Turn,
)

if TYPE_CHECKING:
    from sqlite_utils import Database

CONVERSATION_COLUMNS = (
    "c.id, c.title, c.created_at, c.updated_at, c.tip, c.deleted_at, c.private, c.message_count, "
    "c.persona, c.options, c.pinned, c.archived, c.rev, c.forked_from, "
    "(select json_group_array(t.name) from tags t where t.conversation_id = c.id) as tags"
)
MESSAGE_COLUMNS = (
    "m.id, m.conversation_id, m.parent_id, m.role, m.text, m.status, m.created_at, "
    "m.finish_reason, m.grounding, m.model, m.seconds, m.usage, m.content_hash, m.deleted_at, "
    "m.origin, m.deleted_with"
)


def to_message(row: dict[str, Any]) -> Message:
    """Return a row of MESSAGE_COLUMNS as a Message."""
    return Message(**{**row, "usage": json.loads(row["usage"])})


def to_conversation(row: dict[str, Any]) -> Conversation:
    """Return a row of CONVERSATION_COLUMNS as a Conversation."""
    flags = {name: bool(row[name]) for name in ("private", "pinned", "archived")}
    options, tags = json.loads(row["options"]), tuple(json.loads(row["tags"]))
    return Conversation(**{**row, **flags, "options": options, "tags": tags})


def get_conversation(db: Database, conversation_id: str) -> Conversation:
    """Return one conversation, deleted or not; NotFound when there is none with this id."""
    query = f"select {CONVERSATION_COLUMNS} from conversations c where c.id = ?"
    for row in db.query(query, [conversation_id]):
        return to_conversation(row)
    raise NotFound(f"There is no conversation {conversation_id}.")


def get_message(db: Database, message_id: str) -> Message:
    """Return one message, deleted or not; NotFound when there is none with this id."""
    query = f"select {MESSAGE_COLUMNS} from messages m where m.id = ?"
    for row in db.query(query, [message_id]):
        return to_message(row)
    raise NotFound(f"There is no message {message_id}.")


def get_live_message(db: Database, message_id: str) -> Message:
    """Return one message; NotFound when there is none, or it is deleted."""
    message = get_message(db, message_id)
    if message.deleted_at:
        raise NotFound(f"Message {message_id} is deleted: restore it first.")
    return message


def get_key(db: Database, message_id: str) -> int:
    """Return the row key of a message; NotFound when there is none with this id."""
    for row in db.query("select key from messages where id = ?", [message_id]):
        return int(row["key"])
    raise NotFound(f"There is no message {message_id}.")


def get_path(db: Database, message_id: str | None, limit: int = -1) -> list[Message]:
    """Return the messages down to `message_id`, root first; at most the last `limit` of them."""
    query = f"""
        with recursive up(id, parent_id, depth) as (
            select id, parent_id, 0 from messages where id = :id
            union all
            select p.id, p.parent_id, depth + 1 from messages p join up on p.id = up.parent_id
            limit :limit
        )
        select {MESSAGE_COLUMNS} from up join messages m on m.id = up.id order by up.depth desc
    """
    return [to_message(row) for row in db.query(query, {"id": message_id, "limit": limit})]


def get_citations(db: Database, message_id: str) -> list[StoredCitation]:
    """Return the citations of an answer in the order of their numbers."""
    query = """
        select n, quote, title, uri, document, passage, start, end, score, date
        from citations where message_id = ? order by n
    """
    return [StoredCitation(**row) for row in db.query(query, [message_id])]


def get_parts(db: Database, message_id: str) -> list[Part]:
    """Return the parts of a message as they are stored, in order; citations have their table."""
    query = "select kind, data, text, n from parts where message_id = ? order by n"
    return [
        Part(row["kind"], part_data(row["data"], row["text"]), row["n"])
        for row in db.query(query, [message_id])
    ]


def part_data(data: str, text: str | None) -> dict[str, Any]:
    """Return the whole data of a part, whose text lies in a column of its own."""
    fields: dict[str, Any] = json.loads(data)
    return fields if text is None else {**fields, "text": text}


def get_turns(db: Database, message_id: str) -> list[Turn]:
    """Return the model calls that made an answer, oldest first."""
    query = """
        select model, prompt_tokens, completion_tokens, seconds, first_token_seconds,
            finish_reason, sampling, message_id, created_at, seen
        from turns where message_id = ? order by key
    """
    return [
        Turn(**{**row, "sampling": json.loads(row["sampling"]), "seen": _seen(row["seen"])})
        for row in db.query(query, [message_id])
    ]


def _seen(text: str) -> Seen | None:
    return Seen.from_json(json.loads(text))


def get_summary(db: Database, message_id: str | None, limit: int = -1) -> Summary | None:
    """Return the summary that reaches furthest on the branch down to this message, or None.

    With `limit` 1, only one that ends at this very message.
    """
    query = """
        with recursive up(id, parent_id, depth) as (
            select id, parent_id, 0 from messages where id = :id
            union all
            select p.id, p.parent_id, depth + 1 from messages p join up on p.id = up.parent_id
            limit :limit
        )
        select s.message_id, s.text, s.model, s.edited, s.created_at
        from up join summaries s on s.message_id = up.id order by up.depth limit 1
    """
    for row in db.query(query, {"id": message_id, "limit": limit}):
        return Summary(**{**row, "edited": bool(row["edited"])})
    return None


def get_path_after(db: Database, tip: str | None, after: str, limit: int) -> list[Message]:
    """Return what follows `after` on the way down to `tip`; NotFound when it is not on it."""
    query = f"""
        with recursive up(id, parent_id, depth) as (
            select id, parent_id, 0 from messages where id = :tip
            union all
            select p.id, p.parent_id, depth + 1 from messages p join up on p.id = up.parent_id
                where up.id <> :after
        )
        select {MESSAGE_COLUMNS} from (select * from up order by depth desc limit :limit) up
        join messages m on m.id = up.id order by up.depth desc
    """
    values = {"tip": tip, "after": after, "limit": limit if limit < 0 else limit + 1}
    found = list(db.query(query, values))
    if not found or found[0]["id"] != after:
        raise NotFound(f"Message {after} is not on the branch being read.")
    return [to_message(row) for row in found[1:]]
