"""What forgetting blanks in one database: the conversation file, or a copy with an older schema.

The statement itself is found by reading the person's messages again with the rules that learnt it,
so every time it was said counts, also in forks and private conversations. Answers that were told
the fact or say it lose its value, copies in judgements and titles too. What the person wrote
about the same word otherwise ("the weather in Berlin") stays unless `everywhere` is asked for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any

from chatapp.conversations.hashing import part_hash, replace_text
from chatapp.conversations.rows import part_data
from chatapp.conversations.seen import BLANK, ToldFact
from chatapp.memory import tombstones
from chatapp.memory.extract import extract
from chatapp.memory.normal import normalised, refines
from chatapp.memory.slots import SLOTS, told_to_person
from chatapp.memory.stored_prompts import Prompts
from chatapp.memory.types import Fact

if TYPE_CHECKING:
    from sqlite_utils import Database

# what the memory's tools put around a fact: its day, that it was stored, where it is from
_AROUND_TOLD = re.compile(r"^(?:\d{4}-\d\d-\d\d |Remembered: )|\s*\([^()]*\)$")


@dataclass(frozen=True)
class Redaction:
    """How far to go: `statements` blanks what states the fact, `everywhere` its words at all."""

    fact: Fact
    statements: bool = True
    everywhere: bool = False

    def apply(self, db: Database) -> int:
        """Blank it in `db`; return how many messages were changed."""
        changed = dict(self._changes(db))
        for key, (_, new) in changed.items():
            replace_text(db, key, new)
        _drop_vectors(db, changed)
        _redact_titles(db, self.fact.value, changed)
        _redact_parts(db, self._without_value, changed)
        _redact_drafts(db, self._blank_draft)
        prompts = Prompts(
            frozenset({self.fact.value}), self._is_it, _without, everywhere=self.everywhere
        )
        prompts.redact_calls(db)
        prompts.redact_judgements(db, dict(changed.values()))
        prompts.redact_summaries(db)
        return len(changed)

    def _is_it(self, told: ToldFact) -> bool:
        return told[0] == self.fact.id

    def _changes(self, db: Database) -> Iterator[tuple[int, tuple[str, str]]]:
        """Yield the messages that change by row key, with their old and their new text."""
        told = _told(db, self.fact)
        for row in _holding(db, self.fact):
            if self.everywhere:
                new = self._without_value(row["text"])
            elif row["role"] == "user":
                new = self._without_statement(row) if self.statements else row["text"]
            elif row["grounding"] == "memory" or row["id"] in told:
                new = self._without_value(row["text"])
            else:
                continue
            if new != row["text"]:
                yield row["key"], (row["text"], new)

    def _without_statement(self, row: Mapping[str, Any]) -> str:
        text: str = row["text"]
        spans = [(c.start, c.end) for c in extract(text) if _states(self.fact, c.slot, c.value)]
        if row["id"] == self.fact.message_id and self.fact.end:
            spans.append((self.fact.start or 0, self.fact.end))
        for start, end in spans:
            text = _blank(text, start, end)
        return text

    def _without_value(self, text: str) -> str:
        return _without(self.fact.value, text)

    def _blank_draft(self, text: str) -> str:
        if self.everywhere:
            return self._without_value(text)
        return self._without_statement({"text": text, "id": None}) if self.statements else text


def redact_buried(db: Database, conversation_id: str) -> int:
    """Blank statements of forgotten facts in a conversation, and what answers said of them.

    Returns how many messages and parts of messages were changed.
    """
    query = "select key, role, text, grounding from messages where conversation_id = ? order by key"
    values: set[str] = set()
    changed: dict[int, tuple[str, str]] = {}
    values |= set(_buried_in_tools(db, conversation_id))
    for row in list(db.query(query, [conversation_id])):
        text: str = row["text"]
        if row["role"] == "user":
            for c in extract(text):
                if c.value and tombstones.is_buried(db, c.slot, c.key, c.value):
                    text = _blank(text, c.start, c.end)
                    values.add(c.value)
        elif row["grounding"] == "memory":
            for value in values:
                text = _without(value, text)
        if text != row["text"]:
            replace_text(db, row["key"], text)
            changed[row["key"]] = (row["text"], text)
    parts = 0
    for value in values:
        _redact_titles(db, value, changed)
        parts += _redact_parts(db, partial(_without, value), changed)
    _drop_vectors(db, changed)
    prompts = Prompts(frozenset(values), lambda told: _is_buried(db, told), _without)
    prompts.redact_calls(db, conversation_id)
    prompts.redact_judgements(db, dict(changed.values()), conversation_id)
    prompts.redact_summaries(db, conversation_id)
    return len(changed) + parts


def _buried_in_tools(db: Database, conversation_id: str) -> Iterator[str]:
    """Yield forgotten values that stand in what the memory's tools were given or gave back."""
    query = """
        select p.data, p.text from parts p join messages m on m.id = p.message_id
        where m.conversation_id = ? and p.kind like 'tool_%'
            and json_extract(p.data, '$.name') like 'memory_%'
    """
    for row in list(db.query(query, [conversation_id])):
        lines = (s.splitlines() for s in _strings(part_data(row["data"], row["text"])))
        for said in (_AROUND_TOLD.sub("", line) for line in chain.from_iterable(lines)):
            stated = ((c.slot, c.key, c.value) for c in extract(said) if c.value)
            for slot, key, value in (*stated, *told_to_person(said)):
                if tombstones.is_buried(db, slot, key, value):
                    yield value


def _strings(data: object) -> Iterator[str]:
    """Yield all text in a JSON value."""
    if isinstance(data, str):
        yield data
    elif isinstance(data, dict | list):
        for each in data.values() if isinstance(data, dict) else data:
            yield from _strings(each)


def _is_buried(db: Database, told: ToldFact) -> bool:
    _, slot, key, value = told
    return bool(value) and slot in SLOTS and tombstones.is_buried(db, slot, key, value)


def _without(value: str, text: str) -> str:
    return _value_pattern(value).sub(lambda found: BLANK * len(found[0]), text)


def _blank(text: str, start: int, end: int) -> str:
    return text[:start] + BLANK * (end - start) + text[end:]


def _states(fact: Fact, slot: str, value: str) -> bool:
    read, held = normalised(value), normalised(fact.value)
    return slot == fact.slot and bool(read) and (read == held or refines(read, held))


def _value_pattern(value: str) -> re.Pattern[str]:
    """Match the value, or what stands before its comma, in any case and with any spaces."""
    forms = (re.findall(r"\w+", form) for form in (value, value.partition(",")[0]))
    patterns = [r"\W+".join(map(re.escape, words)) for words in forms if words]
    return re.compile(rf"\b(?:{'|'.join(patterns)})\b" if patterns else r"(?!)", re.IGNORECASE)


def _holding(db: Database, fact: Fact) -> list[dict[str, Any]]:
    """Return the messages that may hold the fact, as rows: they share a word with its value."""
    words = re.findall(r"\w+", fact.value)
    if not words:
        return []
    match = " OR ".join(f'"{word}"' for word in dict.fromkeys(words))
    query = """
        select key, id, role, text, grounding from messages
        where key in (select rowid from messages_fts where messages_fts match ?) or id = ?
    """
    return list(db.query(query, [match, fact.message_id]))


def _told(db: Database, fact: Fact) -> set[str]:
    """Return the ids of answers that used the fact, copies in forks too."""
    if "fact_uses" not in db.table_names():  # a copy may be older than that table
        return set()
    query = """
        select m.id from messages m join fact_uses u on u.message_id in (m.id, m.origin)
        where u.fact_id = ?
    """
    return {row["id"] for row in db.query(query, [fact.id])}


def _drop_vectors(db: Database, keys: Iterable[int]) -> None:
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


def _redact_titles(db: Database, value: str, keys: Iterable[int]) -> None:
    """A title made of the question's first words may hold the value too."""
    for key in keys:
        query = """
            select id, title from conversations
            where id = (select conversation_id from messages where key = ?)
        """
        for row in list(db.query(query, [key])):
            title = _without(value, row["title"])
            if title != row["title"]:
                db.execute("update conversations set title = ? where id = ?", [title, row["id"]])


def _redact_parts(db: Database, redact: Callable[[str], str], keys: Iterable[int]) -> int:
    """Reasoning of a changed message repeats what it says; so do uses of the memory's tools, and
    the queries that were made from a question. Returns how many parts were changed.
    """
    if "parts" not in db.table_names():
        return 0
    changed = 0
    places = ", ".join(str(int(key)) for key in keys)
    query = f"""
        select p.key, p.kind, p.data, p.text from parts p join messages m on m.id = p.message_id
        where p.kind not in ('attachment', 'page') and (
            m.key in ({places})
            or p.kind = 'step' and m.parent_id in (select id from messages where key in ({places}))
            or p.kind like 'tool_%' and json_extract(p.data, '$.name') like 'memory_%'
        )
    """
    for row in list(db.query(query)):
        data = redact(row["data"])
        text = None if row["text"] is None else redact(row["text"])
        if (data, text) != (row["data"], row["text"]):
            changed += 1
            db.execute(
                "update parts set data = ?, text = ?, content_hash = ? where key = ?",
                [data, text, part_hash(row["kind"], part_data(data, text)), row["key"]],
            )
    return changed


def _redact_drafts(db: Database, redact: Callable[[str], str]) -> None:
    if "drafts" not in db.table_names():
        return
    for row in list(db.query("select conversation_id, text from drafts")):
        if (text := redact(row["text"])) != row["text"]:
            db.execute(
                "update drafts set text = ? where conversation_id is ?",
                [text, row["conversation_id"]],
            )
