"""Steps from 11 on: what was removed or changed leaves no way back."""

from __future__ import annotations

from sqlite_utils import Database

from chatapp.conversations.migrations.until_m005 import migrations


@migrations(name="m011_removed")
def m011_removed(db: Database) -> None:
    """Ids of what was purged, and the values that facts had before they were changed."""
    # A damaged file, or somebody's own copy, still holds what was purged: its ids keep it out when
    # they are recovered from. An import is the person's own wish and ends that.
    db.executescript(
        """
        create table purged (id text primary key);
        create trigger purged_conversation_back after insert on conversations begin
            delete from purged where id = new.id;
        end;
        create trigger purged_message_back after insert on messages begin
            delete from purged where id = new.id;
        end;
        create table earlier_values (
            fact_id text not null,
            value text not null,
            primary key (fact_id, value)
        );
        """
    )
