"""Steps 1 to 5: messages in trees, search, memory, feedback."""

from __future__ import annotations

from sqlite_utils import Database, Migrations

migrations = Migrations("conversations")


@migrations(name="m001_tree")
def m001_tree(db: Database) -> None:
    """Conversations, their message trees and the citations of answers."""
    # `key` is an explicit integer because plain rowids move on VACUUM and m002 refers to it.
    db.executescript(
        """
        create table conversations (
            id text primary key,
            title text not null,
            created_at text not null,
            updated_at text not null,
            deleted_at text,
            tip text
        );
        create table messages (
            key integer primary key,
            id text not null unique,
            conversation_id text not null references conversations(id) on delete cascade,
            parent_id text references messages(id),
            role text not null check (role in ('system', 'user', 'assistant', 'tool')),
            text text not null,
            status text not null
                check (status in ('complete', 'streaming', 'interrupted', 'error')),
            created_at text not null,
            finish_reason text,
            grounding text,
            model text not null default '',
            seconds real not null default 0,
            usage text not null default '{}',
            owner text
        );
        create index messages_conversation on messages(conversation_id);
        create index messages_parent on messages(parent_id);
        create index messages_unfinished on messages(status) where status = 'streaming';
        create table citations (
            message_id text not null references messages(id) on delete cascade,
            n integer not null,
            quote text not null,
            title text not null,
            uri text not null,
            document text not null,
            passage text not null,
            start integer not null,
            end integer not null,
            score real not null,
            primary key (message_id, n)
        );
        """
    )


@migrations(name="m002_search")
def m002_search(db: Database) -> None:
    """Full-text search over messages, filled from what is already there."""
    # The table keeps its own copy of the text: deleting a row that was never indexed is then
    # harmless, so a streaming answer can stay out of the index until it is finished.
    db.executescript(
        """
        create virtual table messages_fts using fts5(
            text, tokenize = 'unicode61 remove_diacritics 2'
        );
        insert into messages_fts(rowid, text)
            select key, text from messages where status <> 'streaming';
        create trigger messages_fts_insert after insert on messages
        when new.status <> 'streaming' begin
            insert into messages_fts(rowid, text) values (new.key, new.text);
        end;
        create trigger messages_fts_delete after delete on messages begin
            delete from messages_fts where rowid = old.key;
        end;
        create trigger messages_fts_update after update of text, status on messages
        when new.status <> 'streaming' begin
            delete from messages_fts where rowid = old.key;
            insert into messages_fts(rowid, text) values (new.key, new.text);
        end;
        """
    )


@migrations(name="m003_memory")
def m003_memory(db: Database) -> None:
    """What the person told about themself, how it is forgotten, and vectors of what was said."""
    # `source_text` is the clause a fact was read from; it stays when the message is deleted, so a
    # fact never loses where it comes from. Tombstones hold salted hashes, never the words.
    db.executescript(
        """
        alter table conversations add column private integer not null default 0;
        create table facts (
            key integer primary key,
            id text not null unique,
            slot text not null,
            fact_key text not null default '',
            value text not null,
            norm text not null,
            status text not null check (status in ('active', 'closed', 'expired', 'review')),
            rule text not null,
            confidence real not null default 1,
            message_id text references messages(id) on delete set null,
            conversation_id text references conversations(id) on delete set null,
            start integer,
            end integer,
            source_text text not null default '',
            valid_from text not null,
            valid_to text,
            superseded_by text,
            seen_count integer not null default 1,
            last_seen text not null,
            last_used text,
            use_count integer not null default 0,
            pinned integer not null default 0
        );
        create index facts_slot on facts(slot, fact_key, status);
        create index facts_message on facts(message_id);
        create index facts_conversation on facts(conversation_id);
        create table memory_tombstones (hash text primary key, created_at text not null);
        create table memory_salt (salt blob not null);
        create table round_vectors (
            key integer primary key references messages(key) on delete cascade,
            embedder text not null,
            vector blob not null
        );
        """
    )


@migrations(name="m004_feedback")
def m004_feedback(db: Database) -> None:
    """What the person thought of answers, with prompt and answers as they were then."""
    # The texts are copies: an answer that is regenerated, edited or deleted later must not change
    # what was judged. One judgement a message and kind; a new one replaces it.
    db.executescript(
        """
        create table feedback (
            key integer primary key,
            id text not null unique,
            kind text not null check (kind in ('rating', 'comparison', 'correction')),
            message_id text references messages(id) on delete set null,
            conversation_id text references conversations(id) on delete set null,
            prompt text not null,
            answer text not null,
            other text not null default '',
            reward real,
            model text not null default '',
            created_at text not null
        );
        create unique index feedback_once on feedback(message_id, kind) where kind <> 'comparison';
        """
    )


@migrations(name="m005_substrings")
def m005_substrings(db: Database) -> None:
    """Search inside words: for scripts without spaces and for code."""
    # External content: the index holds trigrams only, the text stays in `messages`. It must be
    # told the very text it indexed when a row goes, hence the conditions on the old status.
    db.executescript(
        """
        create virtual table messages_trigram using fts5(
            text, content = 'messages', content_rowid = 'key', tokenize = 'trigram'
        );
        insert into messages_trigram(rowid, text)
            select key, text from messages where status <> 'streaming';
        create trigger messages_trigram_insert after insert on messages
        when new.status <> 'streaming' begin
            insert into messages_trigram(rowid, text) values (new.key, new.text);
        end;
        create trigger messages_trigram_delete after delete on messages
        when old.status <> 'streaming' begin
            insert into messages_trigram(messages_trigram, rowid, text)
                values ('delete', old.key, old.text);
        end;
        create trigger messages_trigram_remove after update of text, status on messages
        when old.status <> 'streaming' begin
            insert into messages_trigram(messages_trigram, rowid, text)
                values ('delete', old.key, old.text);
        end;
        create trigger messages_trigram_renew after update of text, status on messages
        when new.status <> 'streaming' begin
            insert into messages_trigram(rowid, text) values (new.key, new.text);
        end;
        """
    )
