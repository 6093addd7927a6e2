"""The schema, as numbered steps that are applied in order and never edited once released.

Only `opening` imports this module, because sqlite_utils takes a tenth of a second to import.
"""

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
