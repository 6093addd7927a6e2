"""Keeping conversations in order: titles, settings, pins, tags, drafts, the bin."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from chatapp.conversations import inserting, rows
from chatapp.conversations.file import StoreFile
from chatapp.conversations.types import Conversation, StorageError

if TYPE_CHECKING:
    from sqlite_utils import Database


class Organising(StoreFile):
    """What a person does with whole conversations. Every method blocks until it is written."""

    def create(self, title: str = "", *, private: bool = False) -> Conversation:
        """Make an empty conversation; memory neither reads nor writes a private one."""
        return self.write(lambda db: inserting.add_conversation(self, db, title, private=private))

    def rename(self, conversation_id: str, title: str) -> Conversation:
        """Give a conversation a new title. Raises NotFound."""
        return self._update(conversation_id, {"title": title})

    def configure(
        self,
        conversation_id: str,
        *,
        persona: str | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> Conversation:
        """Set the persona, or all options at once; None leaves one as it is. Raises NotFound."""
        values: dict[str, Any] = {}
        if persona is not None:
            values["persona"] = persona
        if options is not None:
            values["options"] = json.dumps(dict(options), ensure_ascii=False)
        return self._update(conversation_id, values)

    def organise(
        self, conversation_id: str, *, pinned: bool | None = None, archived: bool | None = None
    ) -> Conversation:
        """Pin or archive a conversation, or undo that; None leaves it. Raises NotFound."""
        wanted = {"pinned": pinned, "archived": archived}
        values = {name: int(value) for name, value in wanted.items() if value is not None}
        return self._update(conversation_id, values)

    def tag(self, conversation_id: str, name: str) -> Conversation:
        """Put a tag on a conversation; one it has already stays. Raises NotFound.

        Tags are kept in small letters, without a hash. Raises StorageError for an empty one.
        """

        def put(db: Database) -> None:
            db.execute(
                "insert or ignore into tags (conversation_id, name) values (?, ?)",
                [conversation_id, _tag_name(name)],
            )

        return self._change(conversation_id, put)

    def untag(self, conversation_id: str, name: str) -> Conversation:
        """Take a tag off a conversation. Raises NotFound."""

        def take_off(db: Database) -> None:
            db.execute(
                "delete from tags where conversation_id = ? and name = ?",
                [conversation_id, _tag_name(name)],
            )

        return self._change(conversation_id, take_off)

    def delete(self, conversation_id: str) -> Conversation:
        """Hide a conversation from lists and search until `restore`. Raises NotFound."""
        return self._update(conversation_id, {"deleted_at": self.now()})

    def restore(self, conversation_id: str) -> Conversation:
        """Bring a deleted conversation back. Raises NotFound."""
        return self._update(conversation_id, {"deleted_at": None})

    def save_draft(self, conversation_id: str | None, text: str) -> None:
        """Keep what was typed and not sent there (None: in a new conversation); "" drops it."""

        def job(db: Database) -> None:
            row = {"conversation_id": conversation_id or "", "text": text, "updated_at": self.now()}
            if text:
                db.table("drafts").insert(row, replace=True)
            else:
                db.execute("delete from drafts where conversation_id = :conversation_id", row)

        self.write(job)

    def _update(self, conversation_id: str, values: Mapping[str, Any]) -> Conversation:
        return self._change(
            conversation_id,
            lambda db: db.table("conversations").update(conversation_id, dict(values)),
        )

    def _change(self, conversation_id: str, change: Callable[[Database], object]) -> Conversation:
        def job(db: Database) -> Conversation:
            rows.get_conversation(db, conversation_id)
            change(db)
            return rows.get_conversation(db, conversation_id)

        return self.write(job)


def _tag_name(name: str) -> str:
    """Return a tag as it is stored: one word or several, without the hash a person may type."""
    plain = " ".join(name.split()).removeprefix("#").casefold()
    if not plain:
        raise StorageError("A tag has at least one letter.", "Write one.")
    return plain
