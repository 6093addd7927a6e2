"""What a reader is shown of what a search found."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from retrieval.index import Index
from retrieval.rerank import OPENINGS, search_reranked
from retrieval.types import Hit

OPENING = "The orn is a bird of the far north."


class Listening:
    """A reader that keeps the order and remembers what it was shown."""

    def __init__(self) -> None:
        self.shown: list[Hit] = []

    def rerank(self, question: str, hits: Sequence[Hit]) -> list[Hit]:
        self.shown = list(hits)
        return self.shown


@pytest.fixture
def index(tmp_path: Path) -> Index:
    made = Index.open(tmp_path / "index.sqlite3", embedder_dir=tmp_path / "none")
    for number, name in enumerate(("Orn (bird)", "Sarn", "Lumo")):
        stem = name.split()[0].lower()
        later = [f"{stem} {place} {stem} " * 40 for place in ("nest", "egg", "wing")]
        text = "\n\n".join([OPENING.replace("orn", stem), *later])
        made.add_text(f"n:{number}", name, text, collection="n")
    return made


def test_where_the_named_document_begins_is_read_too(index: Index) -> None:
    """It counts as found like the best passage of its document, and stands in the result once."""
    reader = Listening()
    found = search_reranked(index, reader, "What is an orn?", 2, depth=1)
    best, begun = reader.shown
    assert not best.passage.text.startswith(OPENING)
    assert begun.passage.text.startswith(OPENING)
    assert begun.passage.document_id == best.passage.document_id
    assert begun.lexical_score == best.lexical_score
    everything = search_reranked(index, reader, "What is an orn?", 9, depth=1)
    assert len({hit.passage.id for hit in everything}) == len(everything) > len(found)


def test_documents_that_are_not_named_are_read_as_found(index: Index) -> None:
    """Without a reader, or where no title is named, nothing is added; of many titles a few."""
    reader = Listening()
    plain = search_reranked(index, None, "What is an orn?", 2)
    assert plain == index.search("What is an orn?", 2)
    search_reranked(index, reader, "Whose nest has an egg?", 1, depth=1)
    assert len(reader.shown) == 1
    search_reranked(index, reader, "Lumo wing, orn wing or sarn wing?", 1, depth=3)
    assert len({hit.passage.document_id for hit in reader.shown}) == 3
    assert len(reader.shown) == 3 + OPENINGS
