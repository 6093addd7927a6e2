"""Writing a question and its answer.

The methods return futures: once called, the write happens even if the caller is cancelled.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import asdict
from typing import TYPE_CHECKING

from chatapp.conversations import inserting, lease, rows
from chatapp.conversations.file import StoreFile
from chatapp.conversations.hashing import content_hash
from chatapp.conversations.types import (
    Message,
    NotFound,
    Outcome,
    Part,
    StartedTurn,
    StorageError,
    Turn,
)

if TYPE_CHECKING:
    from sqlite_utils import Database

NEW_ROOT = ""  # as `parent_id`: start a new branch at the root


class Answering(StoreFile):
    """What an assistant writes. One window at a time may write in a conversation."""

    def begin_turn(
        self,
        conversation_id: str | None,
        text: str,
        parent_id: str | None = None,
        *,
        attachments: Sequence[Part] = (),
    ) -> Future[StartedTurn]:
        """Write the question and an empty streaming answer in one durable transaction.

        `conversation_id` None makes a conversation titled after the question. `parent_id` None
        continues at the tip, NEW_ROOT starts a new branch at the root. `attachments` become parts
        of the question. A draft of this very text is done with.

        The future raises NotFound, or StorageError while another window writes there.
        """

        def job(db: Database) -> StartedTurn:
            if conversation_id is None:
                conversation = inserting.add_conversation(self, db, inserting.title_from(text))
            else:
                conversation = rows.get_conversation(db, conversation_id)
                if conversation.deleted_at:
                    raise NotFound(f"Conversation {conversation_id} is deleted: restore it first.")
                lease.take(db, conversation.id, self.mark)
            parent = _parent(db, conversation.id, conversation.tip, parent_id)
            user = inserting.add_message(self, db, conversation.id, parent, "user", text)
            inserting.add_parts(db, user.id, attachments)
            answer = inserting.add_message(self, db, conversation.id, user.id, "assistant")
            if not conversation.title:
                title = {"title": inserting.title_from(text)}
                db.table("conversations").update(conversation.id, title)
            db.execute(
                "delete from drafts where conversation_id = ? and trim(text) = trim(?)",
                [conversation_id or "", text],
            )
            return StartedTurn(rows.get_conversation(db, conversation.id), user, answer)

        return self.submit(job, durable=True)

    def begin_answer(self, user_message_id: str) -> Future[Message]:
        """Write an empty streaming answer beside those the question already has.

        The future raises NotFound, or StorageError while another window writes there.
        """

        def job(db: Database) -> Message:
            user = rows.get_live_message(db, user_message_id)
            lease.take(db, user.conversation_id, self.mark)
            return inserting.add_message(self, db, user.conversation_id, user.id, "assistant")

        return self.submit(job, durable=True)

    def reopen_answer(self, message_id: str) -> Future[Message]:
        """Mark a finished or cut-off answer as streaming again, keeping its text.

        The future raises NotFound, or StorageError while a process, this one or another, is
        writing it.
        """

        def job(db: Database) -> Message:
            message = rows.get_live_message(db, message_id)
            lease.take(db, message.conversation_id, self.mark)
            if rows.get_message(db, message_id).status == "streaming":
                raise StorageError("This answer is still being written.", "Wait for its end.")
            values = {"status": "streaming", "owner": self.mark, "content_hash": ""}
            db.table("messages").update(rows.get_key(db, message_id), values)
            return rows.get_message(db, message_id)

        return self.submit(job)

    def save_text(self, message_id: str, text: str) -> Future[None]:
        """Replace the text of a streaming answer (the whole text, so a failed write heals)."""

        def job(db: Database) -> None:
            db.table("messages").update(rows.get_key(db, message_id), {"text": text})

        return self.submit(job)

    def add_parts(self, message_id: str, parts: Sequence[Part]) -> Future[list[Part]]:
        """Write typed parts of a message, after those it has. The future raises NotFound."""

        def job(db: Database) -> list[Part]:
            rows.get_key(db, message_id)
            inserting.add_parts(db, message_id, parts)
            return rows.get_parts(db, message_id)

        return self.submit(job)

    def finish(self, message_id: str, outcome: Outcome) -> Future[Message]:
        """Write how an answer ended, with its text, citations and turns, in one transaction."""

        def job(db: Database) -> Message:
            before = rows.get_message(db, message_id)
            values = {
                **asdict(outcome),
                "usage": json.dumps(dict(outcome.usage)),
                "owner": None,
                "content_hash": content_hash(before.role, outcome.text),
            }
            del values["citations"], values["turns"]
            db.table("messages").update(rows.get_key(db, message_id), values)
            db.table("citations").delete_where("message_id = ?", [message_id])
            inserting.add_citations(db, message_id, outcome.citations)
            if before.status == "streaming":  # written again, it is still the same call
                inserting.add_turns(db, message_id, _turns(outcome), self.now())
            conversation = {"updated_at": self.now()}
            db.table("conversations").update(before.conversation_id, conversation)
            return rows.get_message(db, message_id)

        return self.submit(job)


def _parent(
    db: Database, conversation_id: str, tip: str | None, parent_id: str | None
) -> str | None:
    """Return what a new question answers; NotFound when that is deleted or stands elsewhere."""
    if parent_id is None:
        return tip
    if parent_id == NEW_ROOT:
        return None
    parent = rows.get_message(db, parent_id)
    if parent.deleted_at or parent.conversation_id != conversation_id:
        raise NotFound(f"There is no message {parent_id} in conversation {conversation_id}.")
    return parent_id


def _turns(outcome: Outcome) -> tuple[Turn, ...]:
    if outcome.turns or not outcome.model:
        return outcome.turns
    usage = outcome.usage
    return (
        Turn(
            outcome.model,
            usage.get("prompt_tokens", 0),
            usage.get("completion_tokens", 0),
            outcome.seconds,
            finish_reason=outcome.finish_reason,
        ),
    )
