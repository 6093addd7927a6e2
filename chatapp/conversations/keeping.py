"""Keeping the file whole: verify, back up, recover, and removing conversations for good."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from chatapp.conversations import lease, rows
from chatapp.conversations.backups import back_up, rolling_backups_of, scrub
from chatapp.conversations.connecting import connect_read_only
from chatapp.conversations.erasing import purge_conversation, purge_message
from chatapp.conversations.file import StoreFile
from chatapp.conversations.recovering import attached, merge, readable_copy
from chatapp.conversations.salvage import Found
from chatapp.conversations.types import Conversation, Message, NotFound, Problem, StorageError
from chatapp.conversations.verifying import problems
from chatapp.conversations.writer import immediate

if TYPE_CHECKING:
    from sqlite_utils import Database


class Keeping(StoreFile):
    """What is done with the file as a whole. These take as long as the file is big."""

    def verify(self) -> list[Problem]:
        """Read everything and derive every content hash again; return what is wrong."""
        if self.path is None:
            return self.read(lambda db: list(problems(db)))
        db = connect_read_only(self.path)  # a connection of its own: windows go on reading
        with contextlib.closing(db):
            return list(problems(db))

    def back_up(self) -> Path:
        """Make a backup now, whenever the last one was made. Raises StorageError."""
        if self.path is None:
            raise StorageError("A store in memory has no file to back up.")
        self._stop_upkeep()
        made = back_up(self.path, every_hours=0)
        assert made is not None, "zero hours are always over"
        return made

    def recover(
        self,
        copy: Path | None = None,
        *,
        then: Callable[[Database, Found], object] = lambda db, found: None,
    ) -> Found:
        """Add what `copy`, or the newest backup, has and this file has not; count that.

        `then` is done in the same transaction. What was purged stays away. For what was forgotten
        see `chatapp.memory.forgetting.recover`.

        Raises:
            NotFound: there is no such file, or no backup.
            StorageError: it cannot be read.
        """
        if copy is None:
            if self.path is None or not (backups := rolling_backups_of(self.path)):
                raise NotFound("There is no backup yet.")
            copy = backups[-1]
        if not copy.is_file():
            raise NotFound(f"There is no file {copy}.")
        purged = self.read(lambda db: [row["id"] for row in db.query("select id from purged")])
        with readable_copy(copy, purged) as (readable, damaged):

            def job(db: Database) -> Found:
                with attached(db, readable), immediate(db):
                    found = merge(db, facts=not damaged)
                    then(db, found)
                    return found

            return self.submit_bare(job).result()

    def purge(self, conversation_id: str) -> Conversation:
        """Delete a conversation for good: here, in its search entries and in every backup.

        Facts that were learnt from it stay, without their message: see `chatapp.memory`.

        Raises:
            NotFound: there is no such conversation.
            StorageError: a file cannot be written, or another window is writing there.
        """
        conversation = self.read(lambda db: rows.get_conversation(db, conversation_id))
        self.write(lambda db: lease.take(db, conversation_id, self.mark))
        self._remove(purge_conversation, conversation_id)
        return conversation

    def purge_message(self, message_id: str) -> Message:
        """Delete a message and what follows it for good: here and in every backup.

        Raises: as `purge`.
        """
        message = self.read(lambda db: rows.get_message(db, message_id))
        self.write(lambda db: lease.take(db, message.conversation_id, self.mark))
        self._remove(purge_message, message_id)
        return message

    def _remove(self, remove: Callable[[Database, str], None], row_id: str) -> None:
        with self.held_backups() as copies:
            # The copies first: what is cut off half-way is still listed and can be purged again.
            for copy in copies:
                scrub(copy, lambda db: remove(db, row_id))
            self.write(lambda db: remove(db, row_id), durable=True)
        self.rewrite_search()
        self.empty_log()
