"""The embedded store keeps every promise of the protocol, and old files keep working."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest
from sqlite_utils import Database

from retrieval.embedding import Embedder
from retrieval.errors import IndexUnavailable
from retrieval.index import Index
from retrieval.store import segments
from retrieval.store.database import open_connections
from retrieval.store.embedded import SqliteStore
from retrieval.store.protocol import Store
from retrieval.types import Filters
from tests.retrieval.conformance import StoreConformance
from tests.retrieval.conftest import article, write_records


class TestSqliteStore(StoreConformance):
    """SQLite FTS5 and FAISS."""

    def open_store(self, place: Path, embedder: Embedder | None) -> Store:
        name, dimension = (embedder.id, embedder.dimension) if embedder else ("", 0)
        return SqliteStore.open(
            place / "home" / "index.sqlite3", embedder=name, dimension=dimension
        )


def as_version_1(path: Path) -> None:
    """Take from an index file what format 2 added."""
    with sqlite3.connect(path) as database:
        for column in ("date", "language", "kind"):
            database.execute(f"ALTER TABLE documents DROP COLUMN {column}")
        database.execute("DROP TABLE removals")
        database.execute("PRAGMA user_version=1")
    database.close()


def test_a_file_of_the_first_format_is_brought_up_to_date(
    index: Index, home: Path, embedder_dir: Path, tmp_path: Path
) -> None:
    """Nothing has to be added again: it searches, filters by what it knows, and goes on."""
    records = write_records(tmp_path / "a.jsonl", [article(n) for n in range(10)])
    index.add([records])
    index.add_text("https://example.org/1", "Page", "About subject77.", collection="pages")
    index.close()
    path = home / "index.sqlite3"
    as_version_1(path)
    with pytest.raises(IndexUnavailable, match="older format") as caught:
        Index.open(path, embedder_dir=embedder_dir, read_only=True)
    assert "open it once" in caught.value.hint
    opened = Index.open(path, embedder_dir=embedder_dir)
    assert opened.search("subject7", mode="lexical")[0].passage.title == "Title 7"
    [hit] = opened.search("subject77", mode="dense", filters=Filters(kinds=("web",)))
    assert hit.passage.title == "Page"
    assert opened.add([records]).unchanged == 10
    assert opened.remove("https://example.org/1") == 1
    opened.close()


def test_an_index_that_another_process_makes_meanwhile_is_opened(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Version and tables are looked at in one moment, whatever is committed in between."""
    path = home / "index.sqlite3"
    look = Database.table_names

    def others_first(database: Database) -> list[str]:
        monkeypatch.setattr(Database, "table_names", look)
        open_connections(path, read_only=False).close()
        return look(database)

    monkeypatch.setattr(Database, "table_names", others_first)
    open_connections(path, read_only=False).close()


def test_a_new_file_that_another_process_holds_is_waited_for(home: Path) -> None:
    """SQLite refuses the switch of a new file to its log at once; it is asked for again."""
    home.mkdir()
    path = home / "index.sqlite3"
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        release = threading.Timer(0.3, other.rollback)
        release.start()
        open_connections(path, read_only=False).close()
        release.join()


def test_a_table_that_is_merged_again_and_again_is_filled_anew_in_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FTS5 adds a level with every merge and breaks at 2,000; no passage is lost on the way."""
    monkeypatch.setattr(segments, "MOST_LEVELS", 12)
    store = SqliteStore.open(tmp_path / "index.sqlite3", embedder="", dimension=0)
    with closing(Index(store, None)) as index:
        index.add_text("t:stays", "Quagga", "The quagga lived in Africa.", collection="t")
        for number in range(20):
            key = index.add_text(f"t:{number}", "Dodo", f"Dodo {number} flew.", collection="t")
            index.remove(key)
        assert [hit.passage.title for hit in index.search("quagga")] == ["Quagga"]
        assert index.search("dodo") == []
    with closing(sqlite3.connect(tmp_path / "index.sqlite3")) as database:
        assert segments.levels(Database(database)) < 20
        words = database.execute("SELECT term FROM passages_vocabulary").fetchall()
    assert ("quagga",) in words
    assert ("dodo",) not in words


def test_an_index_in_memory_outlasts_thousands_of_pages() -> None:
    """An empty table starts again at one level: the pages of a browse come and go for days."""
    store = SqliteStore.open(Path(":memory:"), embedder="", dimension=0)
    index = Index(store, None)
    for number in range(40):
        index.remove(index.add_text(f"t:{number}", "Dodo", "It flew.", collection="t"))
    with store._connections.reading() as database:
        assert segments.levels(database) <= 1
    index.close()
