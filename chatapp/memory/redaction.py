"""What forgetting blanks in one database: the conversation file, or a copy with an older schema.

The statement itself is found by reading the person's messages again with the rules that learnt it,
so every time it was said counts, also in forks and private conversations. Answers that were told
the fact or say it lose its value, copies in judgements and titles too. What the person wrote
about the same word otherwise ("the weather in Berlin") stays unless `everywhere` is asked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import chain
from typing import TYPE_CHECKING, Any

from chatapp.conversations.hashing import replace_text
from chatapp.conversations.rows import part_data
from chatapp.conversations.seen import ToldFact
from chatapp.memory import copies, tombstones
from chatapp.memory.dates import day_of_year, heads_of
from chatapp.memory.extract import Candidate, extract
from chatapp.memory.normal import normalised
from chatapp.memory.overlaps import redact_others
from chatapp.memory.sameness import says_the_same
from chatapp.memory.slots import SLOTS, canonical_key, told_to_person
from chatapp.memory.stored_prompts import Prompts
from chatapp.memory.types import Fact
from chatapp.memory.wording import (
    Redact,
    blank,
    forms,
    holds,
    is_common,
    is_sentence,
    telling,
    without,
)

if TYPE_CHECKING:
    from sqlite_utils import Database

Changed = dict[int, tuple[str, str]]
"""Messages that change, by row key: their old and their new text."""
Span = tuple[int, int]

# answers of the memory; one that found nothing for sure names the nearest
_QUOTING = ("memory", "not_found")
# texts that may hold words of a fact, each with the message that it belongs to
_TEXTS = (
    "select id, text from messages",
    "select message_id as id, data || ' ' || coalesce(text, '') as text from parts",
    "select coalesce(message_id, id) as id, answer || ' ' || other as text from feedback",
)
# what the memory's tools put around a fact: its day, that it was stored, where it is from
_AROUND_TOLD = re.compile(r"^(?:\d{4}-\d\d-\d\d |Remembered: )|\s*\([^()]*\)$")


@dataclass(frozen=True)
class Redaction:
    """How far to go: `statements` blanks what states the fact, `everywhere` its words at all.

    `earlier` are values that it had before it was corrected.
    """

    fact: Fact
    earlier: tuple[str, ...] = ()
    statements: bool = True
    everywhere: bool = False

    def apply(self, db: Database) -> int:
        """Blank it in `db`; return how many messages were changed."""
        rows, told = _holding(db, self.fact, self._values), _told(db, self.fact)
        spans, said = self._in_questions(rows)
        near = partial(without, self._words | said)
        anywhere = near if self.everywhere else partial(without, self._telling | said)
        changed = _redacted(
            (row, partial(self._without_statement, spans=spans[row["key"]], near=near))
            for row in rows
            if row["role"] == "user"
        )
        changed |= _redacted(
            (row, near if row["id"] in told else anywhere)
            for row in rows
            if row["role"] != "user"
            and (self.everywhere or row["grounding"] in _QUOTING or row["id"] in told)
        )
        for key, (_, new) in changed.items():
            replace_text(db, key, new)
        copies.drop_vectors(db, changed)
        conversations = copies.conversations_of(db, changed)
        copies.redact_titles(db, near, conversations)
        copies.redact_parts(db, near, anywhere, changed)
        if self.everywhere:
            copies.redact_all_parts(db, near)
        copies.redact_drafts(
            db, lambda text: self._without_statement(text, _spans(self._stated_in(text)), near)
        )
        redact_others(
            db, self.fact, self._values, self._is_stated, near, everywhere=self.everywhere
        )
        prompts = Prompts(anywhere, near, self._is_it, everywhere=self.everywhere)
        prompts.redact_calls(db)
        prompts.redact_judgements(db, dict(changed.values()), told=told)
        prompts.redact_summaries(db, near=conversations)
        return len(changed)

    def mentions(self, db: Database) -> set[str]:
        """Return the ids of messages whose text, parts or judgements hold its words."""
        needles = {
            max(re.findall(r"\w+", word, re.ASCII), key=len, default="") for word in self._words
        }
        where = " or ".join("text like ?" for _ in needles)
        found: set[str] = set()
        for texts in _TEXTS:  # most are left out before they are read
            rows = db.query(f"select * from ({texts}) where {where}", [f"%{n}%" for n in needles])
            found |= {row["id"] for row in rows if holds(self._words, row["text"])}
        return found

    @property
    def _values(self) -> tuple[str, ...]:
        return (self.fact.value, *self.earlier)

    @cached_property
    def _words(self) -> set[str]:
        """The words of the fact, which stand for it wherever it was stated or told."""
        return set(chain.from_iterable(forms(self.fact.slot, value) for value in self._values))

    @cached_property
    def _telling(self) -> set[str]:
        """The words that tell the fact wherever they stand."""
        slot, key = self.fact.slot, self.fact.fact_key
        told = set(chain.from_iterable(telling(slot, key, value) for value in self._values))
        source = self.fact.source_text
        is_told = is_common(slot, self.fact.value) and is_sentence(source)
        return told | {source} if is_told else told

    def _is_it(self, told: ToldFact) -> bool:
        return told[0] == self.fact.id

    def _in_questions(self, rows: list[dict[str, Any]]) -> tuple[dict[int, list[Span]], set[str]]:
        """Return where the person's messages state it, by row key, and in which words.

        Of common words it is the whole clause; other values may be written in several ways.
        """
        spans: dict[int, list[Span]] = {}
        said: set[str] = set()
        is_told = is_common(self.fact.slot, self.fact.value)
        for row in rows:
            if row["role"] != "user":
                continue
            text: str = row["text"]
            stated = self._stated_in(text)
            found = _spans(stated)
            source = self.fact.message_id
            if source is not None and source in (row["id"], row["origin"]) and self.fact.end:
                found.append((self.fact.start or 0, self.fact.end))
            clauses = {clause for start, end in found if is_sentence(clause := text[start:end])}
            said |= clauses if is_told else {each.value for each in stated}
            spans[row["key"]] = found
        return spans, said

    def _stated_in(self, text: str) -> list[Candidate]:
        if self.fact.slot == "note":  # no rule reads one
            return []
        return [found for found in extract(text) if self._states(found)]

    def _without_statement(self, text: str, spans: Iterable[Span], near: Redact) -> str:
        for start, end in spans if self.statements else ():
            text = blank(text, start, end)
        return near(text) if self.everywhere else text

    def _is_stated(self, text: str) -> bool:
        """Say whether a text states it; reading one takes milliseconds, and there may be many."""
        is_date = self.fact.slot == "birthday"  # two ways to write one may share no word
        return (is_date or not self._spoken.isdisjoint(normalised(text).split())) and bool(
            self._stated_in(text)
        )

    @cached_property
    def _spoken(self) -> set[str]:
        return set(chain.from_iterable(normalised(value).split() for value in self._values))

    def _states(self, found: Candidate) -> bool:
        slot, key = self.fact.slot, canonical_key(self.fact.fact_key)
        return (
            (found.slot, canonical_key(found.key)) == (slot, key)
            and bool(normalised(found.value))
            and any(says_the_same(slot, found.value, held) for held in self._values)
        )


def redact_buried(db: Database, conversation_id: str) -> int:
    """Blank statements of forgotten facts in a conversation, and what answers said of them.

    Returns how many messages and parts of messages were changed.
    """
    if not tombstones.are_there(db):  # a long import would be read for nothing
        return 0
    query = "select key, role, text, grounding from messages where conversation_id = ? order by key"
    rows = list(db.query(query, [conversation_id]))
    buried = {row["key"]: _buried_in(db, row["text"]) for row in rows if row["role"] == "user"}
    words = set(_buried_in_tools(db, conversation_id))
    for row in rows:
        words |= _telling(row["text"], buried.get(row["key"], ()))
    redact = partial(without, words)
    changed = _redacted(
        (row, partial(_blanked, found=buried[row["key"]]) if row["role"] == "user" else redact)
        for row in rows
        if row["role"] == "user" or row["grounding"] in _QUOTING
    )
    for key, (_, new) in changed.items():
        replace_text(db, key, new)
    copies.redact_titles(db, lambda title: redact(without_buried(db, title)), [conversation_id])
    parts = copies.redact_parts(db, redact, redact, changed) if words else 0
    copies.drop_vectors(db, changed)
    prompts = Prompts(redact, redact, lambda told: _is_buried(db, told))
    prompts.redact_calls(db, conversation_id)
    prompts.redact_judgements(db, dict(changed.values()), conversation_id)
    prompts.redact_summaries(db, conversation_id)
    return len(changed) + parts


def without_buried(db: Database, text: str) -> str:
    """Return a text of the person's with the statements of forgotten facts blanked."""
    return _blanked(text, _buried_in(db, text))


def _buried_in(db: Database, text: str) -> list[Candidate]:
    return [
        found
        for found in extract(text)
        if found.value and tombstones.is_buried(db, found.slot, found.key, found.value)
    ]


def _blanked(text: str, found: Iterable[Candidate]) -> str:
    for each in found:
        text = blank(text, each.start, each.end)
    return text


def _telling(text: str, found: Iterable[Candidate]) -> set[str]:
    """Return the words that tell facts which a text of the person's states."""
    words: set[str] = set()
    for each in found:
        words |= telling(each.slot, each.key, each.value)
        if is_common(each.slot, each.value):
            words |= {text[each.start : each.end]}
    return words


def _buried_in_tools(db: Database, conversation_id: str) -> Iterator[str]:
    """Yield words that tell forgotten facts in what the memory's tools were given or gave back."""
    query = """
        select p.data, p.text from parts p join messages m on m.id = p.message_id
        where m.conversation_id = ? and p.kind like 'tool_%'
            and json_extract(p.data, '$.name') like 'memory_%'
    """
    for row in list(db.query(query, [conversation_id])):
        lines = (s.splitlines() for s in copies.strings(part_data(row["data"], row["text"])))
        for said in (_AROUND_TOLD.sub("", line) for line in chain.from_iterable(lines)):
            yield from _telling(said, _buried_in(db, said))
            for slot, key, value in told_to_person(said):
                if tombstones.is_buried(db, slot, key, value):
                    yield from telling(slot, key, value)


def _is_buried(db: Database, told: ToldFact) -> bool:
    _, slot, key, value = told
    return bool(value) and slot in SLOTS and tombstones.is_buried(db, slot, key, value)


def _spans(found: Iterable[Candidate]) -> list[Span]:
    return [(each.start, each.end) for each in found]


def _redacted(rows: Iterable[tuple[Mapping[str, Any], Redact]]) -> Changed:
    """Return the messages that their redaction changes."""
    new = ((row["key"], row["text"], redact(row["text"])) for row, redact in rows)
    return {key: (old, text) for key, old, text in new if text != old}


def _holding(db: Database, fact: Fact, values: Iterable[str]) -> list[dict[str, Any]]:
    """Return the messages that may hold the fact, as rows: they share a word with a value."""
    terms: dict[str, None] = {}
    for value in values:
        terms |= dict.fromkeys(f'"{word}"' for word in re.findall(r"\w+", value))
        if fact.slot == "birthday" and (day := day_of_year(value)):
            terms |= dict.fromkeys([f'"{day[0]:02}"', *(f"{head}*" for head in heads_of(day[0]))])
    if not terms:
        return []
    match = " OR ".join(terms)
    is_old = "origin" not in db.table("messages").columns_dict
    origin = "null as origin" if is_old else "origin"
    query = f"""
        select key, id, role, text, grounding, {origin} from messages
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
