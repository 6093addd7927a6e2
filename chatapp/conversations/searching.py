"""Finding messages by words: in what was said, and in attachments and tool results.

Words are looked up in a word index; text without spaces between words, and code, in an index of
trigrams. Both exist twice, for messages and for their parts. The work is bounded whatever the size
of the file: matches are collected newest first, and only so many are ranked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from chatapp.conversations.snippets import snippet
from chatapp.conversations.types import MessageHit, SearchFilters

if TYPE_CHECKING:
    from sqlite_utils import Database

SEARCH_CHARACTERS = 1_000  # what is searched for; SQLite refuses patterns of 50,000 bytes
# With more matches than this the newest are shown: a word that is everywhere ranks nothing.
MOST_RANKED = 1_000
_FEW = 200  # conversations that a filter leaves: then each is looked through by itself
_ALL_KEYS = (0, 2**63 - 1)
_SHORTEST_PREFIX = 2  # letters; all words that begin with one letter are too many to go through
# A word with something between its letters that no prose has there: `foo_bar`, `a->b`, `x::y`.
_CODE = re.compile(r"\w(?:_|->|::|\.\w+\(|\(\)|=)\w*|[{}<>\[\]=]")
_TRIGRAM = 3  # characters; the substring index knows nothing shorter
# Scripts written without spaces between words: one run of them is a single search token.
_UNSPACED = re.compile("[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")


class _Found(NamedTuple):
    """A matching row: the lower the score the better, and the newer first."""

    score: float
    newest: int  # the negative key of the message
    key: int
    table: str


def search(db: Database, text: str, limit: int, filters: SearchFilters) -> list[MessageHit]:
    """Return live messages that hold `text`, best first.

    Words must all be there, the last one at least as a beginning. Text without spaces between
    words, and code, must be there as it is written.
    """
    text = text[:SEARCH_CHARACTERS].strip()
    words = re.findall(r"\w+", text)
    hits: dict[str, MessageHit] = {}
    for found in _attempts(db, text, words, limit, filters):
        wanted = words if found.table.endswith("fts") else [text]
        hit = _hit(db, found, wanted)
        hits.setdefault(hit.message_id, hit)
        if len(hits) == limit:
            break
    return list(hits.values())


def _attempts(
    db: Database, text: str, words: list[str], limit: int, filters: SearchFilters
) -> Iterator[_Found]:
    """Yield matches, best first; wider ways of matching only once the narrower ones are used up."""
    if not words:
        return
    if not (_UNSPACED.search(text) or _CODE.search(text)):
        exact = " ".join(f'"{word}"' for word in words)
        yield from _both(db, "fts", exact, limit, filters)
        if len(words[-1]) >= _SHORTEST_PREFIX:
            yield from _both(db, "fts", exact + "*", limit, filters, ranked=False)
    elif len(text) < _TRIGRAM:
        yield from _scan(db, text, limit, filters)
    else:
        yield from _both(db, "trigram", '"' + text.replace('"', '""') + '"', limit, filters)


def _both(
    db: Database, kind: str, match: str, limit: int, filters: SearchFilters, *, ranked: bool = True
) -> list[_Found]:
    """Return matches in messages and in parts, best first."""
    found: list[_Found] = []
    for source in ("messages", "parts"):
        found += _matches(db, source, f"{source}_{kind}", match, limit, filters, ranked=ranked)
    return sorted(found)


def _matches(
    db: Database,
    source: str,
    index: str,
    match: str,
    limit: int,
    filters: SearchFilters,
    *,
    ranked: bool,
) -> list[_Found]:
    conditions, values = _conditions(filters)
    values["match"] = match
    rows = f"""
        from {index} join {source} x on x.key = {index}.rowid {_joins(source)}
        where {index} match :match and {index}.rowid between :first and :last and {conditions}
    """
    newest = f"select x.key, m.key {rows} order by {index}.rowid desc limit :most"
    found: list[tuple[int, int]] = []
    ranges = _ranges(db, filters) if source == "messages" else [_ALL_KEYS]
    for first, last in ranges:
        bounds = {"first": first, "last": last, "most": MOST_RANKED - len(found)}
        found += db.execute(newest, {**values, **bounds}).fetchall()
    if not ranked or len(ranges) > 1 or len(found) == MOST_RANKED or not found:
        return [_Found(0.0, -newer, key, index) for key, newer in found[:limit]]
    values |= {"first": found[-1][0], "last": found[0][0], "limit": limit}
    best = f"select bm25({index}) as score, -m.key, x.key {rows} order by score limit :limit"
    ranked_rows = db.execute(best, values).fetchall()
    return [_Found(score, newer, key, index) for score, newer, key in ranked_rows]


def _ranges(db: Database, filters: SearchFilters) -> list[tuple[int, int]]:
    """Return the row keys between which matches can lie, newest first.

    A few conversations are looked through one by one, so that a word that is everywhere else
    need not be gone through. Messages of one conversation lie together, or nearly so.
    """
    chosen = {
        name: value
        for name, value in vars(filters).items()
        if name in ("conversation_id", "tag", "pinned", "archived") and value
    }
    if not chosen:
        return [_ALL_KEYS]
    conditions = " and ".join(_CONVERSATION.get(name) or _CONDITIONS[name] for name in chosen)
    query = f"select c.id from conversations c where {conditions} limit {_FEW + 1}"
    ids = [row[0] for row in db.execute(query, chosen)]
    if len(ids) > _FEW:
        return [_ALL_KEYS]
    query = "select min(key), max(key) from messages where conversation_id = ?"
    ranges = (db.execute(query, [one]).fetchone() for one in ids)
    return sorted((tuple(range_) for range_ in ranges if range_[0] is not None), reverse=True)


def _scan(db: Database, text: str, limit: int, filters: SearchFilters) -> list[_Found]:
    """Look at every message, newest first: for what is too short for the index."""
    conditions, values = _conditions(filters)
    query = f"""
        select m.key from messages x {_joins("messages")}
        where x.text like '%' || :match || '%' and {conditions}
        order by m.key desc limit :limit
    """
    found = db.execute(query, {**values, "match": text, "limit": limit})
    return [_Found(0.0, -key, key, "messages_trigram") for (key,) in found]


def _hit(db: Database, found: _Found, wanted: list[str]) -> MessageHit:
    source = found.table.partition("_")[0]
    query = f"""
        select m.id, m.conversation_id, c.title, m.role, m.created_at, x.text
        from {source} x {_joins(source)} where x.key = ?
    """
    message_id, conversation_id, title, role, when, text = db.execute(query, [found.key]).fetchone()
    return MessageHit(message_id, conversation_id, title, role, when, snippet(text, wanted))


def _joins(source: str) -> str:
    """Return the joins from the rows `x` of a source to their messages and conversations."""
    message = "m.id = x.message_id" if source == "parts" else "m.key = x.key"
    return f"join messages m on {message} join conversations c on c.id = m.conversation_id"


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
_CONVERSATION = {"conversation_id": "c.id = :conversation_id"}  # said of the conversation itself


def _conditions(filters: SearchFilters) -> tuple[str, dict[str, Any]]:
    """Return what a hit must fulfil as SQL, with its values."""
    values = {name: value for name, value in vars(filters).items() if value is not None}
    live = "c.deleted_at is null and m.deleted_at is null and m.status <> 'streaming'"
    return " and ".join([live, *(_CONDITIONS[name] for name in values)]), values
