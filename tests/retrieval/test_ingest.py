"""Adding again: nothing twice, nothing lost, whatever happened in between."""

from __future__ import annotations

import errno
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from retrieval.index import Index
from tests.retrieval.conftest import article, write_records
from tests.retrieval.test_loaders import make_pdf

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


@pytest.mark.parametrize(
    ("name", "before", "after", "reason"),
    [
        ("note.txt", b"About walruses.", b"", "the file is empty"),
        ("note.txt", b"About walruses.", b"\0\1\2", "this is a binary file, not text"),
        ("note.pdf", None, b"%PDF-1.7 cut off", "not a readable PDF"),
        ("note.jsonl", b'{"id": 1, "title": "T", "text": "walruses"}\n', b"\n", "no document"),
    ],
)
def test_a_file_that_cannot_be_read_any_more_keeps_nothing_of_what_it_held(
    index: Index, tmp_path: Path, name: str, before: bytes | None, after: bytes, reason: str
) -> None:
    """Emptied, overwritten or cut off: search does not show what no file says any more."""
    path = tmp_path / name
    path.write_bytes(before or make_pdf(path, ["About walruses."]).read_bytes())
    index.add([path])
    assert titles(index, "walruses")
    path.write_bytes(after)
    report = index.add([path])
    assert reason in report.problems[0].message
    assert report.removed == 1
    assert titles(index, "walruses") == set()


def test_records_before_a_damage_are_kept_and_those_behind_it_go(
    index: Index, tmp_path: Path
) -> None:
    """A packed file that was cut off says what stands before the cut, and no more."""
    path = write_records(tmp_path / "a.jsonl.xz", [article(n) for n in range(400)])
    index.add([path])
    write_records(path, [{"id": f"b{n}", "title": f"B {n}", "text": f"new{n}"} for n in range(9)])
    path.write_bytes(path.read_bytes()[:-30])
    report = index.add([path])
    assert "damaged" in report.problems[0].message
    assert report.removed == 400
    assert index.status().documents == report.added


def test_a_file_named_again_after_it_was_deleted_is_forgotten(index: Index, tmp_path: Path) -> None:
    """The file alone: a folder that is not there may lie on a drive that comes back.

    Nor is a file of such a folder forgotten by its name, or by a pattern of names.
    """
    note, folder = tmp_path / "note[1].txt", tmp_path / "drive"
    folder.mkdir()
    (folder / "other.txt").write_text("About narwhals.")
    note.write_text("About walruses.")
    index.add([note, folder])
    note.unlink()
    folder.rename(tmp_path / "away")
    report = index.add([note, folder, folder / "other.txt", folder / "*.txt"])
    assert report.removed == 1
    assert {problem.path for problem in report.problems} >= {str(note), str(folder)}
    assert titles(index, "walruses narwhals") == {"other"}


@pytest.mark.parametrize("named", [".", "notes"])
def test_a_file_that_became_a_folder_is_forgotten(index: Index, tmp_path: Path, named: str) -> None:
    """Something of that name is there, and it is no file."""
    path = tmp_path / "files" / "notes"
    path.parent.mkdir()
    path.write_text("About walruses.")
    index.add([path])
    path.unlink()
    path.mkdir()
    (path / "new.txt").write_text("About narwhals.")
    assert index.add([path.parent / named]).removed == 1
    assert titles(index, "walruses narwhals") == {"new"}


@pytest.mark.parametrize("number", [errno.EACCES, errno.EIO, errno.ESTALE])
def test_what_is_out_of_reach_is_not_gone(
    index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """A folder without permission or a drive that hangs loses nothing that was read of it."""
    (tmp_path / "note.txt").write_text("About walruses.")
    index.add([tmp_path])
    real = os.stat

    def refused(path: str | Path, **how: bool) -> os.stat_result:
        if str(path).endswith("note.txt"):
            raise OSError(number, os.strerror(number))
        return real(path, **how)

    monkeypatch.setattr(os, "stat", refused)
    report = index.add([tmp_path])
    assert (report.removed, len(report.problems)) == (0, 1)
    assert titles(index, "walruses") == {"note"}


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
