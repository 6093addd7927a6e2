"""Steps 6 to 8: what a conversation is set to, tags, drafts, typed parts, turns, hashes."""

from __future__ import annotations

from sqlite_utils import Database

from chatapp.conversations.hashing import content_hash
from chatapp.conversations.migrations.until_m005 import migrations


@migrations(name="m006_organising")
def m006_organising(db: Database) -> None:
    """Persona, options, pins, archive, tags and drafts; lists and counts that never scan."""
    # `rev` counts the changes of a conversation's row, so that a window can tell that another one
    # was faster. Streaming text does not touch the row.
    db.executescript(
        """
        alter table conversations add column persona text not null default '';
        alter table conversations add column options text not null default '{}';
        alter table conversations add column pinned integer not null default 0;
        alter table conversations add column archived integer not null default 0;
        alter table conversations add column rev integer not null default 0;
        alter table conversations add column forked_from text;
        alter table conversations add column message_count integer not null default 0;
        create index conversations_listed on conversations(
            archived, pinned desc, updated_at desc, id desc
        ) where deleted_at is null;
        create index conversations_recent on conversations(updated_at desc, id desc);
        create table tags (
            conversation_id text not null references conversations(id) on delete cascade,
            name text not null,
            primary key (conversation_id, name)
        );
        create index tags_name on tags(name);
        create table drafts (
            conversation_id text primary key,
            text text not null,
            updated_at text not null
        );
        create trigger drafts_delete after delete on conversations begin
            delete from drafts where conversation_id = old.id;
        end;
        create trigger conversations_rev after update of
            title, updated_at, deleted_at, tip, private, persona, options, pinned, archived
        on conversations begin
            update conversations set rev = rev + 1 where id = new.id;
        end;
        create trigger tags_rev_insert after insert on tags begin
            update conversations set rev = rev + 1 where id = new.conversation_id;
        end;
        create trigger tags_rev_delete after delete on tags begin
            update conversations set rev = rev + 1 where id = old.conversation_id;
        end;
        """
    )


@migrations(name="m007_parts")
def m007_parts(db: Database) -> None:
    """Content hashes, messages that can be deleted one by one, typed parts, turns."""
    # `deleted_with` names the message whose deletion took this one along, so that undo brings back
    # just those. `origin` is the message a fork copied this one from.
    db.register_function(content_hash)
    db.executescript(
        """
        alter table messages add column content_hash text not null default '';
        alter table messages add column deleted_at text;
        alter table messages add column deleted_with text;
        alter table messages add column origin text;
        update messages set content_hash = content_hash(role, text) where status <> 'streaming';
        create index messages_place on messages(conversation_id, parent_id);
        drop index messages_conversation;
        create index messages_interrupted on messages(conversation_id)
            where status = 'interrupted';
        create index messages_deleted on messages(deleted_with) where deleted_at is not null;
        update conversations set message_count =
            (select count(*) from messages m where m.conversation_id = conversations.id);
        create trigger messages_count_insert after insert on messages
        when new.deleted_at is null begin
            update conversations set message_count = message_count + 1
                where id = new.conversation_id;
        end;
        create trigger messages_count_delete after delete on messages
        when old.deleted_at is null begin
            update conversations set message_count = message_count - 1
                where id = old.conversation_id;
        end;
        create trigger messages_count_hide after update of deleted_at on messages
        when (old.deleted_at is null) <> (new.deleted_at is null) begin
            update conversations set message_count = message_count
                + (new.deleted_at is null) - (old.deleted_at is null)
                where id = new.conversation_id;
        end;
        """
    )
    # The plain text of a part has its own column: it is what search indexes.
    db.executescript(
        """
        create table parts (
            key integer primary key,
            message_id text not null references messages(id) on delete cascade,
            n integer not null,
            kind text not null check (
                kind in ('text', 'reasoning', 'tool_call', 'tool_result', 'attachment')
            ),
            data text not null check (json_valid(data)),
            text text,
            content_hash text not null,
            unique (message_id, n)
        );
        create virtual table parts_fts using fts5(
            text, content = 'parts', content_rowid = 'key',
            tokenize = 'unicode61 remove_diacritics 2'
        );
        create virtual table parts_trigram using fts5(
            text, content = 'parts', content_rowid = 'key', tokenize = 'trigram'
        );
        create trigger parts_insert after insert on parts when new.text is not null begin
            insert into parts_fts(rowid, text) values (new.key, new.text);
            insert into parts_trigram(rowid, text) values (new.key, new.text);
        end;
        create trigger parts_remove before update of text on parts
        when old.text is not null begin
            insert into parts_fts(parts_fts, rowid, text) values ('delete', old.key, old.text);
            insert into parts_trigram(parts_trigram, rowid, text)
                values ('delete', old.key, old.text);
        end;
        create trigger parts_renew after update of text on parts when new.text is not null begin
            insert into parts_fts(rowid, text) values (new.key, new.text);
            insert into parts_trigram(rowid, text) values (new.key, new.text);
        end;
        create trigger parts_delete after delete on parts when old.text is not null begin
            insert into parts_fts(parts_fts, rowid, text) values ('delete', old.key, old.text);
            insert into parts_trigram(parts_trigram, rowid, text)
                values ('delete', old.key, old.text);
        end;
        create table turns (
            key integer primary key,
            message_id text not null references messages(id) on delete cascade,
            model text not null,
            prompt_tokens integer not null default 0,
            completion_tokens integer not null default 0,
            seconds real not null default 0,
            first_token_seconds real,
            finish_reason text not null default '',
            sampling text not null default '{}',
            created_at text not null
        );
        create index turns_message on turns(message_id);
        insert into turns (
            message_id, model, prompt_tokens, completion_tokens, seconds, finish_reason, created_at
        )
        select id, model, coalesce(json_extract(usage, '$.prompt_tokens'), 0),
            coalesce(json_extract(usage, '$.completion_tokens'), 0),
            seconds, coalesce(finish_reason, ''), created_at
        from messages where model <> '' and status <> 'streaming' and json_valid(usage);
        """
    )


@migrations(name="m008_fact_uses")
def m008_fact_uses(db: Database) -> None:
    """Which answers were told or say a fact: shown below them, and blanked when it is forgotten."""
    db.executescript(
        """
        create table fact_uses (
            message_id text not null references messages(id) on delete cascade,
            fact_id text not null,
            primary key (message_id, fact_id)
        );
        create index fact_uses_fact on fact_uses(fact_id);
        """
    )
