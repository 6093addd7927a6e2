"""Reading conversations: lists, branches page by page, parts, turns, search."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from chatapp.conversations import rows, searching
from chatapp.conversations.file import StoreFile
from chatapp.conversations.types import (
    Conversation,
    Message,
    MessageHit,
    NotFound,
    Part,
    SearchFilters,
    StoredCitation,
    Turn,
)

if TYPE_CHECKING:
    from sqlite_utils import Database

_EVERYTHING = SearchFilters()


class Reading(StoreFile):
    """What can be asked of the file. Nothing here writes."""

    def conversations(
        self,
        limit: int = 100,
        before: str | None = None,
        *,
        deleted: bool = False,
        archived: bool = False,
        tag: str | None = None,
    ) -> list[Conversation]:
        """Return conversations, pinned ones first, then last used first.

        `before` is the id of the last one seen. With `deleted` or `archived`, only those.
        """
        place = "(c.pinned, c.updated_at, c.id)"
        query = f"""
            select {rows.CONVERSATION_COLUMNS} from conversations c
            where {_kind(deleted, archived)}
                and (:tag is null or c.id in (select conversation_id from tags where name = :tag))
                and (:before is null or {place} <
                    (select pinned, updated_at, id from conversations where id = :before))
            order by c.pinned desc, c.updated_at desc, c.id desc limit :limit
        """
        values = {"before": before, "limit": limit, "tag": tag}
        return self.read(lambda db: [rows.to_conversation(row) for row in db.query(query, values)])

    def conversation(self, conversation_id: str) -> Conversation:
        """Return one conversation, also a deleted one. Raises NotFound."""
        return self.read(lambda db: rows.get_conversation(db, conversation_id))

    def latest(self) -> Conversation | None:
        """Return the conversation used last, or None."""
        query = f"""
            select {rows.CONVERSATION_COLUMNS} from conversations c where c.deleted_at is null
            order by c.updated_at desc, c.id desc limit 1
        """
        found = self.read(lambda db: list(db.query(query)))
        return rows.to_conversation(found[0]) if found else None

    def tags(self) -> dict[str, int]:
        """Return every tag with the number of conversations that bear it, by name."""
        query = "select name, count(*) as n from tags group by name order by name"
        return self.read(lambda db: {row["name"]: row["n"] for row in db.query(query)})

    def message(self, message_id: str) -> Message:
        """Return one message, also a deleted one. Raises NotFound."""
        return self.read(lambda db: rows.get_message(db, message_id))

    def messages(self, conversation_id: str) -> list[Message]:
        """Return the branch being read, root first. Raises NotFound."""
        return self.page(conversation_id, limit=-1)

    def page(
        self,
        conversation_id: str,
        before: str | None = None,
        *,
        after: str | None = None,
        limit: int = 50,
    ) -> list[Message]:
        """Return a part of the branch being read, oldest first; its cost is that of `limit` rows.

        Args:
            conversation_id: which conversation.
            before: the messages that lead to this one, itself left out; None ends at the tip.
            after: instead, the messages that follow this one; it must be on the branch.
            limit: how many messages at most.

        Raises:
            NotFound: there is no such conversation or message.
        """

        def job(db: Database) -> list[Message]:
            tip = rows.get_conversation(db, conversation_id).tip
            if after is not None:
                return rows.get_path_after(db, tip, after, limit)
            if before is not None:
                tip = rows.get_message(db, before).parent_id
            return rows.get_path(db, tip, limit)

        return self.read(job)

    def tree(self, conversation_id: str, *, deleted: bool = False) -> list[Message]:
        """Return the messages of all branches, oldest first; also `deleted` ones. NotFound."""
        query = f"""
            select {rows.MESSAGE_COLUMNS} from messages m where conversation_id = :id
                and (:deleted or deleted_at is null) order by key
        """

        def job(db: Database) -> list[Message]:
            rows.get_conversation(db, conversation_id)
            values = {"id": conversation_id, "deleted": deleted}
            return [rows.to_message(row) for row in db.query(query, values)]

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
                and (m.deleted_at is null or m.id = self.id)
            order by m.key
        """
        found = self.read(lambda db: [rows.to_message(r) for r in db.query(query, [message_id])])
        if not found:
            raise NotFound(f"There is no message {message_id}.")
        return found

    def citations(self, message_id: str) -> list[StoredCitation]:
        """Return the citations of an answer by number; empty when it has none."""
        return self.read(lambda db: rows.get_citations(db, message_id))

    def quoted_page(self, document: str) -> Part:
        """Return the page that citations call `document`, as it was when it was quoted. NotFound.

        Several answers may quote it; then any of their copies, which are the same.
        """

        def job(db: Database) -> Part:
            query = """
                select message_id, n from parts
                where kind = 'page' and json_extract(data, '$.document') = ? limit 1
            """
            for message_id, n in db.execute(query, [document]):
                return next(part for part in rows.get_parts(db, message_id) if part.n == n)
            raise NotFound(f"The page {document} is not kept any more.")

        return self.read(job)

    def parts(self, message_id: str) -> list[Part]:
        """Return the typed parts of a message in order, its citations last; perhaps none."""

        def job(db: Database) -> list[Part]:
            cited = rows.get_citations(db, message_id)
            citations = [Part("citation", asdict(citation), citation.n) for citation in cited]
            return [*rows.get_parts(db, message_id), *citations]

        return self.read(job)

    def turns(
        self, *, message_id: str | None = None, conversation_id: str | None = None
    ) -> list[Turn]:
        """Return the model calls of one answer, or of a whole conversation, oldest first."""
        if message_id is not None:
            return self.read(lambda db: rows.get_turns(db, message_id))
        query = "select id from messages where conversation_id = ? order by key"

        def job(db: Database) -> list[Turn]:
            answers = [row["id"] for row in db.query(query, [conversation_id])]
            return [turn for answer in answers for turn in rows.get_turns(db, answer)]

        return self.read(job)

    def draft(self, conversation_id: str | None) -> str:
        """Return what was typed and not sent there (None: in a new conversation), or ""."""
        query = "select text from drafts where conversation_id = ?"
        found = self.read(lambda db: list(db.query(query, [conversation_id or ""])))
        return str(found[0]["text"]) if found else ""

    def search(
        self, text: str, limit: int = 20, *, filters: SearchFilters = _EVERYTHING
    ) -> list[MessageHit]:
        """Return finished messages with all words of `text`, best first, deleted ones left out."""
        return self.read(lambda db: searching.search(db, text, limit, filters))

    def interrupted(self, conversation_id: str | None = None) -> list[Message]:
        """Return cut-off answers that end their conversation, newest first: continue or redo."""
        # Named, because SQLite would rather go through all messages than sort these few.
        query = f"""
            select {rows.MESSAGE_COLUMNS} from messages m indexed by messages_interrupted
            cross join conversations c on c.id = m.conversation_id and c.tip = m.id
            where m.status = 'interrupted' and c.deleted_at is null
                and (:id is null or m.conversation_id = :id)
            order by m.key desc
        """
        values = {"id": conversation_id}
        return self.read(lambda db: [rows.to_message(row) for row in db.query(query, values)])


def _kind(deleted: bool, archived: bool) -> str:
    """Return the condition in the very words of the index that serves it."""
    if deleted:
        return "c.deleted_at is not null"
    return f"c.deleted_at is null and c.archived = {int(archived)}"
