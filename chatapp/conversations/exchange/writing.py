"""One conversation in our JSON form, checked and written in one transaction.

What is there already, told by its id, stays as it is: importing a file twice changes nothing, and
a longer export of the same conversation adds the messages that are new.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple, get_args

from chatapp.conversations import inserting
from chatapp.conversations.exchange.checked import Fields, ImportFailed
from chatapp.conversations.hashing import content_hash
from chatapp.conversations.seen import PromptTurn, Seen
from chatapp.conversations.types import (
    MessageRole,
    MessageStatus,
    Part,
    PartKind,
    StoredCitation,
    Summary,
    Turn,
)

if TYPE_CHECKING:
    from sqlite_utils import Database

    from chatapp.conversations.store import ConversationStore

_ROLES = get_args(MessageRole)
_STATUSES = get_args(MessageStatus)
_PARTS = tuple(kind for kind in get_args(PartKind) if kind != "citation")


class Written(NamedTuple):
    """What one conversation of the file became."""

    conversation_id: str
    is_new: bool
    messages: int


def write(store: ConversationStore, db: Database, form: Any, place: str) -> Written:
    """Write what is not there yet, inside a transaction. Raises ImportFailed."""
    whole = Fields(form, place)
    conversation = Fields(whole.mapping("conversation"), f"{place}, conversation")
    messages = whole.objects("messages")
    conversation_id = conversation.identity("id")
    ids = _new_ids(store, db, conversation_id, messages)
    _refuse_loops(messages, place)
    is_new = not db.execute(
        "select 1 from conversations where id = ?", [conversation_id]
    ).fetchone()
    if is_new:
        db.table("conversations").insert(_conversation_row(conversation))
    db.conn.execute("PRAGMA defer_foreign_keys=ON")  # a parent may come after its child
    added = [message for message in messages if _add(db, conversation_id, message, ids)]
    _add_judgements(store, db, conversation_id, whole.objects("feedback"), ids)
    if is_new:
        _finish(db, conversation_id, conversation, ids)
    return Written(conversation_id, is_new, len(added))


def _conversation_row(fields: Fields) -> dict[str, Any]:
    return {
        "id": fields.identity("id"),
        "title": " ".join(fields.text("title", "").split()),
        "created_at": fields.moment("created_at"),
        "updated_at": fields.moment("updated_at"),
        "deleted_at": fields.optional_moment("deleted_at"),
        "private": int(fields.flag("private")),
        "persona": fields.text("persona", ""),
        "options": _json(fields.mapping("options")),
        "pinned": int(fields.flag("pinned")),
        "archived": int(fields.flag("archived")),
        "forked_from": fields.reference("forked_from"),
    }


def _finish(db: Database, conversation_id: str, fields: Fields, ids: dict[str, str]) -> None:
    """Set what the rows that were added changed on the way: tags, tip, revision."""
    for tag in fields.strings("tags"):
        db.execute("insert or ignore into tags values (?, ?)", [conversation_id, tag])
    tip = (
        ids.get(fields.reference("tip") or "")
        or db.execute(
            "select max(id) from messages where conversation_id = ? and deleted_at is null",
            [conversation_id],
        ).fetchone()[0]
    )
    db.execute("update conversations set tip = ? where id = ?", [tip, conversation_id])
    db.execute(
        "update conversations set rev = ? where id = ?", [fields.whole("rev"), conversation_id]
    )


def _new_ids(
    store: ConversationStore, db: Database, conversation_id: str, messages: list[Fields]
) -> dict[str, str]:
    """Return the id each message gets: its own, or a new one where another message has that."""
    ids: dict[str, str] = {}
    for message in messages:
        old = message.identity("id")
        if old in ids:
            raise ImportFailed(f"two messages have the id {old}")
        owner = db.execute("select conversation_id from messages where id = ?", [old]).fetchone()
        taken = owner is not None and owner[0] != conversation_id
        ids[old] = store.unused_id(db) if taken else old
    return ids


def _add(db: Database, conversation_id: str, fields: Fields, ids: dict[str, str]) -> bool:
    """Write one message with all that belongs to it; return False when it is there already."""
    message_id = ids[fields.identity("id")]
    if db.execute("select 1 from messages where id = ?", [message_id]).fetchone():
        return False
    role, text = fields.one_of("role", _ROLES), fields.text("text")
    status = fields.one_of("status", _STATUSES, "complete")
    parent = fields.reference("parent_id")
    db.table("messages").insert(
        {
            "id": message_id,
            "conversation_id": conversation_id,
            "parent_id": None if parent is None else ids.get(parent),
            "role": role,
            "text": text,
            "status": "interrupted" if status == "streaming" else status,
            "created_at": fields.moment("created_at"),
            "finish_reason": fields.text("finish_reason", "") or None,
            "grounding": fields.text("grounding", "") or None,
            "model": fields.text("model", ""),
            "seconds": fields.number("seconds"),
            "usage": _json(fields.mapping("usage")),
            "content_hash": content_hash(role, text),
            "deleted_at": fields.optional_moment("deleted_at"),
            "deleted_with": ids.get(fields.reference("deleted_with") or ""),
            "origin": fields.reference("origin"),
        }
    )
    inserting.add_parts(db, message_id, map(_part, fields.objects("parts")))
    inserting.add_citations(db, message_id, map(_citation, fields.objects("citations")))
    inserting.add_turns(db, message_id, map(_turn, fields.objects("turns")), "")
    if form := fields.mapping("summary"):
        inserting.put_summary(db, _summary(message_id, Fields(form, f"summary of {message_id}")))
    return True


def _summary(message_id: str, fields: Fields) -> Summary:
    return Summary(
        message_id,
        fields.text("text"),
        fields.text("model", ""),
        fields.flag("edited"),
        fields.moment("created_at"),
    )


def _part(fields: Fields) -> Part:
    kind = fields.one_of("kind", _PARTS)
    return Part(kind, fields.mapping("data"), fields.whole("n"))  # type: ignore[arg-type]


def _citation(fields: Fields) -> StoredCitation:
    return StoredCitation(
        n=fields.whole("n"),
        quote=fields.text("quote"),
        title=fields.text("title"),
        uri=fields.text("uri"),
        document=fields.text("document"),
        passage=fields.text("passage"),
        start=fields.whole("start"),
        end=fields.whole("end"),
        score=fields.number("score") or 0.0,
        date=fields.text("date", ""),
    )


def _turn(fields: Fields) -> Turn:
    return Turn(
        model=fields.text("model"),
        prompt_tokens=fields.whole("prompt_tokens"),
        completion_tokens=fields.whole("completion_tokens"),
        seconds=fields.number("seconds") or 0.0,
        first_token_seconds=fields.number("first_token_seconds", None),
        finish_reason=fields.text("finish_reason", ""),
        sampling=fields.mapping("sampling"),
        created_at=fields.moment("created_at"),
        seen=Seen.from_json(fields.mapping("seen")),
    )


def _add_judgements(
    store: ConversationStore,
    db: Database,
    conversation_id: str,
    judgements: list[Fields],
    ids: dict[str, str],
) -> None:
    for fields in judgements:
        row = {
            "id": fields.identity("id"),
            "kind": fields.one_of("kind", ("rating", "comparison", "correction")),
            "message_id": ids.get(fields.reference("message_id") or ""),
            "conversation_id": conversation_id,
            "prompt": _prompt(fields.text("prompt")),
            "answer": fields.text("answer"),
            "other": fields.text("other", ""),
            "reward": fields.number("reward", None),
            "model": fields.text("model", ""),
            "created_at": fields.moment("created_at"),
            "exact": fields.whole("exact"),
            "other_prompt": _prompt(fields.text("other_prompt", "[]")),
        }
        db.table("feedback").insert(row, ignore=True)


def _prompt(text: str) -> str:
    """Return the turns of a judgement's prompt. Raises ValueError: it is something else."""
    try:
        return _json([PromptTurn.from_json(turn).to_json() for turn in json.loads(text)])
    except (TypeError, RecursionError) as error:
        raise ValueError(f"a prompt is malformed ({error})") from error


def _refuse_loops(messages: list[Fields], place: str) -> None:
    """Refuse messages that answer each other in a circle: nobody could ever read them."""
    parents = {message.identity("id"): message.reference("parent_id") for message in messages}
    safe: set[str | None] = {None}
    for start in parents:
        walked: set[str | None] = set()
        at: str | None = start
        while at in parents and at not in safe:
            if at in walked:
                raise ImportFailed(f"{place}: message {at} answers itself")
            walked.add(at)
            at = parents[at]
        safe |= walked


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
