"""The index as the app uses it: add, search, fetch, remove."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from retrieval.errors import NotInIndex
from retrieval.index import Index
from retrieval.quotes import select_quotes, verify_quote


@pytest.fixture
def index(tmp_path: Path) -> Index:
    return Index.open(tmp_path / "home" / "index.sqlite3", embedder_dir=tmp_path / "none")


def test_a_text_added_is_found_quoted_and_verified(index: Index) -> None:
    """What goes in comes out: the hit, the passage, the document and the quote agree."""
    key = index.add_text(
        "note:1", "Cats", "Cats sleep sixteen hours a day. Dogs bark.", collection="notes"
    )
    [hit] = index.search("How many hours do cats sleep?")
    document = index.document(key)
    assert document.text[hit.passage.start : hit.passage.end] == hit.passage.text
    assert index.passage(hit.passage.id) == hit.passage
    [quote, *_] = select_quotes(index, "How many hours do cats sleep?", [hit], threshold=0.0)
    assert quote.text == "Cats sleep sixteen hours a day."
    assert verify_quote(quote, document)


def test_what_is_not_there_is_said_clearly(index: Index) -> None:
    """An unknown id raises `NotInIndex`, also when it looks like nothing at all."""
    for wrong in ("", "x", "x:1-2", "x:9999999999999999999999-2"):
        with pytest.raises(NotInIndex):
            index.passage(wrong)
        with pytest.raises(NotInIndex):
            index.document(wrong)


def test_an_index_in_memory_works_and_leaves_no_file(
    tmp_path: Path, embedder_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It searches by words and by meaning, stands apart from the next one, and writes nothing."""
    place = tmp_path / "empty"
    place.mkdir()
    monkeypatch.chdir(place)
    monkeypatch.setattr("tempfile.tempdir", str(place))
    index, other = (Index.in_memory(embedder_dir=embedder_dir) for _ in range(2))
    for mode in ("lexical", "dense", "hybrid"):
        index.add_text(f"note:{mode}", "Cats", f"A cat sat on the mat, {mode}.", collection=mode)
        [hit] = index.search("cat on a mat", mode=mode, collections=[mode])
        assert mode in hit.passage.text
    assert other.search("cat on a mat") == []
    closing = threading.Thread(target=index.close)
    closing.start()
    closing.join()
    other.close()
    assert list(place.iterdir()) == []
