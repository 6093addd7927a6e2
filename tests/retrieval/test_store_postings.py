"""The copy of full text: equal to FTS5 whatever happens, and never trusted blindly."""

from __future__ import annotations

import random
from contextlib import suppress
from pathlib import Path

import pytest

from retrieval.index import Index
from retrieval.store import lexical
from retrieval.store.embedded import SqliteStore
from retrieval.store.protocol import Scope, Scored
from retrieval.types import Filters
from tests.retrieval.conftest import VOCABULARY, write_records

EVERYTHING = Scope()


@pytest.fixture(autouse=True)
def small_copies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thresholds low enough that a small index has a copy, a tail and merges."""
    monkeypatch.setattr("retrieval.store.fulltext.SMALLEST", 50)
    monkeypatch.setattr("retrieval.store.fulltext._LONG_TAIL", 40)
    monkeypatch.setattr("retrieval.store.postings.build.BLOCK_POSTINGS", 500)


def some_text(rng: random.Random) -> str:
    """Words of very different rarity, some with accents, digits and other scripts."""
    extra = ["naïve", "Ünïcode", "x2", "東京", "running", "runs", f"rare{rng.randrange(40)}"]
    words = rng.choices(VOCABULARY + extra, k=rng.randrange(5, 300))
    return " ".join(words).capitalize() + "."


def fill(index: Index, tmp_path: Path, seed: int, count: int = 60) -> Path:
    """Add a record file of random articles."""
    rng = random.Random(seed)
    path = tmp_path / f"{seed}.jsonl"
    index.add(
        [
            write_records(
                path,
                [
                    {
                        "id": f"{seed}-{n}",
                        "title": f"T {rng.choice(VOCABULARY)}",
                        "text": some_text(rng),
                    }
                    for n in range(count)
                ],
            )
        ]
    )
    return path


def both(index: Index, words: list[str], k: int, scope: Scope) -> tuple[list[Scored], list[Scored]]:
    """Return what the copy and what FTS5 say; the copy must have answered."""
    store = index._store
    assert isinstance(store, SqliteStore)
    with store.reading() as session:
        copy = store._shared.full_text.search(session, index.stems(words), k, scope)
        assert copy is not None
        return copy, lexical.search_fts(session, words, k, scope)


def assert_equal(index: Index, scope: Scope = EVERYTHING) -> None:
    """The copy gives the scores of FTS5 for many queries."""
    rng = random.Random(0)
    for _ in range(25):
        words = rng.choices(
            [*VOCABULARY, "naive", "東京", "rare7", "run", "absent"], k=rng.randrange(1, 9)
        )
        for k in (3, 100):
            copy, truth = both(index, words, k, scope)
            assert [hit.score for hit in copy] == pytest.approx([hit.score for hit in truth])
            last = truth[-1].score if truth else 0.0
            better = {hit.passage for hit in truth if hit.score > last + 1e-9}
            assert better <= {hit.passage for hit in copy}


def test_scores_equal_those_of_fts5_through_additions_and_removals(
    index: Index, home: Path, tmp_path: Path
) -> None:
    """Copy alone, with a tail, with the dead left out, merged, and in another process's view."""
    first = fill(index, tmp_path, 1)
    assert (home / "index.postings").exists()
    assert_equal(index)
    before = (home / "index.postings").stat().st_mtime_ns
    for number in range(12):
        index.add_text(f"n:{number}", "Moon", some_text(random.Random(number)), collection="notes")
    assert_equal(index)
    assert_equal(index, Scope(("notes",)))
    assert_equal(index, Scope((), Filters(paths=("*.jsonl",))))
    index.remove("n:3")
    assert_equal(index)
    assert (home / "index.postings").stat().st_mtime_ns == before
    fill(index, tmp_path, 2)
    assert (home / "index.postings").stat().st_mtime_ns != before
    assert_equal(index)
    assert index.remove(str(first)) == 60
    assert_equal(index)
    for stem in index.stems(["moon", "rare7", "absent"]):
        store = index._store
        with store.reading() as session:
            truth = lexical.document_frequencies(session, [stem])
            assert session.frequencies([stem])[stem] == truth.get(stem, 0)


def test_every_flipped_byte_is_noticed_where_it_matters(
    index: Index, home: Path, embedder_dir: Path, tmp_path: Path
) -> None:
    """A damaged copy is dropped: the answer is FTS5's, and the next addition writes it anew."""
    fill(index, tmp_path, 1)
    queries = [["moon", "rare7"], ["city", "東京"], ["harbour"]]
    wanted = [
        [hit.passage.id for hit in index.search(" ".join(q), mode="lexical")] for q in queries
    ]
    index.close()
    path = home / "index.postings"
    data = path.read_bytes()
    for place in range(3, len(data), max(1, len(data) // 60)):
        path.write_bytes(data[:place] + bytes([data[place] ^ 0x10]) + data[place + 1 :])
        opened = Index.open(home / "index.sqlite3", embedder_dir=embedder_dir)
        for query, expected in zip(queries, wanted, strict=True):
            found = opened.search(" ".join(query), mode="lexical")
            assert [hit.passage.id for hit in found] == expected, place
        opened.close()
    for damaged in (b"", data[:-7], data[: len(data) // 2], b"{}"):
        path.write_bytes(damaged)
        opened = Index.open(home / "index.sqlite3", embedder_dir=embedder_dir)
        assert [hit.passage.id for hit in opened.search("moon rare7", mode="lexical")] == wanted[0]
        opened.rebuild()
        assert path.read_bytes()[-16:-8] == b"chatapp2"
        opened.close()


def test_a_copy_of_another_database_is_not_used(
    index: Index, home: Path, embedder_dir: Path, tmp_path: Path
) -> None:
    """The files of two indexes get mixed up: each still finds its own passages."""
    fill(index, tmp_path, 1)
    other = Index.open(tmp_path / "other" / "index.sqlite3", embedder_dir=embedder_dir)
    fill(other, tmp_path, 2)
    wanted = [hit.passage.id for hit in index.search("rare7 moon")]
    index.close()
    other.close()
    for suffix in (".postings", ".faiss"):
        (tmp_path / "other" / f"index{suffix}").replace(home / f"index{suffix}")
    again = Index.open(home / "index.sqlite3", embedder_dir=embedder_dir)
    assert [hit.passage.id for hit in again.search("rare7 moon")] == wanted
    again.close()


def test_a_database_put_back_to_an_earlier_state_is_told_apart(
    index: Index, home: Path, embedder_dir: Path, tmp_path: Path
) -> None:
    """Commits lost in a power failure: their numbers are given away again, no cache is used."""
    fill(index, tmp_path, 1)
    index.close()
    path = home / "index.sqlite3"
    early = path.read_bytes()
    later = Index.open(path, embedder_dir=embedder_dir)
    fill(later, tmp_path, 2)
    later.close()
    path.write_bytes(early)
    again = Index.open(path, embedder_dir=embedder_dir)
    fill(again, tmp_path, 3)
    modes = ("lexical", "dense")
    found = [[hit.passage.id for hit in again.search("rare7 moon", 20, mode=m)] for m in modes]
    again.rebuild()
    assert found == [
        [hit.passage.id for hit in again.search("rare7 moon", 20, mode=m)] for m in modes
    ]
    again.close()


def test_what_a_transaction_has_not_committed_stays_out_of_the_copy(
    index: Index, tmp_path: Path
) -> None:
    """A search within a transaction sees its changes; after a rollback nobody does."""
    fill(index, tmp_path, 1)
    store = index._store
    key = index.add_text("n:1", "Moon", "The quagga.", collection="n")
    with suppress(ZeroDivisionError), store.writing() as transaction:
        transaction.delete([transaction.stored([key])[key].id])
        assert transaction.lexical(["quagga"], 5, Scope()) == []
        raise ZeroDivisionError
    assert [hit.passage.document_id for hit in index.search("quagga", mode="lexical")] == [key]
