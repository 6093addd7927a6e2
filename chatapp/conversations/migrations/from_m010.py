"""Steps from 10 on: what models were given, and summaries."""

from __future__ import annotations

from sqlite_utils import Database

from chatapp.conversations.migrations.until_m005 import migrations


@migrations(name="m010_prompts")
def m010_prompts(db: Database) -> None:
    """Calls keep what the model was given, judgements say so; summaries of branches."""
    # `exact` judgements hold the very prompt; `other_prompt` is that of the answer that lost, where
    # it was given another one. A summary ends at a message, so it goes with that and its branch.
    db.executescript(
        """
        alter table turns add column seen text not null default '{}';
        alter table feedback add column exact integer not null default 0;
        alter table feedback add column other_prompt text not null default '[]';
        create table summaries (
            message_id text primary key references messages(id) on delete cascade,
            text text not null,
            model text not null,
            edited integer not null default 0,
            created_at text not null
        );
        """
    )
