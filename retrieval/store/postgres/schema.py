"""Tables of the PostgreSQL store, made on first use.

The thing to know: `postings` holds, for each stem and passage, how often it occurs and how long the
passage is, in the order a search reads them, so that BM25 is computed from the index alone.
PostgreSQL's own ranking knows no document frequencies, and its own dictionaries would fold words in
another way than the embedded store does.
"""

from __future__ import annotations

import secrets

from retrieval.errors import IndexUnavailable
from retrieval.store.postgres.connections import SCHEMA, PostgresConnections
from retrieval.store.records import get_meta, set_meta
from retrieval.store.sql import Sql

VERSION = "1"

_TABLES = """
CREATE SCHEMA IF NOT EXISTS chatapp;
CREATE TABLE IF NOT EXISTS meta (key text PRIMARY KEY, value text NOT NULL);
CREATE TABLE IF NOT EXISTS sources (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    path text NOT NULL,
    collection text NOT NULL,
    size bigint NOT NULL,
    mtime_ns bigint NOT NULL,
    digest text NOT NULL,
    run bigint NOT NULL,
    position bigint NOT NULL,
    done integer NOT NULL,
    UNIQUE (path, collection)
);
CREATE TABLE IF NOT EXISTS documents (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key text NOT NULL UNIQUE,
    source_id bigint REFERENCES sources(id) ON DELETE CASCADE,
    run bigint NOT NULL,
    uri text NOT NULL,
    title text NOT NULL,
    collection text NOT NULL,
    digest bytea NOT NULL,
    body bytea NOT NULL,
    date text COLLATE "C" NOT NULL,
    language text NOT NULL,
    kind text NOT NULL
);
CREATE INDEX IF NOT EXISTS documents_source ON documents(source_id);
CREATE INDEX IF NOT EXISTS documents_uri ON documents USING hash (uri);
CREATE INDEX IF NOT EXISTS documents_collection ON documents(collection);
CREATE SEQUENCE IF NOT EXISTS passage_numbers;
CREATE TABLE IF NOT EXISTS passages (
    id bigint PRIMARY KEY,
    document_id bigint NOT NULL REFERENCES documents(id) ON DELETE CASCADE,
    start integer NOT NULL,
    "end" integer NOT NULL,
    heading text NOT NULL
);
CREATE INDEX IF NOT EXISTS passages_document ON passages(document_id);
CREATE TABLE IF NOT EXISTS postings (
    stem text COLLATE "C" NOT NULL,
    passage bigint NOT NULL,
    often integer NOT NULL,
    words integer NOT NULL,
    PRIMARY KEY (stem, passage) INCLUDE (often, words)
);
CREATE TABLE IF NOT EXISTS totals (passages bigint NOT NULL, words bigint NOT NULL);
INSERT INTO totals SELECT 0, 0 WHERE NOT EXISTS (SELECT 1 FROM totals)
"""


def ensure_schema(connections: PostgresConnections) -> None:
    """Create what is missing.

    Raises:
        IndexUnavailable: out of reach, without pgvector, or written by a newer version.
    """
    with connections.reading() as sql:
        version = get_meta(sql, "version") if _exists(sql, "meta") else ""
    if version == VERSION:
        return
    if version:
        raise IndexUnavailable(
            f"the index {connections.location} was written by a newer version (format {version})",
            "update chatapp, or name another database in the setting `index.dsn`",
        )
    if connections.read_only:
        raise IndexUnavailable(
            f"there is no index at {connections.location}", "add files to it first"
        )
    with connections.writing() as sql:
        _require_pgvector(sql, connections)
        for statement in _TABLES.split(";\n"):
            sql.execute(statement)
        if not get_meta(sql, "database_id"):
            set_meta(sql, "database_id", secrets.token_hex(8))
        set_meta(sql, "version", VERSION)


def make_vectors_table(sql: Sql, dimension: int) -> None:
    """Make an empty table for vectors of a dimension, in place of the one there was."""
    sql.execute("DROP TABLE IF EXISTS vectors")
    sql.execute(
        "CREATE TABLE vectors ("
        " passage bigint PRIMARY KEY REFERENCES passages(id) ON DELETE CASCADE,"
        f" embedding vector({int(dimension)}) NOT NULL)"
    )
    # A vector is read as a whole or not at all, and does not get smaller by packing.
    sql.execute("ALTER TABLE vectors ALTER COLUMN embedding SET STORAGE PLAIN")


def _exists(sql: Sql, table: str) -> bool:
    row = sql.execute("SELECT to_regclass(?) IS NOT NULL", [f"{SCHEMA}.{table}"]).fetchone()
    return bool(row[0])


def _require_pgvector(sql: Sql, connections: PostgresConnections) -> None:
    if sql.execute("SELECT 1 FROM pg_extension WHERE extname = 'vector'").fetchone():
        return
    offered = sql.execute("SELECT 1 FROM pg_available_extensions WHERE name = 'vector'").fetchone()
    if not offered:
        raise IndexUnavailable(
            f"the server of {connections.location} has no pgvector",
            "install the extension `vector` on it: https://github.com/pgvector/pgvector",
        )
    sql.execute("CREATE EXTENSION IF NOT EXISTS vector SCHEMA public")
