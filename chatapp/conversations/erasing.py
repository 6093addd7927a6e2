"""Removing rows for good, in the conversation file and in copies of it with older schemas.

SQLite keeps deleted bytes in freed pages (zeroed by `secure_delete`, which every connection sets),
in the write-ahead log (emptied by a truncating checkpoint) and in the full-text indexes, whose
segments are written anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlite_utils import Database

SEARCH_TABLES = ("messages_fts", "messages_trigram", "parts_fts", "parts_trigram")
_MERGED_PAGES = 500  # a step of some hundredths of a second, so that other windows can write


def purge_conversation(db: Database, conversation_id: str) -> None:
    """Delete a conversation with its messages and what was thought of them."""
    _mark_purged(db, [conversation_id])
    if "feedback" in db.table_names():
        db.execute("delete from feedback where conversation_id = ?", [conversation_id])
    # children before parents: a message must not outlive the one it answers
    db.execute("update messages set parent_id = null where conversation_id = ?", [conversation_id])
    db.execute("delete from messages where conversation_id = ?", [conversation_id])
    db.execute("delete from conversations where id = ?", [conversation_id])


def purge_message(db: Database, message_id: str) -> None:
    """Delete a message and all that follows it; the conversation then opens at what is left."""
    _drop_vectors(db, message_id)
    # Ids are fixed first: a tree cannot be walked while it is taken apart.
    query = """
        with recursive down(id) as (
            select ? union all select m.id from messages m join down d on m.parent_id = d.id
        )
        select id, conversation_id from messages where id in (select id from down)
    """
    gone = db.execute(query, [message_id]).fetchall()
    _mark_purged(db, [message_id, *(row[0] for row in gone)])
    _drop_feedback(db, message_id, [row[0] for row in gone])
    db.conn.executemany("update messages set parent_id = null where id = ?", [r[:1] for r in gone])
    db.conn.executemany("delete from messages where id = ?", [r[:1] for r in gone])
    columns = db.table("messages").columns_dict
    live = "and m.deleted_at is null" if "deleted_at" in columns else ""
    for conversation_id in {row[1] for row in gone}:
        db.execute(
            f"""
            update conversations set tip = (
                select id from messages m where m.conversation_id = conversations.id {live}
                order by key desc limit 1
            ) where id = ? and tip not in (select id from messages)
            """,
            [conversation_id],
        )


def _drop_feedback(db: Database, message_id: str, gone: list[str]) -> None:
    """Delete what was thought of removed answers, also where another one was found better."""
    if "feedback" not in db.table_names():
        return
    db.execute(
        """
        delete from feedback where kind = 'comparison' and other = (
            select text from messages where id = :id
        ) and message_id in (
            select s.id from messages s join messages m on s.parent_id = m.parent_id
            where m.id = :id
        )
        """,
        {"id": message_id},
    )
    db.conn.executemany("delete from feedback where message_id = ?", [(row_id,) for row_id in gone])


def _mark_purged(db: Database, ids: list[str]) -> None:
    """Keep the ids of what is purged, so that no other copy of the file brings it back."""
    if "purged" in db.table_names():
        marks = [(row_id,) for row_id in ids]
        db.conn.executemany("insert or ignore into purged (id) values (?)", marks)


def _drop_vectors(db: Database, answer_id: str) -> None:
    """Drop what recall keeps of the round that a deleted answer is in: its words are in there."""
    if "round_vectors" in db.table_names():
        query = """
            delete from round_vectors where key = (
                select q.key from messages m join messages q on q.id = m.parent_id where m.id = ?
            )
        """
        db.execute(query, [answer_id])


def rewrite_search(db: Database) -> None:
    """Drop the words of deleted rows from the full-text indexes, all at once."""
    there = set(db.table_names())
    for table in SEARCH_TABLES:
        if table in there:  # a copy may be older than that table
            db.execute(f"insert into {table}({table}) values ('optimize')")


def begin_merge(db: Database, table: str) -> None:
    """Begin to write all segments of a full-text index anew, in steps: see `merge_step`."""
    db.execute(f"insert into {table}({table}, rank) values ('merge', ?)", [-_MERGED_PAGES])


def merge_step(db: Database, table: str) -> bool:
    """Take one step of that; return whether there was anything left to do."""
    before = db.conn.total_changes
    db.execute(f"insert into {table}({table}, rank) values ('merge', ?)", [_MERGED_PAGES])
    return bool(db.conn.total_changes - before >= 2)  # SQLite's own sign that it did something
