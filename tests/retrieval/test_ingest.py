"""Adding again: nothing twice, nothing lost, whatever happened in between."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

from retrieval.index import Index
from tests.retrieval.conftest import article, write_records

ROOT = Path(__file__).resolve().parents[2]


def titles(index: Index, query: str) -> set[str]:
    return {hit.passage.title for hit in index.search(query, 50, mode="lexical")}


def consistent(index: Index, path: Path) -> bool:
    """Whether full text, passages and vectors agree, by SQLite's own check and by count."""
    with sqlite3.connect(path) as database:
        [(integrity,)] = database.execute("PRAGMA integrity_check").fetchall()
        [(indexed,)] = database.execute("SELECT count(*) FROM passages_fts_docsize").fetchall()
    database.close()
    status = index.status()
    return integrity == "ok" and indexed == status.passages == status.vectors


def test_an_unchanged_file_is_skipped_and_a_touched_one_too(index: Index, tmp_path: Path) -> None:
    """Size and time decide first, the content's digest second."""
    path = write_records(tmp_path / "a.jsonl.xz", [article(n) for n in range(5)])
    assert index.add([path]).added == 5
    assert index.add([path]).unchanged == 5
    os.utime(path)
    report = index.add([path])
    assert (report.added, report.updated, report.unchanged) == (0, 0, 5)


def test_changed_and_vanished_records_follow_the_file(
    index: Index, home: Path, tmp_path: Path
) -> None:
    """One record changed, one gone, one new: the index says so and search shows it."""
    path = write_records(tmp_path / "a.jsonl", [article(1), article(2), article(3)])
    index.add([path])
    write_records(path, [article(1), article(2, "Now it tells of zebras."), article(4)])
    report = index.add([path])
    assert (report.added, report.updated, report.unchanged, report.removed) == (1, 1, 1, 1)
    assert titles(index, "zebras") == {"Title 2"}
    assert titles(index, "subject2") == set()
    assert titles(index, "subject3") == set()
    assert consistent(index, home / "index.sqlite3")


def test_a_folder_forgets_the_files_that_left_it(index: Index, tmp_path: Path) -> None:
    """Adding a folder again removes what came from files that are gone."""
    folder = tmp_path / "notes"
    folder.mkdir()
    (folder / "one.txt").write_text("About walruses.")
    (folder / "two.txt").write_text("About narwhals.")
    index.add([folder])
    (folder / "two.txt").unlink()
    assert index.add([folder]).removed == 1
    assert titles(index, "walruses narwhals") == {"one"}


def test_removing_takes_text_postings_and_vectors(index: Index, home: Path, tmp_path: Path) -> None:
    """A path, a folder, an address or an id removes all that came from it, and nothing else."""
    path = write_records(tmp_path / "a.jsonl", [article(1), article(2)])
    index.add([path])
    key = index.add_text("note:7", "Note", "Remember the elderflower.", collection="notes")
    assert index.remove(str(tmp_path)) == 2
    assert titles(index, "subject1 elderflower") == {"Note"}
    assert index.remove(key) == 1
    assert index.remove("note:7") == 0
    assert index.status().documents == 0
    assert consistent(index, home / "index.sqlite3")
    for file in home.iterdir():
        assert b"elderflower" not in file.read_bytes()


def test_stopping_keeps_what_is_done_and_the_next_run_goes_on(
    index: Index, home: Path, tmp_path: Path
) -> None:
    """A polite stop after the first batch; the same call then adds only the rest."""
    path = write_records(tmp_path / "a.jsonl.xz", [article(n) for n in range(600)])
    calls = iter([False, True])
    first = index.add([path], should_stop=lambda: next(calls, True))
    assert first.interrupted
    assert 0 < first.added < 600
    second = index.add([path])
    assert not second.interrupted
    assert (second.added, second.unchanged) == (600 - first.added, 0)
    assert consistent(index, home / "index.sqlite3")


def test_kill_9_in_the_middle_loses_nothing_that_was_committed(
    home: Path, embedder_dir: Path, tmp_path: Path
) -> None:
    """A killed ingestion resumes where it was, and ends as if it had never been killed."""
    path = write_records(tmp_path / "a.jsonl.xz", [article(n) for n in range(3000)])
    database = home / "index.sqlite3"
    code = (
        "import sys; from pathlib import Path; from retrieval.index import Index\n"
        "index = Index.open(Path(sys.argv[1]), embedder_dir=Path(sys.argv[2]))\n"
        "index.add([Path(sys.argv[3])], progress=lambda state: print(state.documents, flush=True))"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code, database, embedder_dir, path],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    with child:
        assert child.stdout is not None
        while int(child.stdout.readline()) < 512:
            pass
        child.send_signal(signal.SIGKILL)
    index = Index.open(database, embedder_dir=embedder_dir)
    kept = index.status().documents
    assert 512 <= kept < 3000
    report = index.add([path])
    assert (report.added, report.unchanged) == (3000 - kept, 0)
    assert index.status().documents == 3000
    assert consistent(index, database)
    index.close()


def test_kill_9_among_many_files_redoes_none_that_was_finished(
    home: Path, embedder_dir: Path, tmp_path: Path
) -> None:
    """Small files are committed together; after the kill those are skipped, the others are read."""
    folder = tmp_path / "notes"
    folder.mkdir()
    for number in range(1500):
        (folder / f"{number:04}.txt").write_text(f"Note about subject{number}.")
    database = home / "index.sqlite3"
    code = (
        "import sys; from pathlib import Path; from retrieval.index import Index\n"
        "index = Index.open(Path(sys.argv[1]), embedder_dir=Path(sys.argv[2]))\n"
        "index.add([Path(sys.argv[3])], progress=lambda state: print(state.documents, flush=True))"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code, database, embedder_dir, folder],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    with child:
        assert child.stdout is not None
        while int(child.stdout.readline()) < 512:
            pass
        child.send_signal(signal.SIGKILL)
    index = Index.open(database, embedder_dir=embedder_dir)
    kept = index.status().documents
    assert 512 <= kept < 1500
    report = index.add([folder])
    assert (report.added, report.updated, report.unchanged) == (1500 - kept, 0, kept)
    assert consistent(index, database)
    index.close()


def test_search_is_right_while_another_process_writes(
    index: Index, home: Path, embedder_dir: Path, tmp_path: Path
) -> None:
    """A reader neither waits nor sees half a document, and its hits stand in their documents."""
    index.add_text("note:1", "Fixed", "The obelisk of Axum stands in Ethiopia.", collection="n")
    path = write_records(tmp_path / "a.jsonl", [article(n) for n in range(2000)])
    code = (
        "import sys; from pathlib import Path; from retrieval.index import Index\n"
        "Index.open(Path(sys.argv[1]), embedder_dir=Path(sys.argv[2])).add([Path(sys.argv[3])])"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code, home / "index.sqlite3", embedder_dir, path], cwd=ROOT
    )
    searches = 0
    while child.poll() is None:
        assert index.search("obelisk Axum")[0].passage.title == "Fixed"
        for hit in index.search("subject7 goes on", mode="hybrid"):
            document = index.document(hit.passage.document_id)
            assert document.text[hit.passage.start : hit.passage.end] == hit.passage.text
        searches += 1
        time.sleep(0.01)
    assert child.returncode == 0
    assert searches > 0
    assert titles(index, "subject1999") == {"Title 1999"}
