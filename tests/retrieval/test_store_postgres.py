"""PostgreSQL keeps every promise of the protocol, and answers as the embedded store does."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from retrieval.embedding import Embedder, load_embedder
from retrieval.errors import IndexUnavailable
from retrieval.index import Index
from retrieval.store.protocol import Store
from retrieval.types import Hit
from tests.retrieval import real_postgres
from tests.retrieval.conformance import StoreConformance
from tests.retrieval.conftest import VOCABULARY, article, write_records
from tests.retrieval.test_store_postings import some_text

PROGRAMS = real_postgres.binaries()
pytestmark = pytest.mark.skipif(
    PROGRAMS is None, reason="the package pgserver, which brings PostgreSQL, is not installed"
)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The DSN of a running server."""
    assert PROGRAMS is not None
    with real_postgres.running(PROGRAMS) as dsn:
        yield dsn


@pytest.fixture
def dsn(server: str) -> str:
    """The DSN of an empty database."""
    return new_database(server)


def new_database(server: str) -> str:
    import psycopg

    name = f"d{uuid.uuid4().hex}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    return server.replace("/postgres?", f"/{name}?")


def open_store(dsn: str, embedder: Embedder | None, *, read_only: bool = False) -> Store:
    from retrieval.store.postgres.store import PostgresStore

    name, dimension = (embedder.id, embedder.dimension) if embedder else ("", 0)
    return PostgresStore.open(dsn, embedder=name, dimension=dimension, read_only=read_only)


class TestPostgresStore(StoreConformance):
    """PostgreSQL and pgvector, a real server."""

    @pytest.fixture(autouse=True)
    def database(self, dsn: str) -> None:
        """Every test has a database of its own."""
        self.dsn = dsn

    def open_store(self, place: Path, embedder: Embedder | None) -> Store:
        return open_store(self.dsn, embedder)


def test_both_stores_give_the_same_answers(
    dsn: str, index: Index, embedder_dir: Path, tmp_path: Path
) -> None:
    """The same documents, the same questions: the same ten best with the same scores.

    Where scores are equal any order is right; the hybrid score follows from those of the routes.
    """
    rng = random.Random(5)
    path = tmp_path / "a.jsonl"
    write_records(
        path,
        [
            {"id": str(n), "title": f"T{n} {rng.choice(VOCABULARY)}", "text": some_text(rng)}
            for n in range(150)
        ],
    )
    embedder = load_embedder(embedder_dir)
    other = Index(open_store(dsn, embedder), embedder)
    for each in (index, other):
        each.add([path])
        each.remove(f"{path.as_uri()}#7")
    assert index.status().passages == other.status().passages > 150
    assert index.rarity(["moon", "sea"]) == pytest.approx(other.rarity(["moon", "sea"]))
    for number in range(30):
        question = " ".join(rng.choices([*VOCABULARY, "rare7", "naive", "東京"], k=1 + number % 7))
        for mode in ("lexical", "dense", "hybrid"):
            assert_same(
                index.search(question, 10, mode=mode), other.search(question, 10, mode=mode)
            )
    other.close()


def assert_same(ours: list[Hit], theirs: list[Hit]) -> None:
    """Same scores in order; the same passages but for those that tie with the last one."""
    assert [hit.score for hit in ours] == pytest.approx([hit.score for hit in theirs], rel=1e-4)
    last = ours[-1].score if ours else 0.0
    for one, other in ((ours, theirs), (theirs, ours)):
        better = {hit.passage.id for hit in one if hit.score > last * 1.0001}
        assert better <= {hit.passage.id for hit in other}


def test_what_stands_in_the_way_is_said_with_its_fix(dsn: str, tmp_path: Path) -> None:
    """No server, a wrong address, no index yet, reading only, a newer format: five messages."""
    with pytest.raises(IndexUnavailable, match="cannot be reached") as caught:
        open_store(f"postgresql://someone:secret@/none?host={tmp_path}", None)
    assert "index.dsn" in caught.value.hint
    assert "secret" not in caught.value.message
    with pytest.raises(IndexUnavailable, match="cannot be understood"):
        open_store("postgres:no address", None)
    with pytest.raises(IndexUnavailable, match="there is no index"):
        open_store(dsn, None, read_only=True)
    open_store(dsn, None).close()
    reader = Index(open_store(dsn, None, read_only=True), None)
    with pytest.raises(IndexUnavailable, match="reading only"):
        reader.add_text("n:1", "N", "text", collection="n")
    assert reader.search("text") == []
    reader.close()
    writer = open_store(dsn, None)
    with writer.writing() as transaction:
        transaction.execute("UPDATE meta SET value = '99' WHERE key = 'version'")  # type: ignore[attr-defined]
    writer.close()
    with pytest.raises(IndexUnavailable, match="newer version"):
        open_store(dsn, None)


def test_a_server_that_restarts_is_met_again(dsn: str, embedder_dir: Path) -> None:
    """A connection that broke is an error once; the next search makes a new one."""
    import psycopg

    embedder = load_embedder(embedder_dir)
    index = Index(open_store(dsn, embedder), embedder)
    index.add_text("n:1", "Moon", "The moon orbits the earth.", collection="n")
    with psycopg.connect(dsn, autocommit=True) as other:
        other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    with pytest.raises(IndexUnavailable, match="cannot be reached"):
        index.search("moon")
    assert index.search("moon")[0].passage.title == "Moon"
    index.close()


def test_many_vectors_are_found_through_the_graph(
    dsn: str, embedder_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond the limit a graph is made, and finds what looking at all of them finds."""
    embedder = load_embedder(embedder_dir)
    index = Index(open_store(dsn, embedder), embedder)
    path = write_records(tmp_path / "a.jsonl", [article(n) for n in range(60)])
    index.add([path])
    exact = [hit.passage.id for hit in index.search("subject7", 5, mode="dense")]
    monkeypatch.setattr("retrieval.store.postgres.store.FLAT_LIMIT", 50)
    index.rebuild()
    assert [hit.passage.id for hit in index.search("subject7", 5, mode="dense")] == exact
    hits = index.search("subject7", 5, mode="dense", collections=["nowhere"])
    assert hits == []
    index.close()


def test_the_setting_moves_the_index_into_the_database(
    dsn: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """`index.dsn` is all it takes; the file in the home is not made, and the address is secret."""
    from chatapp import paths
    from chatapp.assistant.own_index import open_own_index

    monkeypatch.setenv("CHATAPP_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("CHATAPP_INDEX_DSN", dsn)
    index = open_own_index()
    index.add_text("n:1", "Moon", "The moon orbits the earth.", collection="n")
    assert index.status().path.startswith("postgresql://")
    index.close()
    assert not paths.index_path().exists()
