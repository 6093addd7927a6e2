"""The vector cache with cells: exact scores, what came and went since, and every damaged byte."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from retrieval.embedding import Embedder, load_embedder
from retrieval.index import Index
from retrieval.types import Filters
from tests.retrieval.conftest import article, write_records

DOCUMENTS = 240


@pytest.fixture(autouse=True)
def cells_for_few(monkeypatch: pytest.MonkeyPatch) -> None:
    """A small index gets cells, and all of them are looked into, so that results are exact."""
    monkeypatch.setattr("retrieval.store.nearest.FLAT_LIMIT", 100)
    monkeypatch.setattr("retrieval.store.dense._LONG_TAIL", 30)


@pytest.fixture
def embedder(embedder_dir: Path) -> Embedder:
    """The embedder of the index."""
    loaded = load_embedder(embedder_dir)
    assert loaded is not None
    return loaded


def fill(index: Index, tmp_path: Path, first: int = 0, count: int = DOCUMENTS) -> Path:
    """Add a record file of numbered articles."""
    path = tmp_path / f"{first}.jsonl"
    texts = (f"Subject{n} of city{n % 17} by the river." for n in range(first, first + count))
    records = [article(n, text) for n, text in enumerate(texts, first)]
    index.add([write_records(path, records)])
    return path


def exact(index: Index, embedder: Embedder, question: str, k: int) -> list[float]:
    """Return the best cosines of a question by looking at every passage of the index."""
    hits = index.search("river", 1000, mode="lexical")
    texts = [f"{hit.passage.title}\n{hit.passage.heading}\n{hit.passage.text}" for hit in hits]
    scores = embedder.embed_passages(texts) @ embedder.embed_queries([question])[0]
    return sorted(scores.tolist(), reverse=True)[:k]


def scores(index: Index, question: str, k: int) -> list[float]:
    return [hit.score for hit in index.search(question, k, mode="dense")]


def test_scores_are_cosines_through_additions_and_removals(
    index: Index, embedder: Embedder, home: Path, tmp_path: Path
) -> None:
    """Cells alone, with a tail, with the dead left out, with the tail taken in: always exact."""
    first = fill(index, tmp_path)

    def agrees() -> None:
        for number in (3, 77, 200):
            wanted = exact(index, embedder, f"subject{number} city3", 10)
            found = scores(index, f"subject{number} city3", 10)
            assert found == pytest.approx(wanted, abs=0.02)

    agrees()
    written = (home / "index.faiss").stat().st_mtime_ns
    index.add_text("n:1", "Note", "Subject3 of city3 by the river.", collection="notes")
    agrees()
    assert index.search("subject3 city3", mode="dense", collections=["notes"])
    assert (home / "index.faiss").stat().st_mtime_ns == written
    fill(index, tmp_path, first=1000, count=40)
    assert (home / "index.faiss").stat().st_mtime_ns != written
    agrees()
    index.remove(f"{first.as_uri()}#a3")
    agrees()
    index.remove(str(first))
    agrees()
    assert index.status().vectors == 41
    titles = {
        h.passage.title
        for h in index.search("river", 60, mode="dense", filters=Filters(kinds=("note",)))
    }
    assert titles == {"Note"}


def test_every_flipped_byte_leads_to_a_rebuild_and_never_to_a_wrong_result(
    index: Index, home: Path, embedder_dir: Path, tmp_path: Path
) -> None:
    """In the header of FAISS, its centres, its lists, our checksums: the answers stay the same."""
    fill(index, tmp_path)
    questions = ("subject3 city3", "subject200 river")
    wanted = [scores(index, question, 10) for question in questions]
    index.close()
    path = home / "index.faiss"
    whole = path.read_bytes()
    places = {0, 4, 5, 40, *np.linspace(0, len(whole) - 1, 24, dtype=int).tolist()}
    for place in sorted(places):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x41]) + whole[place + 1 :])
        opened = Index.open(home / "index.sqlite3", embedder_dir=embedder_dir)
        for question, expected in zip(questions, wanted, strict=True):
            assert scores(opened, question, 10) == pytest.approx(expected), place
        opened.close()
