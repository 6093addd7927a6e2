"""Steps from 9 on: pages of the web and the steps that led to an answer."""

from __future__ import annotations

from sqlite_utils import Database

from chatapp.conversations.migrations.until_m005 import migrations


@migrations(name="m009_pages")
def m009_pages(db: Database) -> None:
    """Parts may be steps and pages; a citation has the date of its source."""
    # A check cannot be altered, so the table is made anew under its old name: `parts_fts` and
    # `parts_trigram` find their rows by that name and by `key`, both of which stay.
    db.executescript(
        """
        alter table citations add column date text not null default '';
        create table parts_new (
            key integer primary key,
            message_id text not null references messages(id) on delete cascade,
            n integer not null,
            kind text not null check (
                kind in (
                    'text', 'reasoning', 'tool_call', 'tool_result', 'attachment', 'step', 'page'
                )
            ),
            data text not null check (json_valid(data)),
            text text,
            content_hash text not null,
            unique (message_id, n)
        );
        insert into parts_new select key, message_id, n, kind, data, text, content_hash from parts;
        -- without its triggers, or dropping the table would empty the search of its words
        drop trigger parts_delete;
        drop table parts;
        alter table parts_new rename to parts;
        create index parts_page on parts(json_extract(data, '$.document')) where kind = 'page';
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
        """
    )
