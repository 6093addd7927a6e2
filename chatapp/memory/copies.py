"""What repeats the words of messages, in one database: parts, citations, titles, drafts, vectors.

A database may be a copy with an older schema, which lacks some of the tables.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from chatapp.conversations.hashing import part_hash
from chatapp.conversations.rows import part_data
from chatapp.memory.wording import Redact

if TYPE_CHECKING:
    from sqlite_utils import Database

_CITED = ("quote", "title", "uri", "document", "passage")


def strings(data: object) -> Iterator[str]:
    """Yield all text in a JSON value."""
    if isinstance(data, str):
        yield data
    elif isinstance(data, dict | list):
        for each in data.values() if isinstance(data, dict) else data:
            yield from strings(each)


def redact_parts(db: Database, near: Redact, anywhere: Redact, keys: Collection[int]) -> int:
    """Blank words in parts of changed messages, by `near`, and in uses of the memory's tools.

    Reasoning of a changed message repeats what it says, and so do the queries that were made from
    a question. Returns how many parts were changed.
    """
    if "parts" not in db.table_names():
        return 0
    places = ", ".join(str(int(key)) for key in keys)
    beside = f"""
        m.key in ({places})
        or p.kind = 'step' and m.parent_id in (select id from messages where key in ({places}))
    """
    said = "p.kind not in ('attachment', 'page')"
    of_memory = "p.kind like 'tool_%' and json_extract(p.data, '$.name') like 'memory_%'"
    changed = _redact_parts_where(db, f"{said} and ({beside})", near)
    return changed + _redact_parts_where(db, of_memory, anywhere)


def redact_all_parts(db: Database, redact: Redact) -> None:
    """Blank words in every part, and in what answers cite."""
    if "parts" in db.table_names():
        _redact_parts_where(db, "true", redact)
    names = [name for name in _CITED if name in db.table("citations").columns_dict]
    for row in list(db.query(f"select rowid as place, {', '.join(names)} from citations")):
        new = {name: redact(row[name]) for name in names}
        if any(new[name] != row[name] for name in names):
            changes = ", ".join(f"{name} = :{name}" for name in names)
            db.execute(
                f"update citations set {changes} where rowid = :place",
                {**new, "place": row["place"]},
            )


def _redact_parts_where(db: Database, where: str, redact: Redact) -> int:
    query = f"select p.key from parts p join messages m on m.id = p.message_id where {where}"
    changed = 0
    for key in [row["key"] for row in db.query(query)]:  # one at a time: pages are long
        (row,) = db.query("select kind, data, text from parts where key = ?", [key])
        old = json.loads(row["data"])
        data, text = _mapped(old, redact), None if row["text"] is None else redact(row["text"])
        if (data, text) == (old, row["text"]):
            continue
        changed += 1
        stored = json.dumps(data, ensure_ascii=False)
        db.execute(
            "update parts set data = ?, text = ?, content_hash = ? where key = ?",
            [stored, text, part_hash(row["kind"], part_data(stored, text)), key],
        )
    return changed


def _mapped(data: Any, redact: Redact) -> Any:
    """Return a JSON value with its texts redacted; numbers and names of fields stay."""
    if isinstance(data, str):
        return redact(data)
    if isinstance(data, list):
        return [_mapped(each, redact) for each in data]
    if isinstance(data, dict):
        return {name: _mapped(each, redact) for name, each in data.items()}
    return data


def redact_titles(db: Database, redact: Redact, conversations: Iterable[str]) -> None:
    """A title made of the question's first words may hold them too."""
    for conversation_id in conversations:
        query = "select title from conversations where id = ?"
        (title,) = db.execute(query, [conversation_id]).fetchone()
        if (new := redact(title)) != title:
            db.execute("update conversations set title = ? where id = ?", [new, conversation_id])


def redact_drafts(db: Database, redact: Redact) -> None:
    """Blank words in what was typed and not sent."""
    if "drafts" not in db.table_names():
        return
    for row in list(db.query("select conversation_id, text from drafts")):
        if (text := redact(row["text"])) != row["text"]:
            db.execute(
                "update drafts set text = ? where conversation_id is ?",
                [text, row["conversation_id"]],
            )


def drop_vectors(db: Database, keys: Iterable[int]) -> None:
    """A round's vector lies with its question, whichever of the two was changed."""
    if "round_vectors" not in db.table_names():
        return
    for key in keys:
        db.execute(
            """
            delete from round_vectors where key = :key or key = (
                select q.key from messages m join messages q on q.id = m.parent_id
                where m.key = :key
            )
            """,
            {"key": key},
        )


def conversations_of(db: Database, keys: Collection[int]) -> list[str]:
    """Return the conversations that hold the messages with these row keys."""
    places = ", ".join(str(int(key)) for key in keys)
    query = f"select distinct conversation_id from messages where key in ({places})"
    return [row["conversation_id"] for row in db.query(query)]
