-- A conversation file as step m001_tree left it, before there was a search table.
create table _sqlite_migrations (
    id integer primary key, migration_set text, name text, applied_at text
);
create unique index idx__sqlite_migrations_migration_set_name
    on _sqlite_migrations (migration_set, name);
insert into _sqlite_migrations values (1, 'conversations', 'm001_tree', '2026-01-01 00:00:00');
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
insert into conversations values (
    '01C', 'An old question', '2026-01-01T00:00:00.000Z', '2026-01-01T00:00:01.000Z', null, '01B'
);
insert into messages (key, id, conversation_id, parent_id, role, text, status, created_at) values
    (1, '01A', '01C', null, 'user', 'An old question', 'complete', '2026-01-01T00:00:00.000Z'),
    (2, '01B', '01C', '01A', 'assistant', 'A half ans', 'streaming', '2026-01-01T00:00:00.000Z');
insert into citations values ('01B', 1, 'quoted', 'Title', 'file:t', 'd', 'p', 0, 6, 0.5);
