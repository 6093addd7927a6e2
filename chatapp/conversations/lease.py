"""Who may write in a conversation: one living window at a time.

The lease is the streaming row itself: its owner's mark says which window writes there. A crash
leaves no lease behind, because a dead owner's row becomes `interrupted` as soon as anyone looks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chatapp.conversations.hashing import content_hash
from chatapp.conversations.owner import is_alive
from chatapp.conversations.types import StorageError

if TYPE_CHECKING:
    from sqlite_utils import Database


def take(db: Database, conversation_id: str, mark: str) -> None:
    """Refuse to write in a conversation where another living window writes an answer.

    Raises:
        StorageError: one does.
    """
    # The plus keeps SQLite from the other index: few rows stream, many belong to a conversation.
    query = """
        select key, owner from messages
        where status = 'streaming' and +conversation_id = ? and owner is not ?
    """
    for row in list(db.query(query, [conversation_id, mark])):
        if is_alive(row["owner"]):
            raise StorageError(
                "This conversation is being written in another window.",
                "Wait until the answer there has ended, or stop it there.",
            )
        _interrupt(db, row["key"])


def end_all(db: Database, mark: str) -> None:
    """Call cut off what dead windows left streaming, and what this one still writes."""
    for row in list(db.query("select key, owner from messages where status = 'streaming'")):
        if row["owner"] == mark or not is_alive(row["owner"]):
            _interrupt(db, row["key"])


def _interrupt(db: Database, key: int) -> None:
    role, text = db.execute("select role, text from messages where key = ?", [key]).fetchone()
    db.table("messages").update(
        key,
        {
            "status": "interrupted",
            "finish_reason": "interrupted",
            "owner": None,
            "content_hash": content_hash(role, text),
        },
    )
