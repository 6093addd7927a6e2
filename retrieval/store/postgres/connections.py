"""Connections to PostgreSQL: one a thread, one writer at a time, errors in words.

The thing to know: readers hold a repeatable-read snapshot, so they see one state and never wait.
Writers of all processes take turns through an advisory lock, as they do on an SQLite file: no two
of them can add the same document, and none has to be repeated.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from retrieval.errors import IndexUnavailable
from retrieval.store.sql import Cursor

if TYPE_CHECKING:
    import psycopg

SCHEMA = "chatapp"
_WRITERS = 0x63686174  # the advisory lock of those who write
_PATIENCE_MS = 30_000  # for the lock and for a connection


class PostgresSql:
    """A connection as the shared statements want it: `?` for values."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self.connection = connection

    def execute(self, sql: str, values: Sequence[Any] = (), /) -> Cursor:
        """Run one statement."""
        # The text is ours and constant up to lists of marks; values always travel apart from it.
        return self.connection.execute(sql.replace("?", "%s").encode(), values or None)

    def executemany(self, sql: str, rows: Iterable[Sequence[Any]], /) -> None:
        """Run one statement for each row of values."""
        with self.connection.cursor() as cursor:
            cursor.executemany(sql.replace("?", "%s").encode(), rows)


class PostgresConnections:
    """The connections of one process to one database."""

    def __init__(self, dsn: str, *, read_only: bool) -> None:
        self.read_only = read_only
        self.location = _without_secrets(dsn)
        self._dsn = dsn
        self._local = threading.local()
        self._opened: list[psycopg.Connection[Any]] = []
        self._guard = threading.Lock()
        self._closed = False

    @contextmanager
    def reading(self) -> Iterator[PostgresSql]:
        """Hold one snapshot; within this thread's own transaction, that transaction."""
        with self._explained():
            connection = self._connection()
            if connection.info.transaction_status.name != "IDLE":
                yield PostgresSql(connection)
                return
            with connection.transaction():
                connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
                yield PostgresSql(connection)

    @contextmanager
    def writing(self) -> Iterator[PostgresSql]:
        """Hold one transaction: all of it is committed, or none of it.

        Raises:
            IndexUnavailable: opened for reading only, locked for too long, or the server refused.
        """
        if self.read_only:
            raise IndexUnavailable(
                f"the index {self.location} is open for reading only", "open it without read_only"
            )
        with self._explained():
            connection = self._connection()
            with connection.transaction():
                connection.execute(f"SET LOCAL lock_timeout = {_PATIENCE_MS}")
                connection.execute("SELECT pg_advisory_xact_lock(%s)", [_WRITERS])
                yield PostgresSql(connection)

    def close(self) -> None:
        """Close every thread's connection; later use raises `IndexUnavailable`."""
        self._closed = True
        with self._guard:
            for connection in self._opened:
                with suppress(Exception):
                    connection.close()
            self._opened.clear()

    def _connection(self) -> psycopg.Connection[Any]:
        if self._closed:
            raise IndexUnavailable(f"the index {self.location} is closed", "open it again")
        connection: psycopg.Connection[Any] | None = getattr(self._local, "connection", None)
        if connection is None or connection.closed or connection.broken:
            connection = self._local.connection = self._connect()
            with self._guard:
                self._opened = [each for each in self._opened if not each.closed]
                self._opened.append(connection)
        return connection

    def _connect(self) -> psycopg.Connection[Any]:
        import psycopg

        connection = psycopg.connect(
            self._dsn,
            autocommit=True,  # transactions are opened by name, above
            connect_timeout=_PATIENCE_MS // 1000,
            options=f"-c search_path={SCHEMA},public",
            application_name="chatapp",
        )
        # A plan made for all values is a bad plan for the rarest and the commonest words.
        connection.prepare_threshold = None
        return connection

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn the driver's errors into `IndexUnavailable` with a way out."""
        import psycopg

        try:
            yield
        except psycopg.Error as error:
            raise self._explain(error) from error

    def _explain(self, error: psycopg.Error) -> IndexUnavailable:
        import psycopg

        said = (str(error).strip() or type(error).__name__).splitlines()[0]
        if isinstance(error, psycopg.errors.LockNotAvailable):
            return IndexUnavailable(
                f"the index {self.location} is busy: another process has been writing for"
                f" {_PATIENCE_MS // 1000} s",
                "wait for it to finish, then try again",
            )
        if isinstance(error, psycopg.errors.DiskFull):
            return IndexUnavailable(
                f"the server's disk refused to write the index {self.location}: {said}",
                "free some space there; what was committed is safe, and adding again continues",
            )
        if isinstance(error, psycopg.OperationalError):
            return IndexUnavailable(
                f"the index {self.location} cannot be reached: {said}",
                "check that the server runs and that the setting `index.dsn` is right",
            )
        if isinstance(error, psycopg.errors.InsufficientPrivilege):
            return IndexUnavailable(
                f"the index {self.location} refused: {said}",
                "let this user create and write the schema `chatapp`",
            )
        return IndexUnavailable(
            f"the index {self.location} failed: {said}", "report this with the message"
        )


def _without_secrets(dsn: str) -> str:
    """Return a DSN as it may be shown: host, port and database."""
    try:
        from psycopg import ProgrammingError
        from psycopg.conninfo import conninfo_to_dict
    except ImportError as error:
        raise IndexUnavailable(
            "the index is to be in PostgreSQL, and the package for that is not installed",
            "in the repository of chatapp, type .venv/bin/pip install -e '.[postgres]', "
            "or clear the setting `index.dsn`",
        ) from error
    try:
        known = conninfo_to_dict(dsn)
    except ProgrammingError as error:
        raise IndexUnavailable(
            "the address of the PostgreSQL index cannot be understood",
            "write it as postgresql://user@host:5432/database in the setting `index.dsn`",
        ) from error
    port = f":{known['port']}" if known.get("port") else ""
    return f"postgresql://{known.get('host', 'localhost')}{port}/{known.get('dbname', '')}"
