"""Finding messages by words: in what was said, and in attachments and tool results.

Words are looked up in a word index; text without spaces between words, and code, in an index of
trigrams. Both exist twice, for messages and for their parts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chatapp.conversations.types import MessageHit, SearchFilters

if TYPE_CHECKING:
    from sqlite_utils import Database

SEARCH_CHARACTERS = 1_000  # what is searched for; SQLite refuses patterns of 50,000 bytes
# A word with something between its letters that no prose has there: `foo_bar`, `a->b`, `x::y`.
_CODE = re.compile(r"\w(?:_|->|::|\.\w+\(|\(\)|=)\w*|[{}<>\[\]=]")
_TRIGRAM = 3  # characters; the substring index knows nothing shorter
# Scripts written without spaces between words: one run of them is a single search token.
_UNSPACED = re.compile("[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")


@dataclass(frozen=True)
class _Query:
    """How one text is looked up: in the table pair `kind`, or by a scan when that is empty."""

    kind: str
    argument: str
    snippet_tokens: int  # words, or characters in the trigram tables


def search(db: Database, text: str, limit: int, filters: SearchFilters) -> list[MessageHit]:
    """Return live messages that hold `text`, best first.

    Words must all be there, the last one at least as a beginning. Text without spaces between
    words, and code, must be there as it is written.
    """
    query = _parse(text[:SEARCH_CHARACTERS].strip())
    if query is None:
        return []
    conditions, values = _conditions(filters)
    found = f"({_sources(query, conditions)}) order by score, key desc limit :limit"
    seen: dict[str, MessageHit] = {}
    for row in db.query(
        f"select * from {found}", {**values, "match": query.argument, "limit": 2 * limit}
    ):
        hit = {name: value for name, value in row.items() if name not in ("score", "key")}
        seen.setdefault(row["message_id"], MessageHit(**hit))
    return list(seen.values())[:limit]


def _parse(text: str) -> _Query | None:
    words = re.findall(r"\w+", text)
    if not words:
        return None
    if not (_UNSPACED.search(text) or _CODE.search(text)):
        return _Query("fts", " ".join(f'"{word}"' for word in words) + "*", 24)
    if len(text) < _TRIGRAM:
        return _Query("", text, 0)
    return _Query("trigram", '"' + text.replace('"', '""') + '"', 64)


def _sources(query: _Query, conditions: str) -> str:
    return " union all ".join(
        f"select * from ({_source(query, table, conditions)})" for table in ("messages", "parts")
    )


def _source(query: _Query, table: str, conditions: str) -> str:
    """Return the query over messages, or over parts, which lead to their messages."""
    if query.kind:
        index = f"{table}_{query.kind}"
        score = f"bm25({index})"
        snippet = f"snippet({index}, 0, '', '', '…', {query.snippet_tokens})"
        source = f"{index} join {table} x on x.key = {index}.rowid"
        matching = f"{index} match :match"
    else:  # too short for an index: a scan, newest first
        score, snippet, source = "0", "substr(x.text, 1, 160)", f"{table} x"
        matching = "x.text like '%' || :match || '%'"
    message = "m.id = x.message_id" if table == "parts" else "m.key = x.key"
    return f"""
        select m.id as message_id, m.conversation_id, c.title as conversation_title,
            m.role, m.created_at, {snippet} as snippet, {score} as score, m.key as key
        from {source}
        join messages m on {message}
        join conversations c on c.id = m.conversation_id and c.deleted_at is null
        where {matching} and m.status <> 'streaming' and m.deleted_at is null {conditions}
        order by score, m.key desc limit :limit
    """


_CONDITIONS = {
    "role": "m.role = :role",
    "conversation_id": "m.conversation_id = :conversation_id",
    "since": "m.created_at >= :since",
    "until": "m.created_at < :until",
    "tag": "c.id in (select conversation_id from tags where name = :tag)",
    "archived": "c.archived = :archived",
    "pinned": "c.pinned = :pinned",
    "grounding": "m.grounding = :grounding",
}


def _conditions(filters: SearchFilters) -> tuple[str, dict[str, Any]]:
    """Return the filters that are set as SQL conditions, with their values."""
    values = {name: value for name, value in vars(filters).items() if value is not None}
    return "".join(f" and {_CONDITIONS[name]}" for name in values), values
