"""A conversation as JSON that loses nothing: every branch, part, citation, turn and judgement."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from chatapp.conversations import rows
from chatapp.conversations.store import ConversationStore
from chatapp.conversations.types import Message, Turn

if TYPE_CHECKING:
    from sqlite_utils import Database

FORMAT = "chatapp-conversation"
FORMAT_VERSION = 2
_JUDGEMENT = (
    "id, kind, message_id, prompt, answer, other, reward, model, created_at, exact, other_prompt"
)


def to_json(store: ConversationStore, conversation_id: str) -> dict[str, Any]:
    """Return the whole tree, deleted messages too; `import_conversations` reads it. NotFound."""

    def job(db: Database) -> dict[str, Any]:
        conversation = rows.get_conversation(db, conversation_id)
        query = f"select {rows.MESSAGE_COLUMNS} from messages m where conversation_id = ?"
        messages = db.query(f"{query} order by key", [conversation_id])
        query = f"select {_JUDGEMENT} from feedback where conversation_id = ? order by key"
        return {
            "format": FORMAT,
            "v": FORMAT_VERSION,
            "conversation": asdict(conversation),
            "messages": [_message(db, rows.to_message(row)) for row in messages],
            "feedback": list(db.query(query, [conversation_id])),
        }

    return store.read(job)


def _message(db: Database, message: Message) -> dict[str, Any]:
    return {
        **asdict(message),
        "parts": [asdict(part) for part in rows.get_parts(db, message.id)],
        "citations": [asdict(citation) for citation in rows.get_citations(db, message.id)],
        "turns": [_turn(turn) for turn in rows.get_turns(db, message.id)],
        "summary": _summary(db, message.id),
    }


def _summary(db: Database, message_id: str) -> dict[str, Any]:
    summary = rows.get_summary(db, message_id, limit=1)
    if summary is None:
        return {}
    fields = asdict(summary)
    del fields["message_id"]
    return fields


def _turn(turn: Turn) -> dict[str, Any]:
    fields = asdict(turn)
    del fields["message_id"]  # it stands in its message
    return {**fields, "seen": turn.seen.to_json() if turn.seen else {}}
