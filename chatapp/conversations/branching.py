"""Moving in the tree of a conversation: branches, forks, deleting and undoing single messages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chatapp.conversations import rows
from chatapp.conversations.file import StoreFile
from chatapp.conversations.types import Conversation, Message, StorageError

if TYPE_CHECKING:
    from sqlite_utils import Database

# A message with everything below it. The row keys come first: a child is younger than its parent.
_SUBTREE = """
    with recursive down(id) as (
        select :id union all
        select m.id from messages m join down on m.parent_id = down.id
    )
"""
_COPIED = {  # what goes along to a fork, by table; ids and owners are made anew
    "citations": "n, quote, title, uri, document, passage, start, end, score, date",
    "parts": "n, kind, data, text, content_hash",
    "turns": (
        "model, prompt_tokens, completion_tokens, seconds, first_token_seconds, finish_reason, "
        "sampling, created_at, seen"
    ),
    "summaries": "text, model, edited, created_at",
    "fact_uses": "fact_id",
}


class Branching(StoreFile):
    """What a person does with single messages. Every method blocks until it is written."""

    def select(self, message_id: str) -> Conversation:
        """Read the branch through this message from now on, down to its newest leaf. NotFound."""

        def job(db: Database) -> Conversation:
            message = rows.get_live_message(db, message_id)
            _read_through(db, message.conversation_id, message.id)
            return rows.get_conversation(db, message.conversation_id)

        return self.write(job)

    def fork(self, message_id: str) -> Conversation:
        """Copy the branch down to this message into a conversation of its own.

        Parts, citations, turns, tags, settings and which facts were used go along; each copy names
        its `origin`.

        Raises:
            NotFound: there is no such message.
            StorageError: an answer on the way is still being written.
        """

        def job(db: Database) -> Conversation:
            message = rows.get_live_message(db, message_id)
            source = rows.get_conversation(db, message.conversation_id)
            path = rows.get_path(db, message_id)
            _refuse_streaming(path)
            copy_id = self._copy_conversation(db, source, message_id)
            parent: str | None = None
            for original in path:
                parent = self._copy_message(db, original, copy_id, parent)
            db.table("conversations").update(copy_id, {"tip": parent})
            return rows.get_conversation(db, copy_id)

        return self.write(job)

    def delete_message(self, message_id: str) -> Conversation:
        """Hide a message and all that follows it until `restore_message`; siblings stay.

        Raises:
            NotFound: there is no such message.
            StorageError: an answer among them is still being written.
        """

        def job(db: Database) -> Conversation:
            message = rows.get_message(db, message_id)
            if message.deleted_at:  # with all that follows it; what is read now stays
                return rows.get_conversation(db, message.conversation_id)
            live = f"id in ({_SUBTREE} select id from down) and deleted_at is null"
            values = {"id": message_id, "now": self.now()}
            streaming = f"select 1 from messages where status = 'streaming' and {live}"
            if db.execute(streaming, values).fetchone():
                raise _still_written()
            db.execute(
                f"update messages set deleted_at = :now, deleted_with = :id where {live}", values
            )
            _read_through(db, message.conversation_id, message.parent_id)
            return rows.get_conversation(db, message.conversation_id)

        return self.write(job)

    def restore_message(self, message_id: str) -> Conversation:
        """Undo `delete_message`, and read the branch through this message again.

        Raises:
            NotFound: there is no such message.
            StorageError: what it answers is deleted too.
        """

        def job(db: Database) -> Conversation:
            message = rows.get_message(db, message_id)
            if root := message.deleted_with:
                _refuse_deleted(db, rows.get_message(db, root).parent_id)
                db.execute(
                    "update messages set deleted_at = null, deleted_with = null "
                    "where deleted_at is not null and deleted_with = ?",
                    [root],
                )
                _read_through(db, message.conversation_id, message_id)
            return rows.get_conversation(db, message.conversation_id)

        return self.write(job)

    def _copy_conversation(self, db: Database, source: Conversation, message_id: str) -> str:
        copy_id, now = self.unused_id(db), self.now()
        db.execute(
            """
            insert into conversations
                (id, title, created_at, updated_at, private, persona, options, forked_from)
            select ?, title, ?, ?, private, persona, options, ? from conversations where id = ?
            """,
            [copy_id, now, now, message_id, source.id],
        )
        db.execute(
            "insert into tags select ?, name from tags where conversation_id = ?",
            [copy_id, source.id],
        )
        return copy_id

    def _copy_message(
        self, db: Database, message: Message, conversation_id: str, parent_id: str | None
    ) -> str:
        copy: dict[str, Any] = {
            "new": self.unused_id(db), "old": message.id,
            "conversation": conversation_id, "parent": parent_id,
        }  # fmt: skip
        same = "role, text, status, created_at, finish_reason, grounding, model, seconds, usage"
        db.execute(
            f"""
            insert into messages
                (id, conversation_id, parent_id, origin, content_hash, {same})
            select :new, :conversation, :parent, id, content_hash, {same}
            from messages where id = :old
            """,
            copy,
        )
        for table, columns in _COPIED.items():
            db.execute(
                f"insert into {table} (message_id, {columns}) "
                f"select :new, {columns} from {table} where message_id = :old",
                copy,
            )
        return str(copy["new"])


def _read_through(db: Database, conversation_id: str, message_id: str | None) -> None:
    """Make the newest live leaf below a message the tip; below None, of the whole tree."""
    tip = message_id
    newest = """
        select id from messages
        where conversation_id = ? and parent_id is ? and deleted_at is null
        order by key desc limit 1
    """
    while child := db.execute(newest, [conversation_id, tip]).fetchone():
        tip = child[0]
    db.table("conversations").update(conversation_id, {"tip": tip})


def _refuse_streaming(path: list[Message]) -> None:
    if any(message.status == "streaming" for message in path):
        raise _still_written()


def _refuse_deleted(db: Database, parent_id: str | None) -> None:
    if parent_id is not None and rows.get_message(db, parent_id).deleted_at:
        raise StorageError(
            "What this message answers is deleted too.", f"Restore {parent_id} first."
        )


def _still_written() -> StorageError:
    return StorageError(
        "An answer there is still being written.", "Stop it, or wait until it has ended."
    )
