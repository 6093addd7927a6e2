"""Searching: safe queries, both routes, and a vector cache that can be thrown away."""

from __future__ import annotations

import errno
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from retrieval.errors import EmbedderDamaged, IndexUnavailable
from retrieval.fusion import blend, reciprocal_rank
from retrieval.index import Index
from tests.retrieval.conftest import article, make_embedder, write_records

_TRICKS = st.sampled_from(
    ['"', "*", "NEAR(", ")", "AND", "OR NOT", "title:", "^", "-", "\x00", "'", "{a b}", "東京", "+"]
)


def fill(index: Index, tmp_path: Path, count: int = 30) -> None:
    index.add([write_records(tmp_path / "a.jsonl", [article(n) for n in range(count)])])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(query=st.one_of(st.text(), st.lists(_TRICKS).map(" ".join)))
def test_no_text_is_a_syntax_error(index: Index, query: str) -> None:
    """Whatever a person types is searched for, never interpreted."""
    if not index.status().documents:
        index.add_text("n:1", "NEAR", "Title AND or NOT near 東京.", collection="n")
    for mode in ("lexical", "dense", "hybrid"):
        assert len(index.search(query, mode=mode)) <= 1


def test_a_hit_says_why_it_matched(index: Index, tmp_path: Path) -> None:
    """Ranks count from 1 in each route; the hybrid list is ordered by its own score."""
    fill(index, tmp_path)
    hits = index.search("subject7", 5)
    assert hits[0].passage.title == "Title 7"
    assert (hits[0].lexical_rank, hits[0].dense_rank) == (1, 1)
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


def test_a_collection_narrows_both_routes(index: Index, tmp_path: Path) -> None:
    """Only passages of the named collection come back, also from the vectors."""
    fill(index, tmp_path)
    index.add_text("n:1", "Note", "Article 7 tells of subject7 too.", collection="notes")
    for mode in ("lexical", "dense", "hybrid"):
        found = index.search("subject7", 20, mode=mode, collections=["notes"])
        assert [hit.passage.title for hit in found] == ["Note"]


def test_the_blend_keeps_both_lists_and_prefers_agreement() -> None:
    """An item in both lists beats one that only a single route returned with the same score."""
    order = [item for item, _ in blend({1: 10.0, 2: 10.0, 3: 4.0}, {2: 0.9, 4: 0.8, 5: 0.1})]
    assert order == [2, 4, 1, 3, 5]


@pytest.mark.parametrize("damage", ["flip", "cut", "empty", "gone", "text"])
def test_a_damaged_vector_cache_is_built_anew(
    index: Index, home: Path, embedder_dir: Path, tmp_path: Path, damage: str
) -> None:
    """The FAISS file is only a cache: any damage costs time, never a wrong answer."""
    fill(index, tmp_path)
    wanted = [hit.passage.id for hit in index.search("subject3", mode="dense")]
    index.close()
    cache = home / "index.faiss"
    data = bytearray(cache.read_bytes())
    data[-100] ^= 0xFF
    states = {"flip": bytes(data), "cut": bytes(data[:-50]), "empty": b"", "text": b"{}\nhello"}
    if damage == "gone":
        cache.unlink()
    else:
        cache.write_bytes(states[damage])
    again = Index.open(home / "index.sqlite3", embedder_dir=embedder_dir)
    assert [hit.passage.id for hit in again.search("subject3", mode="dense")] == wanted
    assert cache.stat().st_size > 1000
    again.close()


def test_a_new_embedder_replaces_all_vectors(index: Index, home: Path, tmp_path: Path) -> None:
    """Vectors of two embedders never meet: search is lexical until they are made anew."""
    fill(index, tmp_path)
    other = make_embedder(tmp_path / "other", seed=2)
    changed = Index.open(home / "index.sqlite3", embedder_dir=other)
    assert changed.search("subject3", mode="dense") == []
    assert changed.search("subject3")[0].passage.title == "Title 3"
    status = changed.rebuild()
    assert status.vectors == status.passages
    assert changed.search("subject3", mode="dense")[0].passage.title == "Title 3"
    changed.close()


def test_without_an_embedder_search_is_lexical(tmp_path: Path) -> None:
    """No embedder is no error."""
    index = Index.open(tmp_path / "i.sqlite3", embedder_dir=tmp_path / "none")
    index.add_text("n:1", "Note", "The quagga is extinct.", collection="n")
    assert index.search("quagga")[0].dense_rank is None
    assert index.search("quagga", mode="dense") == []
    assert index.status().embedder == "none"


def test_threads_share_one_index(index: Index, tmp_path: Path) -> None:
    """Searches and additions from many threads at once neither fail nor mix."""
    fill(index, tmp_path)

    def work(number: int) -> str:
        index.add_text(f"t:{number}", f"T{number}", f"Thread word{number}.", collection="t")
        return index.search(f"word{number}")[0].passage.title

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(8))) == [f"T{number}" for number in range(8)]


def test_a_damaged_index_names_the_way_out(home: Path, embedder_dir: Path) -> None:
    """Not a database, another program's database, a newer format: three clear messages."""
    home.mkdir()
    path = home / "index.sqlite3"
    path.write_bytes(b"this is no database, but it is long enough to look at" * 100)
    with pytest.raises(IndexUnavailable, match="damaged") as caught:
        Index.open(path, embedder_dir=embedder_dir)
    assert "add your files again" in caught.value.hint
    path.unlink()
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE other (x)")
    with pytest.raises(IndexUnavailable, match="not a chatapp index"):
        Index.open(path, embedder_dir=embedder_dir)
    database.execute("PRAGMA user_version=99")
    database.close()
    with pytest.raises(IndexUnavailable, match="newer version"):
        Index.open(path, embedder_dir=embedder_dir)


def test_reading_only_reads(index: Index, home: Path, embedder_dir: Path, tmp_path: Path) -> None:
    """A read-only index finds everything and refuses to write, in words."""
    fill(index, tmp_path)
    index.close()
    reader = Index.open(home / "index.sqlite3", embedder_dir=embedder_dir, read_only=True)
    assert reader.search("subject5")[0].passage.title == "Title 5"
    with pytest.raises(IndexUnavailable, match="reading only"):
        reader.add_text("n:1", "N", "text", collection="n")
    reader.close()


def test_a_damaged_embedder_is_named(tmp_path: Path) -> None:
    """Truncated weights are an error with a fix, not a stack trace from a library."""
    directory = make_embedder(tmp_path / "e", seed=3)
    weights = directory / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:100])
    with pytest.raises(EmbedderDamaged, match="damaged"):
        Index.open(tmp_path / "i.sqlite3", embedder_dir=directory)


def test_a_cache_that_cannot_be_written_does_not_stop_a_search(
    index: Index, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The vector cache is a convenience: with a full disk it is made in memory."""

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("retrieval.store.cache.replacing", full)
    fill(index, tmp_path)
    assert index.search("subject3", mode="dense")[0].passage.title == "Title 3"
    assert not (home / "index.faiss").exists()


def test_one_snapshot_serves_one_reading(index: Index, home: Path, embedder_dir: Path) -> None:
    """What another connection commits meanwhile is seen by the next reading, not by this one."""
    index.add_text("n:1", "N", "text", collection="n")
    other = Index.open(home / "index.sqlite3", embedder_dir=embedder_dir)
    with index._store.reading() as snapshot:
        assert snapshot.stats().documents == 1
        other.remove("n:1")
        assert snapshot.stats().documents == 1
    assert index.status().documents == 0
    other.close()


def test_ranks_alone_can_be_fused() -> None:
    """What both routes rank high wins, whatever the scores are worth (k = 60)."""
    fused = reciprocal_rank({1: 9.0, 2: 1.0}, {2: 0.9, 3: 0.1})
    assert fused == [(2, 1 / 62 + 1 / 61), (1, 1 / 61), (3, 1 / 62)]


def test_near_copies_make_room_for_other_passages(index: Index) -> None:
    """The best of several copies stays and says how many it stands for."""
    text = "The quagga was a plains zebra that lived in South Africa until the nineteenth century."
    for number in range(5):
        index.add_text(f"c:{number}", "Quagga", f"{text} Note {number}.", collection="n")
    index.add_text("o:1", "Zebra", "A zebra is an animal; the quagga is extinct.", collection="n")
    hits = index.search("quagga", 2)
    assert [hit.passage.title for hit in hits] == ["Quagga", "Zebra"]
    assert hits[0].copies == 4
    assert hits[0].why.endswith("stands for 5 copies")
    assert hits[1].why.startswith("words: ")


def test_a_word_that_one_passage_holds_ranks_it_first() -> None:
    """Passages without any word of the query gain nothing by full text, however near they lie."""
    nearest = dict.fromkeys(range(2, 100), 0.5)
    assert blend({1: 12.0}, nearest | {1: 0.3})[0][0] == 1


def test_two_hops_follow_a_name_and_say_so(index: Index) -> None:
    """The answer stands on a page that shares no word with the question."""
    pages = {
        "People's Choice Awards": "The 24th People's Choice Awards show was hosted by Burt Grey.",
        "Burt Grey": "Burt Albert Grey grew up in Ohio. His middle name honours an uncle.",
        "Choice": "A choice is made between several things; an award may be one of these things.",
        "Grey": "Grey is a colour between black and white. It has many shades, also in names.",
    }
    for number, (title, text) in enumerate(pages.items()):
        index.add_text(f"p:{number}", title, text, collection="p")
    question = "Who hosted the 24th People's Choice Awards, by his middle name?"
    once = index.search(question, 4, mode="lexical")
    twice = index.search(question, 4, mode="lexical", hops=2)
    assert [hit.via for hit in once] == [""] * len(once)
    found = next(hit for hit in twice if hit.passage.title == "Burt Grey")
    assert found.via == "People's Choice Awards"
    assert found.why.endswith("by way of People's Choice Awards")
    assert index.search("quagga", 4, mode="lexical", hops=2) == []
    assert index.search(question, 0, hops=2) == []
