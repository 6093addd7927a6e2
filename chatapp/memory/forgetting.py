"""Removing words for good: from the database, its log, its search tables, and from every backup.

SQLite keeps deleted bytes in freed pages (zeroed by `secure_delete`, which every connection sets),
in the write-ahead log (emptied by a truncating checkpoint) and in old segments of the full-text
indexes (written anew). Backups come first: a run that is cut off leaves the fact in the list, to
be forgotten again, and never a copy that nobody knows of.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from chatapp.conversations import ConversationStore
from chatapp.conversations.backups import damaged_copies_of, scrub
from chatapp.conversations.salvage import Found
from chatapp.conversations.seen import BLANK
from chatapp.memory import facts, tombstones
from chatapp.memory.profile import Profile
from chatapp.memory.redaction import Redaction, redact_buried, without_buried
from chatapp.memory.types import Fact

if TYPE_CHECKING:
    from sqlite_utils import Database

__all__ = ["BLANK", "Forgotten", "forget", "forget_learnt_from", "keep_forgotten", "recover"]


@dataclass(frozen=True)
class Forgotten:
    """What was removed, and where its words may still stand.

    `messages_redacted` counts messages that lost their words about it; `mentions` those that still
    hold the value, in their text, their parts or a judgement; `unreachable` are damaged files that
    were set aside and cannot be scrubbed.
    """

    fact: Fact
    messages_redacted: int
    backups_scrubbed: int
    mentions: int
    unreachable: tuple[Path, ...]


def forget(
    store: ConversationStore,
    fact_id: str,
    *,
    keep_message: bool = False,
    everywhere: bool = False,
) -> Forgotten:
    """Forget a fact: row, search entries, vectors, backups, and wherever it was stated or told.

    With `keep_message` what the person wrote stays in its conversation; it will not be learnt
    again. With `everywhere` the value's words are blanked in every message, whatever it is about.

    Raises:
        NotFound: there is no such fact.
        StorageError: a file cannot be written.
    """
    profile = Profile(store)
    fact = profile.fact(fact_id)
    earlier = profile.earlier_values(fact_id)
    redaction = Redaction(fact, earlier, statements=not keep_message, everywhere=everywhere)

    def job(db: Database) -> int:
        changed = redaction.apply(db)
        profile.bury(db, fact)
        return changed

    with store.held_backups() as copies:
        for copy in copies:
            scrub(copy, lambda db: _remove(db, redaction))
        changed = store.write(job, durable=True)
    store.rewrite_search()
    store.empty_log()
    left = () if everywhere else store.read(redaction.mentions)
    return Forgotten(fact, changed, len(copies), len(left), tuple(damaged_copies_of(store.path)))


def forget_learnt_from(store: ConversationStore, conversation_id: str) -> list[Forgotten]:
    """Forget all facts that were read from a conversation; for when it is deleted."""
    return [forget(store, fact.id) for fact in Profile(store).learnt_from(conversation_id)]


def keep_forgotten(store: ConversationStore, conversation_ids: Sequence[str]) -> int:
    """Blank forgotten facts in conversations that came from a file; return in how many places.

    A conversation that was exported earlier still holds them. Looking for them takes long, so it is
    done only where anything was ever forgotten, and others may write between two conversations.
    """
    if not store.read(tombstones.has_any):
        return 0
    changed = sum(
        store.write(partial(redact_buried, conversation_id=one), durable=True)
        for one in conversation_ids
    )
    if changed:
        store.rewrite_search()
    store.empty_log()  # stored prompts may have lost words too
    return changed


def recover(store: ConversationStore, copy: Path | None = None) -> Found:
    """Recover what `copy`, or the newest backup, has beside the file, without what was forgotten.

    Raises: as `ConversationStore.recover`.
    """
    found = store.recover(copy)
    store.write(_drop_buried, durable=True)
    keep_forgotten(store, found.changed)
    return found


def _drop_buried(db: Database) -> None:
    """Remove forgotten facts, and their statements from the sources of others."""
    for fact in facts.select(db, "1"):
        if tombstones.is_buried(db, fact.slot, fact.fact_key, fact.value):
            facts.remove(db, fact.id)
        elif (text := without_buried(db, fact.source_text)) != fact.source_text:
            facts.update(db, fact.id, source_text=text)


def _remove(db: Database, redaction: Redaction) -> None:
    """Remove the fact from a copy, which may be older than any of the tables."""
    if "messages_fts" in db.table_names():
        redaction.apply(db)
    if "facts" in db.table_names():
        facts.remove(db, redaction.fact.id)
