"""PostgreSQL keeps every promise of the protocol, and answers as the embedded store does."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from retrieval.embedding import Embedder
from retrieval.store.protocol import Store
from tests.retrieval import real_postgres
from tests.retrieval.conformance import StoreConformance

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
