"""A folder that is watched: what happens in it is in the index a moment later."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from queue import Queue

import pytest

from retrieval.index import Index
from retrieval.types import IngestReport
from retrieval.watching import watch_folders

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 60.0  # seconds; a change is seen in two


class Watched:
    """A folder that a thread watches with an index of its own."""

    def __init__(self, folder: Path, database: Path, embedder: Path, *, poll: bool) -> None:
        self.folder = folder
        self._reports: Queue[IngestReport] = Queue()
        self._stop = threading.Event()
        arguments = (database, embedder, poll)
        self._thread = threading.Thread(target=self._watch, args=arguments)
        self._thread.start()

    def _watch(self, database: Path, embedder: Path, poll: bool) -> None:
        index = Index.open(database, embedder_dir=embedder)
        for report in watch_folders(index, [self.folder], self._stop, poll=poll):
            self._reports.put(report)
        index.close()

    def next_report(self) -> IngestReport:
        return self._reports.get(timeout=PATIENCE)

    def is_quiet(self) -> bool:
        return self._reports.empty()

    def end(self) -> None:
        self._stop.set()
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()


@pytest.fixture(params=[False, True], ids=["events", "polling"])
def watched(
    request: pytest.FixtureRequest, tmp_path: Path, home: Path, embedder_dir: Path
) -> Iterator[Watched]:
    """A watched folder with one note, after the first look."""
    folder = tmp_path / ".hidden" / "notes"
    folder.mkdir(parents=True)
    (folder / "one.md").write_text("About walruses.")
    watched = Watched(folder, home / "index.sqlite3", embedder_dir, poll=request.param)
    assert watched.next_report().added == 1
    yield watched
    watched.end()


def found(index: Index, words: str) -> set[str]:
    return {hit.passage.title for hit in index.search(words, 9, mode="lexical")}


def test_new_changed_renamed_and_deleted_files_are_followed(watched: Watched, index: Index) -> None:
    """Each is one report, and search shows it; hidden files make none."""
    note = watched.folder / "two.md"
    (watched.folder / ".swap").write_text("About swaps.")
    note.write_text("About narwhals.")
    assert watched.next_report().added == 1
    assert found(index, "narwhals") == {"two"}
    note.write_text("About belugas, this time.")
    assert watched.next_report().updated == 1
    assert (found(index, "belugas"), found(index, "narwhals")) == ({"two"}, set())
    note.rename(watched.folder / "three.md")
    report = watched.next_report()
    assert (report.added, report.removed) == (1, 1)
    assert found(index, "belugas") == {"three"}
    (watched.folder / "three.md").unlink()
    assert watched.next_report().removed == 1
    assert found(index, "belugas walruses") == {"one"}
    assert watched.is_quiet()


def test_many_saves_in_a_row_are_few_looks(watched: Watched, index: Index) -> None:
    """A burst is waited for to its end, and at the end all of it is there."""
    for number in range(40):
        (watched.folder / f"n{number}.md").write_text(f"Note {number} about subject{number}.")
    reports = [watched.next_report()]
    while sum(report.added for report in reports) < 40:
        reports.append(watched.next_report())
    assert len(reports) <= 3
    assert index.status().documents == 41


def test_ctrl_c_ends_watching_without_an_error(tmp_path: Path) -> None:
    """It says what it did, one JSON line each, and exits with 0."""
    (tmp_path / "note.txt").write_text("The capybara is the largest rodent.")
    command = [sys.executable, "-m", "chatapp", "index", "watch", tmp_path, "--output", "jsonl"]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        assert json.loads(child.stdout.readline())["added"] == 1
        child.send_signal(signal.SIGINT)
        _, errors = child.communicate(timeout=PATIENCE)
    assert child.returncode == 0
    assert "stopped watching" in errors
    assert "Traceback" not in errors


def test_watching_what_is_no_folder_is_refused(tmp_path: Path) -> None:
    """A file or a typing error is said at once."""
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "chatapp", "index", "watch", tmp_path / "no"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 3
    assert "is no folder" in done.stderr
    assert time.monotonic() - began < PATIENCE
