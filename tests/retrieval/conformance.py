"""What every `Store` must do; a subclass says how to open one.

The tests go through `Index`, as the app does, and to the store itself where it promises more.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from retrieval.embedding import Embedder, load_embedder
from retrieval.errors import NotInIndex
from retrieval.index import Index
from retrieval.store.protocol import Scope, Store
from retrieval.types import Filters
from tests.retrieval.conftest import article, make_embedder, write_records

PLACES = ("Paris", "Oslo", "Cairo", "Lima", "Quito")


def about(city: str) -> str:
    """Return a text of its own, so that none is left out as a near copy of another."""
    return f"{city} is a city by the river. " + " ".join(f"{city.lower()}{n}" for n in range(20))


class StoreConformance(ABC):
    """Tests of one kind of store."""

    @abstractmethod
    def open_store(self, place: Path, embedder: Embedder | None) -> Store:
        """Open the store that belongs to `place`; the same place is the same store."""

    @pytest.fixture
    def embedder(self, embedder_dir: Path) -> Embedder:
        """A small embedder."""
        loaded = load_embedder(embedder_dir)
        assert loaded is not None
        return loaded

    @pytest.fixture
    def again(self, tmp_path: Path, embedder: Embedder) -> Iterator[Callable[[], Index]]:
        """Open the index, as often as wanted; all are closed at the end."""
        opened: list[Index] = []

        def open_index() -> Index:
            opened.append(Index(self.open_store(tmp_path, embedder), embedder))
            return opened[-1]

        yield open_index
        for index in opened:
            index.close()

    @pytest.fixture
    def index(self, again: Callable[[], Index]) -> Index:
        """An empty index."""
        return again()

    def test_what_is_added_is_found_fetched_and_removed(self, index: Index) -> None:
        """A document's whole life: added, found by words and by meaning, updated, removed."""
        key = index.add_text("note:1", "Pets", "A cat sat on the mat.", collection="notes")
        for mode in ("lexical", "dense", "hybrid"):
            [hit] = index.search("cat mat", mode=mode)
            assert index.passage(hit.passage.id) == hit.passage
            assert index.document(key).text == hit.passage.text == "A cat sat on the mat."
        assert index.add_text("note:1", "Pets", "The dog sat.", collection="notes") == key
        assert index.search("cat", mode="lexical") == []
        assert index.search("dog", mode="lexical")[0].passage.document_id == key
        assert index.remove("note:1") == 1
        assert index.search("dog sat") == []
        with pytest.raises(NotInIndex):
            index.document(key)
        assert index.status().passages == index.status().vectors == 0

    def test_another_connection_sees_what_was_committed(
        self, index: Index, again: Callable[[], Index]
    ) -> None:
        """What one writes, the next finds; nothing waits in a buffer."""
        other = again()
        assert other.search("harbour") == []
        index.add_text("note:1", "Ship", "A ship sails into the harbour.", collection="n")
        assert other.search("harbour")[0].passage.title == "Ship"
        index.remove("note:1")
        assert other.search("harbour") == []

    def test_files_are_journalled_skipped_and_followed(self, index: Index, tmp_path: Path) -> None:
        """Adding again skips, changes are updates, what left the file leaves the index."""
        path = write_records(tmp_path / "a.jsonl", [article(n) for n in range(30)])
        assert index.add([path]).added == 30
        assert index.add([path]).unchanged == 30
        write_records(path, [article(1), article(2, "Now of zebras."), article(99)])
        report = index.add([path])
        assert (report.added, report.updated, report.unchanged, report.removed) == (1, 1, 1, 28)
        status = index.status()
        assert status.documents == 3
        assert status.vectors == status.passages
        assert index.remove(str(tmp_path)) == 3

    def test_documents_are_opened_at_their_first_passage(self, index: Index) -> None:
        """In the order that was asked for; what is not there is left out."""
        texts = {name: f"First of {name}.\n\n" + f"More of {name}. " * 200 for name in "ab"}
        keys = {
            name: index.add_text(f"note:{name}", name, text, collection="notes")
            for name, text in texts.items()
        }
        assert index.status().passages > 2
        opened = index.openings([keys["b"], "nothing", keys["a"]])
        assert [passage.document_id for passage in opened] == [keys["b"], keys["a"]]
        assert [passage.start for passage in opened] == [0, 0]
        assert all(passage == index.passage(passage.id) for passage in opened)
        assert index.openings([]) == []

    def test_filters_narrow_both_routes(self, index: Index, tmp_path: Path) -> None:
        """Date, language, address, kind, path and collection each leave only what fits."""
        for number, city in enumerate(PLACES):
            index.add_text(
                f"https://example.org/{city}/1",
                city,
                about(city),
                collection="even" if number % 2 == 0 else "odd",
                date=f"{2018 + number}-0{number + 1}-15",
                language=("en", "pt-BR")[number % 2],
            )
        folder = tmp_path / "notes"
        folder.mkdir()
        (folder / "rome.md").write_text(about("Rome"))
        (folder / "bern.txt").write_text(about("Bern"))
        index.add([folder])
        expected: list[tuple[Filters, set[str]]] = [
            (Filters(since="2020", kinds=("web",)), {"Cairo", "Lima", "Quito"}),
            (Filters(until="2019"), {"Paris", "Oslo"}),
            (Filters(since="2019-02-15", until="2020-03"), {"Oslo", "Cairo"}),
            (Filters(language="pt"), {"Oslo", "Lima"}),
            (Filters(language="EN"), {"Paris", "Cairo", "Quito"}),
            (Filters(uri="https://example.org/L"), {"Lima"}),
            (Filters(kinds=("markdown", "text")), {"rome", "bern"}),
            (Filters(kinds=("web",), since="2022"), {"Quito"}),
            (Filters(paths=("*.md",)), {"rome"}),
            (Filters(paths=("notes",)), {"rome", "bern"}),
            (Filters(paths=(str(folder / "b?rn.txt"),)), {"bern"}),
            (Filters(paths=("no[tx]es/*.txt", "https://*/Oslo/*")), {"bern", "Oslo"}),
            (Filters(paths=("100%_.md",)), set()),
        ]
        for filters, titles in expected:
            for mode in ("lexical", "dense", "hybrid"):
                hits = index.search("city by the river", 20, mode=mode, filters=filters)
                assert {hit.passage.title for hit in hits} == titles, (filters, mode)
        hits = index.search("city", 20, collections=["odd"], filters=Filters(since="2020"))
        assert {hit.passage.title for hit in hits} == {"Lima"}

    def test_dates_and_languages_are_kept_and_count_as_change(self, index: Index) -> None:
        """They come back with the document; a new date is an update."""
        key = index.add_text("n:1", "T", "text", collection="n", date="2020", language="en")
        assert (index.document(key).date, index.document(key).language) == ("2020", "en")
        index.add_text("n:1", "T", "text", collection="n", date="2021-05-01", language="en")
        assert index.document(key).date == "2021-05-01"
        assert index.status().documents == 1

    def test_a_snapshot_stays_as_it_is(
        self, index: Index, again: Callable[[], Index], tmp_path: Path, embedder: Embedder
    ) -> None:
        """What another connection commits meanwhile is seen by the next snapshot."""
        index.add_text("n:1", "N", "text", collection="n")
        store = self.open_store(tmp_path, embedder)
        with store.reading() as snapshot:
            assert snapshot.stats().documents == 1
            again().remove("n:1")
            assert snapshot.stats().documents == 1
        with store.reading() as snapshot:
            assert snapshot.stats().documents == 0
        store.close()

    def test_a_failed_transaction_leaves_nothing(
        self, index: Index, tmp_path: Path, embedder: Embedder
    ) -> None:
        """All of a transaction is committed, or none of it."""
        index.add_text("n:1", "N", "text", collection="n")
        store = self.open_store(tmp_path, embedder)
        with suppress(ZeroDivisionError), store.writing() as transaction:
            transaction.delete(transaction.find("n:1"))
            raise ZeroDivisionError
        store.close()
        assert index.status().documents == 1
        assert index.search("text")

    def test_passage_numbers_are_never_given_twice(
        self, index: Index, tmp_path: Path, embedder: Embedder
    ) -> None:
        """A cache may rely on it: the number of a removed passage never comes back."""
        store = self.open_store(tmp_path, embedder)
        numbers: set[int] = set()
        for _ in range(3):
            index.add_text("n:1", "N", "text", collection="n")
            with store.reading() as snapshot:
                [hit] = snapshot.lexical(["text"], 5, Scope())
            assert hit.passage not in numbers
            numbers.add(hit.passage)
            index.remove("n:1")
        store.close()

    def test_threads_share_it(self, index: Index) -> None:
        """Writers take turns, readers do not wait, nothing is mixed up."""
        problems: list[BaseException] = []

        def work(number: int) -> None:
            try:
                index.add_text(f"t:{number}", f"T{number}", f"Thread word{number}.", collection="t")
                assert index.search(f"word{number}")[0].passage.title == f"T{number}"
            except BaseException as error:  # noqa: BLE001 - shown by the test
                problems.append(error)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert problems == []
        assert index.status().documents == 6

    def test_another_embedder_makes_all_vectors_anew(
        self, index: Index, tmp_path: Path, embedder: Embedder
    ) -> None:
        """Vectors of two embedders never meet, also when their dimensions differ."""
        index.add([write_records(tmp_path / "a.jsonl", [article(n) for n in range(20)])])
        other = load_embedder(make_embedder(tmp_path / "other", seed=2, dimension=192))
        assert other is not None
        changed = Index(self.open_store(tmp_path, other), other)
        assert changed.search("subject3", mode="dense") == []
        assert changed.search("subject3")[0].passage.title == "Title 3"
        status = changed.rebuild()
        assert status.vectors == status.passages
        assert changed.search("subject3", mode="dense")[0].passage.title == "Title 3"
        assert index.search("subject3", mode="dense") == []  # the first embedder's are gone
        changed.close()

    def test_frequencies_follow_what_is_stored(self, index: Index) -> None:
        """Rarity counts passages, whatever was added and removed."""
        for number in range(5):
            index.add_text(f"n:{number}", "N", f"river {'sea' * (number == 0)}", collection="n")
        rarity = index.rarity(["river", "sea", "nowhere"])
        assert rarity["river"] < rarity["sea"] < rarity["nowhere"]
        index.remove("n:0")
        rarity = index.rarity(["sea", "nowhere"])
        assert rarity["sea"] == rarity["nowhere"]

    def test_a_dense_score_is_the_cosine(self, index: Index, embedder: Embedder) -> None:
        """Up to the rounding of stored vectors."""
        index.add_text("n:1", "Moon", "The moon orbits the earth.", collection="n")
        [hit] = index.search("moon and earth", mode="dense")
        text = f"Moon\n\n{hit.passage.text}"
        [query], [passage] = (
            embedder.embed_queries(["moon and earth"]),
            embedder.embed_passages([text]),
        )
        assert hit.dense_score == pytest.approx(float(np.dot(query, passage)), abs=0.01)
