"""Pages as they were read, in one SQLite file, for a while: what RFC 9111 calls a private cache.

The thing to know: it holds texts, not files: a page after the guard, the limits and the parser. So
an answer from it is exactly what the network gave, and it can be replayed with the network off. It
may be deleted at any time; a damaged file is dropped, and one that is busy is done without. Any
thread may call it.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from sqlite_utils import Database

from retrieval.store.write_ahead import write_ahead
from retrieval.web.freshness import DAY
from retrieval.web.urls import parse

VERSION = 2  # of the tables, and of what the parser makes of a page
_BUSY_SECONDS = 2.0
_SPARED = 0.9  # of the limit is left when it was reached
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}

_SCHEMA = (
    """CREATE TABLE answers (
        url TEXT PRIMARY KEY, status INTEGER NOT NULL, location TEXT NOT NULL,
        content BLOB NOT NULL, etag TEXT NOT NULL, last_modified TEXT NOT NULL,
        fetched_at REAL NOT NULL, good_until REAL NOT NULL, must_ask INTEGER NOT NULL,
        size INTEGER NOT NULL, used_at REAL NOT NULL)""",
    """CREATE TABLE robots (
        origin TEXT PRIMARY KEY, fetched_at REAL NOT NULL, status INTEGER NOT NULL,
        text TEXT NOT NULL)""",
    "CREATE TABLE hosts (host TEXT PRIMARY KEY, free_at REAL NOT NULL)",
)

T = TypeVar("T")


@dataclass(frozen=True)
class Robots:
    """A site's robots.txt: when it was asked for, the status of the answer, and its text."""

    origin: str
    fetched_at: float
    status: int
    text: str


@dataclass(frozen=True)
class Stored:
    """One answer of a server, and until when it is good (seconds since the epoch).

    `content` is JSON: a page's text and links; null for a redirect (`location`) and for an answer
    that says no.
    """

    url: str
    status: int
    location: str
    content: Any
    etag: str
    last_modified: str
    fetched_at: float
    good_until: float
    must_ask: bool


class PageCache:
    """The file `path`, made when something is first kept. `limit`: bytes of packed contents."""

    def __init__(
        self, path: Path, limit: int = 200 << 20, clock: Callable[[], float] = time.time
    ) -> None:
        self._path, self._limit, self._clock = path, limit, clock
        self._lock = threading.RLock()
        self._database: Database | None = None

    def get(self, url: str, *, touch: bool = True) -> Stored | None:
        """Return what is stored, fresh or not. With `touch` false, nothing is written."""

        def found(database: Database) -> Stored | None:
            for row in database.table("answers").rows_where("url = ?", [url]):
                if touch:
                    database.table("answers").update(url, {"used_at": self._clock()})
                return _stored(row)
            return None

        return self._with(found, None)

    def put(self, stored: Stored) -> None:
        """Keep an answer in place of an older one; the least recently used make room for it."""
        content = zlib.compress(json.dumps(stored.content).encode())
        size = len(content) + len(stored.url)
        row = {**asdict(stored), "content": content, "size": size, "used_at": self._clock()}

        def keep(database: Database) -> None:
            database.table("answers").upsert(row, pk="url")
            self._make_room(database)

        if size <= self._limit // 4:
            self._with(keep, None, make=True)

    def robots(self, origin: str) -> Robots | None:
        """Return what a site's robots.txt said."""

        def found(database: Database) -> Robots | None:
            for row in database.table("robots").rows_where("origin = ?", [origin]):
                return Robots(**row)
            return None

        return self._with(found, None)

    def put_robots(self, robots: Robots) -> None:
        """Keep a site's robots.txt; those of a week ago go."""

        def keep(database: Database) -> None:
            database.table("robots").upsert(asdict(robots), pk="origin")
            database.table("robots").delete_where("fetched_at < ?", [self._clock() - 7 * DAY])

        self._with(keep, None, make=True)

    def left(self, host: str) -> float:
        """Return the seconds until a host may be asked, by any process; nothing is written."""
        return self._with(lambda database: _left(database, host, self._clock()), 0.0)

    def claim(self, host: str, seconds: float) -> float:
        """Take the next turn at a host; return the seconds until it is free.

        At 0 it was free, and for every other process it is not again for `seconds`.
        """

        def taken(database: Database) -> float:
            now = self._clock()
            with _transaction(database):
                left = _left(database, host, now)
                if not left:
                    _rest(database, host, now, seconds)
            return left

        return self._with(taken, 0.0, make=True)

    def rest(self, host: str, seconds: float) -> None:
        """Leave a host alone for so long, or as long as was said before, in every process."""

        def keep(database: Database) -> None:
            now = self._clock()
            with _transaction(database):
                if seconds > _left(database, host, now):
                    _rest(database, host, now, seconds)

        self._with(keep, None, make=True)

    def forget(self, urls: Iterable[str]) -> int:
        """Remove answers for good, with the redirects to them; return how many there were."""
        gone = [str(parse(url)) for url in urls]

        def remove(database: Database) -> int:
            before = int(database.table("answers").count)
            for url in gone:
                database.table("answers").delete_where("url = ? or location = ?", [url, url])
                database.table("hosts").delete_where("host = ?", [parse(url).authority])
            _shrink(database)
            return before - int(database.table("answers").count)

        return self._with(remove, 0)

    def purge(self) -> int:
        """Remove everything for good; return how many answers there were."""

        def remove(database: Database) -> int:
            before = int(database.table("answers").count)
            database.table("answers").delete_where()
            database.table("robots").delete_where()
            database.table("hosts").delete_where()
            _shrink(database)
            return before

        return self._with(remove, 0)

    def size(self) -> tuple[int, int]:
        """Return how many answers are kept, and their bytes."""

        def measure(database: Database) -> tuple[int, int]:
            [(count, size)] = database.execute(
                "select count(*), coalesce(sum(size), 0) from answers"
            ).fetchall()
            return int(count), int(size)

        return self._with(measure, (0, 0))

    def close(self) -> None:
        """Close the file; the next call opens it again."""
        with self._lock:
            if self._database is not None:
                self._database.close()
            self._database = None

    def _with(self, work: Callable[[Database], T], otherwise: T, *, make: bool = False) -> T:
        """Return `work(database)`, or `otherwise` where there is no file or it cannot be used."""
        with self._lock:
            try:
                if self._database is None:
                    if not (make or self._path.exists()):
                        return otherwise
                    self._database = _connected(self._path)
                return work(self._database)
            except (sqlite3.Error, OSError) as error:
                self.close()
                if getattr(error, "sqlite_errorcode", 0) in _DAMAGED:
                    _remove(self._path)  # nothing in it is worth saving
                # else it is busy, read-only, or the disk is full: done without
            return otherwise

    def _make_room(self, database: Database) -> None:
        [(size,)] = database.execute("select coalesce(sum(size), 0) from answers").fetchall()
        if size <= self._limit:
            return
        database.table("answers").delete_where(
            "rowid in (select id from (select rowid as id, sum(size) over"
            " (order by used_at desc, rowid desc) as total from answers) where total > ?)",
            [int(self._limit * _SPARED)],
        )
        _shrink(database)


def _stored(row: dict[str, Any]) -> Stored:
    kept = {name: row[name] for name in Stored.__dataclass_fields__}
    content = json.loads(zlib.decompress(row["content"]))
    return Stored(**{**kept, "content": content, "must_ask": bool(row["must_ask"])})


def _connected(path: Path) -> Database:
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path, timeout=_BUSY_SECONDS, check_same_thread=False)
    database = Database(connection)
    try:
        write_ahead(database, _BUSY_SECONDS)
        database.execute("pragma secure_delete = on")
        _make_tables(database)
    except BaseException:
        database.close()
        raise
    return database


def _left(database: Database, host: str, now: float) -> float:
    for row in database.table("hosts").rows_where("host = ?", [host]):
        return max(0.0, float(row["free_at"]) - now)
    return 0.0


def _rest(database: Database, host: str, now: float, seconds: float) -> None:
    """Note a rest; those that are over go."""
    database.execute("delete from hosts where free_at < ?", [now])
    database.execute("insert or replace into hosts values (?, ?)", [host, now + seconds])


@contextmanager
def _transaction(database: Database) -> Iterator[None]:
    """Hold the file for writing from the first look on: no other process comes in between."""
    database.execute("begin immediate")
    try:
        yield
        database.execute("commit")
    except BaseException:
        database.execute("rollback")
        raise


def _make_tables(database: Database) -> None:
    """Make the tables, in one go: another window may be opening the same file."""
    if _version(database) == VERSION:
        return
    database.execute("pragma auto_vacuum = incremental")  # before the first table
    with _transaction(database):
        if _version(database) != VERSION:
            for name in database.table_names():  # of another version: read from the network again
                database.execute(f'drop table "{name}"')
            for statement in _SCHEMA:
                database.execute(statement)
            database.execute(f"pragma user_version = {VERSION}")


def _version(database: Database) -> int:
    [(version,)] = database.execute("pragma user_version").fetchall()
    return int(version)


def _shrink(database: Database) -> None:
    """Give the room of what was removed back to the disk, and leave no copy of it in the log."""
    database.execute("pragma incremental_vacuum").fetchall()
    database.execute("pragma wal_checkpoint(truncate)").fetchall()


def _remove(path: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        Path(f"{path}{suffix}").unlink(missing_ok=True)
