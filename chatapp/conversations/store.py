"""ConversationStore: every conversation in one SQLite file, safe to kill at any moment.

Methods a person waits for (`rename`, `messages`, …) block. The three an answer is written with
(`begin_turn`, `save_text`, `finish`) return futures: once called, the write happens even if the
caller is cancelled.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from chatapp.conversations import rows
from chatapp.conversations.ids import Clock, UlidFactory, timestamp, utc_now
from chatapp.conversations.opening import BUSY_SECONDS, Opened, open_database
from chatapp.conversations.owner import is_alive, this_process
from chatapp.conversations.types import (
    Conversation,
    Message,
    MessageHit,
    NotFound,
    Outcome,
    StartedTurn,
    StorageError,
    StoredCitation,
)
from chatapp.conversations.writer import Writer, explain

if TYPE_CHECKING:
    from sqlite_utils import Database

T = TypeVar("T")

TITLE_CHARACTERS = 60
NEW_ROOT = ""  # as `parent_id`: start a new branch at the root


class ConversationStore:
    """The conversations of one person. Use `open`; several processes may share a file."""

    def __init__(
        self, opened: Opened, path: Path | None, clock: Clock, ids: Callable[[], str]
    ) -> None:
        self.path = path
        self.read_only = opened.read_only
        self.notices = tuple(opened.notices)
        self._opened = opened
        self._clock = clock
        self._new_id = ids
        self._name = str(path) if path else "in memory"
        self._writer = Writer(opened.db, self._name)
        self._reading = threading.Lock()

    @classmethod
    def open(
        cls,
        path: Path | None,
        *,
        clock: Clock = utc_now,
        ids: Callable[[], str] | None = None,
        busy_seconds: float = BUSY_SECONDS,
    ) -> ConversationStore:
        """Open the file at `path`, creating it when missing; None keeps everything in memory.

        Answers that a dead process left streaming become `interrupted`. What a person should be
        told (a damaged file was set aside, a newer one is read-only) stands in `notices`.

        Raises:
            StorageError: the place cannot be written or the file is locked.
        """
        store = cls(open_database(path, busy_seconds), path, clock, ids or UlidFactory(clock))
        if not store.read_only:
            store.write(_interrupt_orphans)
        return store

    def close(self) -> None:
        """Finish queued writes and close the file."""
        self._writer.close()
        if self._opened.reader is not None:
            self._opened.reader.close()
        self._opened.db.close()

    # Conversations

    def create(self, title: str = "", *, private: bool = False) -> Conversation:
        """Make an empty conversation; memory neither reads nor writes a private one."""
        return self.write(lambda db: self._insert_conversation(db, title, private=private))

    def conversations(
        self, limit: int = 100, before: str | None = None, *, deleted: bool = False
    ) -> list[Conversation]:
        """Return conversations, last used first; `before` is the id of the last one seen."""
        query = f"""
            select {rows.CONVERSATION_COLUMNS} from conversations c
            where (c.deleted_at is not null) = :deleted and (
                :before is null or (c.updated_at, c.id) <
                (select updated_at, id from conversations where id = :before)
            )
            order by c.updated_at desc, c.id desc limit :limit
        """
        values = {"deleted": deleted, "before": before, "limit": limit}
        return self.read(lambda db: [rows.to_conversation(row) for row in db.query(query, values)])

    def conversation(self, conversation_id: str) -> Conversation:
        """Return one conversation, also a deleted one. Raises NotFound."""
        return self.read(lambda db: rows.get_conversation(db, conversation_id))

    def latest(self) -> Conversation | None:
        """Return the conversation used last, or None."""
        return next(iter(self.conversations(limit=1)), None)

    def rename(self, conversation_id: str, title: str) -> Conversation:
        """Give a conversation a new title. Raises NotFound."""
        return self._change(conversation_id, {"title": title})

    def delete(self, conversation_id: str) -> Conversation:
        """Hide a conversation from lists and search until `restore`. Raises NotFound."""
        return self._change(conversation_id, {"deleted_at": self.now()})

    def restore(self, conversation_id: str) -> Conversation:
        """Bring a deleted conversation back. Raises NotFound."""
        return self._change(conversation_id, {"deleted_at": None})

    # Messages

    def message(self, message_id: str) -> Message:
        """Return one message. Raises NotFound."""
        return self.read(lambda db: rows.get_message(db, message_id))

    def messages(self, conversation_id: str) -> list[Message]:
        """Return the branch being read, root first. Raises NotFound."""

        def job(db: Database) -> list[Message]:
            return rows.get_path(db, rows.get_conversation(db, conversation_id).tip)

        return self.read(job)

    def tree(self, conversation_id: str) -> list[Message]:
        """Return the messages of all branches, oldest first. Raises NotFound."""
        query = (
            f"select {rows.MESSAGE_COLUMNS} from messages m where conversation_id = ? order by key"
        )

        def job(db: Database) -> list[Message]:
            rows.get_conversation(db, conversation_id)
            return [rows.to_message(row) for row in db.query(query, [conversation_id])]

        return self.read(job)

    def path_to(self, message_id: str) -> list[Message]:
        """Return the messages from the root down to this one. Raises NotFound."""

        def job(db: Database) -> list[Message]:
            rows.get_message(db, message_id)
            return rows.get_path(db, message_id)

        return self.read(job)

    def siblings(self, message_id: str) -> list[Message]:
        """Return all alternatives at this place, itself included, oldest first."""
        query = f"""
            select {rows.MESSAGE_COLUMNS} from messages m join messages self on self.id = ?
            where m.conversation_id = self.conversation_id and m.parent_id is self.parent_id
            order by m.key
        """
        found = self.read(lambda db: [rows.to_message(r) for r in db.query(query, [message_id])])
        if not found:
            raise NotFound(f"There is no message {message_id}.")
        return found

    def select(self, message_id: str) -> Conversation:
        """Read the branch through this message from now on, down to its newest leaf."""

        def job(db: Database) -> Conversation:
            tip = rows.get_message(db, message_id)
            newest = "select id from messages where parent_id = ? order by key desc limit 1"
            while child := next(iter(db.query(newest, [tip.id])), None):
                tip = rows.get_message(db, child["id"])
            db.table("conversations").update(tip.conversation_id, {"tip": tip.id})
            return rows.get_conversation(db, tip.conversation_id)

        return self.write(job)

    def citations(self, message_id: str) -> list[StoredCitation]:
        """Return the citations of an answer by number; empty when it has none."""
        return self.read(lambda db: rows.get_citations(db, message_id))

    def search(self, text: str, limit: int = 20) -> list[MessageHit]:
        """Return finished messages with all words of `text`, best first, deleted ones left out."""
        return self.read(lambda db: rows.search_messages(db, text, limit))

    def interrupted(self, conversation_id: str | None = None) -> list[Message]:
        """Return cut-off answers that end their conversation, newest first: continue or redo."""
        query = f"""
            select {rows.MESSAGE_COLUMNS} from messages m
            join conversations c on c.tip = m.id and c.deleted_at is null
            where m.status = 'interrupted' and (:id is null or c.id = :id) order by m.key desc
        """
        values = {"id": conversation_id}
        return self.read(lambda db: [rows.to_message(row) for row in db.query(query, values)])

    # Writing an answer

    def begin_turn(
        self, conversation_id: str | None, text: str, parent_id: str | None = None
    ) -> Future[StartedTurn]:
        """Write the question and an empty streaming answer in one durable transaction.

        `conversation_id` None makes a conversation titled after the question. `parent_id` None
        continues at the tip, NEW_ROOT starts a new branch at the root. The future raises NotFound.
        """

        def job(db: Database) -> StartedTurn:
            if conversation_id is None:
                conversation = self._insert_conversation(db, title_from(text))
            else:
                conversation = rows.get_conversation(db, conversation_id)
                if conversation.deleted_at:
                    raise NotFound(f"Conversation {conversation_id} is deleted: restore it first.")
            parent = conversation.tip if parent_id is None else parent_id or None
            user = self._insert_message(db, conversation.id, parent, "user", text)
            answer = self._insert_message(db, conversation.id, user.id, "assistant", "")
            if not conversation.title:
                db.table("conversations").update(conversation.id, {"title": title_from(text)})
            return StartedTurn(rows.get_conversation(db, conversation.id), user, answer)

        return self.submit(job, durable=True)

    def begin_answer(self, user_message_id: str) -> Future[Message]:
        """Write an empty streaming answer beside those the question already has."""

        def job(db: Database) -> Message:
            user = rows.get_message(db, user_message_id)
            return self._insert_message(db, user.conversation_id, user.id, "assistant", "")

        return self.submit(job, durable=True)

    def reopen_answer(self, message_id: str) -> Future[Message]:
        """Mark a finished or cut-off answer as streaming again, keeping its text.

        The future raises StorageError while a process, this one or another, is writing it.
        """

        def job(db: Database) -> Message:
            key = _key(db, message_id)
            row = db.table("messages").get(key)
            if row["status"] == "streaming" and is_alive(row["owner"]):
                raise StorageError(
                    "This answer is still being written in another window.", "Wait for its end."
                )
            db.table("messages").update(key, {"status": "streaming", "owner": this_process()})
            return rows.get_message(db, message_id)

        return self.submit(job)

    def save_text(self, message_id: str, text: str) -> Future[None]:
        """Replace the text of a streaming answer (the whole text, so a failed write heals)."""

        def job(db: Database) -> None:
            db.table("messages").update(_key(db, message_id), {"text": text})

        return self.submit(job)

    def finish(self, message_id: str, outcome: Outcome) -> Future[Message]:
        """Write how an answer ended, with its text and citations, in one transaction."""

        def job(db: Database) -> Message:
            values = {**asdict(outcome), "usage": json.dumps(dict(outcome.usage)), "owner": None}
            del values["citations"]
            db.table("messages").update(_key(db, message_id), values)
            db.table("citations").delete_where("message_id = ?", [message_id])
            db.table("citations").insert_all(
                {"message_id": message_id, **asdict(citation)} for citation in outcome.citations
            )
            message = rows.get_message(db, message_id)
            db.table("conversations").update(message.conversation_id, {"updated_at": self.now()})
            return message

        return self.submit(job)

    # For the rooms that keep their tables in the same file

    def submit(self, job: Callable[[Database], T], *, durable: bool = False) -> Future[T]:
        """Queue `job` as one write transaction; `durable` waits until it is on the disk.

        Raises:
            StorageError: the store is closed or was opened for reading only.
        """
        if self.read_only:
            raise StorageError(self.notices[0], "Update chatapp.")
        return self._writer.submit(job, durable=durable)

    def write(self, job: Callable[[Database], T], *, durable: bool = False) -> T:
        """Carry out `job` as one write transaction and return what it returns."""
        return self.submit(job, durable=durable).result()

    def read(self, job: Callable[[Database], T]) -> T:
        """Return what `job` reads; it must not write."""
        import sqlite3

        reader = self._opened.reader
        if reader is None:
            return self._writer.submit(job).result()
        with self._reading:
            try:
                return job(reader)
            except sqlite3.Error as error:
                raise explain(error, self._name) from error

    def empty_log(self) -> None:
        """Move everything into the database file and empty its write-ahead log.

        Other windows may hold the log open for reading; it is then emptied as far as they allow.
        """
        if self.path is not None:
            self._writer.submit_bare(
                lambda db: db.conn.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            ).result()

    def now(self) -> str:
        """Return the time of the store's clock as it is written into rows."""
        return timestamp(self._clock())

    def unused_id(self, db: Database) -> str:
        """Return a new id. A fixed clock makes the ids of an earlier session again: skip those."""
        taken = """
            select 1 from messages where id = :id union all
            select 1 from conversations where id = :id union all
            select 1 from facts where id = :id union all
            select 1 from feedback where id = :id
        """
        while any(db.query(taken, {"id": (new_id := self._new_id())})):
            pass
        return new_id

    # Plumbing

    def purge(self, conversation_id: str) -> Conversation:
        """Delete a conversation for good, with its messages and their search entries.

        Facts that were learnt from it stay, without their message: see `chatapp.memory`.
        Raises NotFound.
        """

        def job(db: Database) -> Conversation:
            conversation = rows.get_conversation(db, conversation_id)
            # children before parents: a message must not outlive the one it answers
            db.execute(
                "update messages set parent_id = null where conversation_id = ?", [conversation_id]
            )
            db.execute("delete from messages where conversation_id = ?", [conversation_id])
            db.execute("delete from conversations where id = ?", [conversation_id])
            for table in ("messages_fts", "messages_trigram"):
                db.execute(f"insert into {table}({table}) values ('optimize')")
            return conversation

        purged = self.write(job, durable=True)
        self.empty_log()
        return purged

    def _change(self, conversation_id: str, values: dict[str, str | None]) -> Conversation:
        def job(db: Database) -> Conversation:
            rows.get_conversation(db, conversation_id)
            db.table("conversations").update(conversation_id, values)
            return rows.get_conversation(db, conversation_id)

        return self.write(job)

    def _insert_conversation(
        self, db: Database, title: str, *, private: bool = False
    ) -> Conversation:
        now = self.now()
        row = {"id": self.unused_id(db), "title": title, "created_at": now, "updated_at": now}
        db.table("conversations").insert({**row, "private": int(private)})
        return Conversation(**row, message_count=0, private=private)

    def _insert_message(
        self, db: Database, conversation_id: str, parent_id: str | None, role: str, text: str
    ) -> Message:
        now, message_id, writing = self.now(), self.unused_id(db), role == "assistant"
        db.table("messages").insert(
            {
                "id": message_id,
                "conversation_id": conversation_id,
                "parent_id": parent_id,
                "role": role,
                "text": text,
                "status": "streaming" if writing else "complete",
                "created_at": now,
                "owner": this_process() if writing else None,
            }
        )
        db.table("conversations").update(conversation_id, {"tip": message_id, "updated_at": now})
        return rows.get_message(db, message_id)


def title_from(text: str) -> str:
    """Return the first words of a question as a title of at most TITLE_CHARACTERS."""
    line = " ".join(text[: TITLE_CHARACTERS * 4].split())
    if len(line) <= TITLE_CHARACTERS:
        return line
    return line[: TITLE_CHARACTERS - 1].rsplit(" ", 1)[0] + "…"


def _key(db: Database, message_id: str) -> int:
    for row in db.query("select key from messages where id = ?", [message_id]):
        return int(row["key"])
    raise NotFound(f"There is no message {message_id}.")


def _interrupt_orphans(db: Database) -> None:
    for row in list(db.query("select key, owner from messages where status = 'streaming'")):
        if not is_alive(row["owner"]):
            db.table("messages").update(
                row["key"],
                {"status": "interrupted", "finish_reason": "interrupted", "owner": None},
            )
