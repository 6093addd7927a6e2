"""Open the index file: pragmas, schema, one connection per thread, one writer at a time.

The thing to know: several processes share the file. Readers never wait (WAL); writers take turns
through `BEGIN IMMEDIATE` and the busy timeout. Memory-mapping stays off, because a truncated file
would kill the process with SIGBUS where an ordinary read raises an error a person can act on.
A database in memory is its connection's own: only the thread that opened it can use it.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sqlite_utils import Database

from retrieval.errors import IndexUnavailable
from retrieval.store.migrations import migrate
from retrieval.store.stemming import TOKENIZER
from retrieval.store.write_ahead import write_ahead

SCHEMA_VERSION = 2
BUSY_SECONDS = 30.0

# `documents.body` is the text, stored once, compressed; passages are offsets into it. The full-text
# table is contentless: it holds postings only, so deleting from it hands it the old text again.
# Passage ids are never reused (AUTOINCREMENT), and `removals` lists the runs of ids that are gone,
# so a cache can tell new, old and gone apart.
_SCHEMA = f"""
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE sources (
    id INTEGER PRIMARY KEY,
    path TEXT NOT NULL,
    collection TEXT NOT NULL,
    size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    digest TEXT NOT NULL,
    run INTEGER NOT NULL,
    position INTEGER NOT NULL,
    done INTEGER NOT NULL,
    UNIQUE (path, collection)
);
CREATE TABLE documents (
    id INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    source_id INTEGER REFERENCES sources(id) ON DELETE CASCADE,
    run INTEGER NOT NULL,
    uri TEXT NOT NULL,
    title TEXT NOT NULL,
    collection TEXT NOT NULL,
    digest BLOB NOT NULL,
    body BLOB NOT NULL,
    date TEXT NOT NULL DEFAULT '',
    language TEXT NOT NULL DEFAULT '',
    kind TEXT NOT NULL DEFAULT 'text'
);
CREATE INDEX documents_source ON documents(source_id);
CREATE INDEX documents_uri ON documents(uri);
CREATE INDEX documents_collection ON documents(collection);
CREATE TABLE passages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    document_id INTEGER NOT NULL REFERENCES documents(id) ON DELETE CASCADE,
    start INTEGER NOT NULL,
    end INTEGER NOT NULL,
    heading TEXT NOT NULL
);
CREATE INDEX passages_document ON passages(document_id);
CREATE TABLE removals (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL
);
CREATE TABLE vectors (
    document_id INTEGER PRIMARY KEY REFERENCES documents(id) ON DELETE CASCADE,
    first_passage INTEGER NOT NULL,
    data BLOB NOT NULL
);
CREATE INDEX vectors_first_passage ON vectors(first_passage);
CREATE VIRTUAL TABLE passages_fts USING fts5 (
    title, heading, text,
    content='', tokenize='{TOKENIZER}'
);
CREATE VIRTUAL TABLE passages_vocabulary USING fts5vocab (passages_fts, 'row');
INSERT INTO passages_fts (passages_fts, rank) VALUES ('hashsize', 33554432);
"""


IN_MEMORY = Path(":memory:")
"""The path of a database that never touches the disk."""


class Connections:
    """One SQLite connection per thread on one file, and the process's write lock."""

    def __init__(self, path: Path, *, read_only: bool) -> None:
        self.path = path
        self.read_only = read_only
        self._local = threading.local()
        self._opened: list[Database] = []
        self._guard = threading.Lock()
        self._writing = threading.RLock()
        self._closed = False

    def reader(self) -> Database:
        """Return this thread's connection."""
        if self._closed:
            raise IndexUnavailable(f"the index {self.path} is closed", "open it again")
        database: Database | None = getattr(self._local, "database", None)
        if database is None:
            database = _connect(self.path, read_only=self.read_only)
            self._local.database = database
            with self._guard:
                self._opened.append(database)
        return database

    @contextmanager
    def writing(self) -> Iterator[Database]:
        """Hold the write lock for one transaction: all of it is committed, or none of it.

        Raises:
            IndexUnavailable: opened read-only, locked for too long, or the disk refused.
        """
        if self.read_only:
            raise IndexUnavailable(
                f"the index {self.path} is open for reading only", "open it without read_only"
            )
        with self._writing, _explained(self.path):
            database = self.reader()
            database.execute("BEGIN IMMEDIATE")
            try:
                yield database
            except BaseException:
                database.conn.rollback()
                raise
            database.conn.commit()

    @contextmanager
    def reading(self) -> Iterator[Database]:
        """Hold one snapshot: all statements see the same state, whatever others write meanwhile.

        Within this thread's own transaction the snapshot is that transaction.
        """
        with _explained(self.path):
            database = self.reader()
            if database.conn.in_transaction:
                yield database
                return
            database.execute("BEGIN")
            try:
                yield database
            finally:
                database.conn.rollback()

    def checkpoint(self) -> None:
        """Move the write-ahead log into the file, as far as readers allow, and shorten it."""
        with _explained(self.path):
            database = self.reader()
            database.execute("PRAGMA busy_timeout=0")  # a reader is no reason to wait
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            database.execute(f"PRAGMA busy_timeout={BUSY_SECONDS * 1000:.0f}")

    def close(self) -> None:
        """Close every thread's connection; later use raises `IndexUnavailable`."""
        self._closed = True
        with self._guard:
            for database in self._opened:
                with suppress(sqlite3.Error):
                    database.conn.close()
            self._opened.clear()


def open_connections(path: Path, *, read_only: bool) -> Connections:
    """Open `path`, creating file and schema when missing.

    Raises:
        IndexUnavailable: not a chatapp index, damaged, newer than this program, or not writable.
    """
    connections = Connections(path, read_only=read_only)
    with _explained(path):
        if read_only and not path.exists():
            raise IndexUnavailable(f"there is no index at {path}", "add files to it first")
        if not read_only:
            _make_parent(path)
        _ensure_schema(connections)
    return connections


def _make_parent(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise IndexUnavailable(
            f"cannot create the folder {path.parent}: {error.strerror}",
            "make it writable, or set CHATAPP_HOME to a folder that is",
        ) from error


def _connect(path: Path, *, read_only: bool) -> Database:
    mode = "ro" if read_only else "rwc"
    if read_only and not os.access(path.parent, os.W_OK) and not _has_log(path):
        # Even a reader of a WAL file writes beside it. Where it cannot, and no log waits to be
        # read, nobody else can be writing either.
        mode = "ro&immutable=1"
    connection = sqlite3.connect(
        str(path) if path == IN_MEMORY else f"{path.absolute().as_uri()}?mode={mode}",
        uri=path != IN_MEMORY,
        timeout=BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,  # `close()` may come from another thread; use stays per thread
    )
    database = Database(connection, execute_plugins=False)
    for pragma in ("mmap_size=0", "cache_size=-65536", "foreign_keys=ON", "temp_store=MEMORY"):
        database.execute(f"PRAGMA {pragma}")
    if not read_only:
        write_ahead(database, BUSY_SECONDS)
        # FAST zeroes freed content wherever that costs no extra write; removal asks for more.
        for pragma in ("synchronous=NORMAL", "secure_delete=FAST"):
            database.execute(f"PRAGMA {pragma}")
        database.execute("PRAGMA wal_autocheckpoint=4000")
    return database


def _has_log(path: Path) -> bool:
    log = path.with_name(f"{path.name}-wal")
    return log.exists() and log.stat().st_size > 0


def _ensure_schema(connections: Connections) -> None:
    with connections.reading() as database:  # one moment, for another process may be creating it
        version = int(database.execute("PRAGMA user_version").fetchone()[0])
        is_empty = not database.table_names()
    if version == SCHEMA_VERSION:
        return
    if version > SCHEMA_VERSION:
        raise IndexUnavailable(
            f"the index {connections.path} was written by a newer version (format {version})",
            "update chatapp, or move the file away and add your files again",
        )
    if version == 0 and (not is_empty or connections.read_only):
        raise IndexUnavailable(
            f"{connections.path} is not a chatapp index", "choose another path for the index"
        )
    if connections.read_only:
        raise IndexUnavailable(
            f"the index {connections.path} is of an older format ({version}) and opened for reading"
            " only",
            "open it once where it may be written, for example with `chatapp index status`",
        )
    if version:
        _upgrade(connections)
    else:
        _create(connections)


def _upgrade(connections: Connections) -> None:
    with connections.writing() as database:
        version = int(database.execute("PRAGMA user_version").fetchone()[0])
        migrate(database, version)  # none is left when another process was quicker
        database.execute(f"PRAGMA user_version={SCHEMA_VERSION}")


def _create(connections: Connections) -> None:
    with connections.writing() as database:
        if database.execute("PRAGMA user_version").fetchone()[0] == SCHEMA_VERSION:
            return  # another process created it while this one waited for the lock
        for statement in _SCHEMA.split(";\n"):
            if statement.strip():
                database.execute(statement)
        database.execute(
            "INSERT INTO meta (key, value) VALUES ('database_id', ?)", [secrets.token_hex(8)]
        )
        database.execute(f"PRAGMA user_version={SCHEMA_VERSION}")


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into `IndexUnavailable` with a way out."""
    try:
        yield
    except sqlite3.Error as error:
        raise _explain(path, error) from error


def _explain(path: Path, error: sqlite3.Error) -> IndexUnavailable:
    code = (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return IndexUnavailable(
            f"the index {path} is busy: another process has been writing for {BUSY_SECONDS:.0f} s",
            "wait for it to finish, then try again",
        )
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
        return IndexUnavailable(
            f"the index {path} cannot be opened or written: {error}",
            "make its folder writable, or set CHATAPP_HOME to a folder that is",
        )
    if code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
        return IndexUnavailable(
            f"the disk refused to write the index {path}: {error}",
            "free some space; what was committed is safe, and adding again continues",
        )
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return IndexUnavailable(
            f"the index {path} is damaged: {error}",
            "move the file away and add your files again; the sources are untouched",
        )
    return IndexUnavailable(f"the index {path} failed: {error}", "report this with the message")
