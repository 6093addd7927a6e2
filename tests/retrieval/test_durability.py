"""Whatever ends a process, the index is whole: kill -9, a full disk, a disk that only reads."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from retrieval.errors import IndexUnavailable
from retrieval.index import Index
from retrieval.store.protocol import Scope
from tests.retrieval.conftest import article, write_records

ROOT = Path(__file__).resolve().parents[2]
KILLS = 20
DOCUMENTS = 40
# Adds, updates, removes and re-adds notes for ever, and says what was done after each step. A
# small limit makes the copy of full text, its tail and its merges part of what is interrupted.
WRITER = """
import random, sys
from pathlib import Path
from retrieval.index import Index
from retrieval.store import fulltext
fulltext.SMALLEST = fulltext._LONG_TAIL = 20

def write(path, embedder, seed, steps, prefix):
    rng = random.Random(seed)
    index = Index.open(Path(path), embedder_dir=Path(embedder))
    index._store.tidy(lambda: False, merge=False)
    print("ready", flush=True)
    for step in range(steps):
        number = rng.randrange(40)
        if rng.random() < 0.25:
            print("remove", number, 0, flush=True)
            index.remove(f"{prefix}{number}")
        else:
            version = seed * 1_000_000 + step + 1
            print("write", number, version, flush=True)
            body = f"It is version{version} of note{number}. "
            body += "It goes on. " * rng.randrange(200)
            index.add_text(f"{prefix}{number}", f"Note {number}", body, collection="notes")
        print("done", number, 0, flush=True)
"""
# Importing takes longest, so one process imports and every writer is forked off it.
NURSERY = """
import os
for line in sys.stdin:
    child = os.fork()
    if not child:
        write(sys.argv[1], sys.argv[2], int(line), 1_000_000, "note:")
    print("child", child, flush=True)
    os.waitpid(child, 0)
    print("\\nended", flush=True)
"""


@pytest.mark.timeout(400)  # bounded, however busy the machine is
def test_kill_9_at_twenty_random_moments_leaves_no_wrong_and_no_missing_passage(
    home: Path, embedder_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After every kill each note is as its last finished step left it, or the one cut off."""
    monkeypatch.setattr("retrieval.store.fulltext.SMALLEST", 20)
    rng = random.Random(11)
    path = home / "index.sqlite3"
    expected: dict[int, int] = {}  # note → version
    with subprocess.Popen(
        [sys.executable, "-c", WRITER + NURSERY, path, embedder_dir],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as nursery:
        for attempt in range(KILLS):
            cut_off = run_and_kill(nursery, attempt, rng.uniform(0.0, 0.4), expected)
            index = Index.open(path, embedder_dir=embedder_dir)
            settle(index, cut_off, expected)
            check(index, path, expected)
            index.close()
        assert nursery.stdin is not None
        nursery.stdin.close()
    assert len(expected) > DOCUMENTS / 4


def run_and_kill(
    nursery: subprocess.Popen[str], seed: int, delay: float, expected: dict[int, int]
) -> tuple[int, int] | None:
    """Run a writer, kill it after `delay` seconds of work; return the step it was in, if any."""
    assert nursery.stdin is not None
    assert nursery.stdout is not None
    print(seed, file=nursery.stdin, flush=True)
    said = [
        nursery.stdout.readline().split() for _ in range(2)
    ]  # "child" and "ready", as they come
    [child] = [int(words[1]) for words in said if words[0] == "child"]
    time.sleep(delay)  # the moment is the point of the test; nothing is waited for
    os.kill(child, signal.SIGKILL)
    begun: tuple[int, int] | None = None
    while (line := nursery.stdout.readline()) != "ended\n":
        words = line.split()
        if len(words) < 3:
            continue  # cut off in the middle of a line, or the line that ends it
        if words[0] == "done":
            assert begun is not None
            apply(begun, expected)
            begun = None
        else:
            begun = (int(words[1]), int(words[2]))
    return begun


def apply(step: tuple[int, int], expected: dict[int, int]) -> None:
    """Note what a finished step leaves: version 0 is a removal."""
    note, version = step
    if version:
        expected[note] = version
    else:
        expected.pop(note, None)


def settle(index: Index, cut_off: tuple[int, int] | None, expected: dict[int, int]) -> None:
    """Take the step that was cut off as done or not done, whichever the index shows."""
    if cut_off is None:
        return
    note, version = cut_off
    with index._store.reading() as snapshot:
        stored = bool(snapshot.find(f"note:{note}"))
        written = bool(version and snapshot.lexical([f"version{version}"], 1, Scope()))
    if written or not (version or stored):
        apply(cut_off, expected)


def check(index: Index, path: Path, expected: dict[int, int]) -> None:
    """Every note is there once, whole, findable both ways, and nothing else is."""
    with sqlite3.connect(path) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        database.execute("INSERT INTO passages_fts (passages_fts) VALUES ('integrity-check')")
    database.close()
    status = index.status()
    assert status.documents == len(expected)
    assert status.passages == status.vectors
    for note, version in expected.items():
        lexical = index.search(f"version{version}", 5, mode="lexical")
        assert [hit.passage.uri for hit in lexical] == [f"note:{note}"]
        document = index.document(lexical[0].passage.document_id)
        assert document.text.startswith(f"It is version{version} of note{note}.")
        dense = index.search(f"version{version} note{note}", 40, mode="dense")
        for hit in dense:
            whole = index.document(hit.passage.document_id)
            assert whole.text[hit.passage.start : hit.passage.end] == hit.passage.text


@contextmanager
def small_disk(size: str) -> Iterator[Path]:
    """A file system in memory of a fixed size; skips where none may be mounted."""
    place = Path(tempfile.mkdtemp(prefix="disk"))
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", place],
        check=False,
        capture_output=True,
        text=True,
    )
    if mounted.returncode:
        place.rmdir()
        pytest.skip(f"no file system may be mounted here: {mounted.stderr.strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", place], check=True)
        place.rmdir()


@pytest.mark.skipif(shutil.which("mount") is None, reason="mount is not installed")
def test_a_full_disk_is_said_and_leaves_a_usable_index(embedder_dir: Path, tmp_path: Path) -> None:
    """Adding stops with the reason and the fix; what was committed is found; space helps."""
    records = write_records(tmp_path / "a.jsonl", [article(n) for n in range(4000)])
    with small_disk("3m") as disk:
        path = disk / "index.sqlite3"
        index = Index.open(path, embedder_dir=embedder_dir)
        index.add_text("note:1", "Fixed", "The obelisk of Axum.", collection="n")
        with pytest.raises(IndexUnavailable, match="disk refused") as caught:
            index.add([records])
        assert "free some space" in caught.value.hint
        kept = index.status()
        assert 1 <= kept.documents < 4001
        for mode in ("lexical", "dense"):
            assert index.search("obelisk of Axum", mode=mode)[0].passage.title == "Fixed"
        index.close()
        reopened = Index.open(path, embedder_dir=embedder_dir)
        assert reopened.search("obelisk Axum", mode="lexical")[0].passage.title == "Fixed"
        subprocess.run(["mount", "-o", "remount,size=64m", disk], check=True)
        report = reopened.add([records])
        assert report.added == 4001 - kept.documents
        assert reopened.status().documents == 4001
        reopened.close()


def test_a_folder_that_only_reads_is_searched_and_nothing_is_left_in_it(
    index: Index, home: Path, embedder_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Opened for reading, both routes work and no file changes, also with a damaged cache."""
    monkeypatch.setattr("retrieval.store.fulltext.SMALLEST", 20)
    index.add([write_records(tmp_path / "a.jsonl", [article(n) for n in range(40)])])
    wanted = [hit.passage.id for hit in index.search("subject7")]
    index.close()
    for damaged in (None, "index.faiss", "index.postings"):
        if damaged:
            (home / damaged).write_bytes((home / damaged).read_bytes()[:-9])
        before = contents(home)
        home.chmod(0o500)
        reader = Index.open(home / "index.sqlite3", embedder_dir=embedder_dir, read_only=True)
        assert [hit.passage.id for hit in reader.search("subject7")] == wanted
        reader.close()
        home.chmod(0o700)
        assert contents(home) == before


def contents(folder: Path) -> dict[str, bytes]:
    """Return what lies in a folder but for SQLite's own log, which root may tidy up anywhere."""
    files = (file for file in folder.iterdir() if not file.name.endswith(("-wal", "-shm")))
    return {file.name: file.read_bytes() for file in files}


def test_several_processes_write_and_search_at_once(
    home: Path, embedder_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three writers and a reader on one file: nobody fails, every hit stands in its document."""
    monkeypatch.setattr("retrieval.store.fulltext.SMALLEST", 20)
    path = home / "index.sqlite3"
    Index.open(path, embedder_dir=embedder_dir).close()
    writers = [
        subprocess.Popen(
            [
                *(sys.executable, "-c", f"{WRITER}\nwrite(*sys.argv[1:3], {n}, 40, 'note:{n}-')"),
                *(path, embedder_dir),
            ],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
        )
        for n in range(3)
    ]
    index = Index.open(path, embedder_dir=embedder_dir)
    while any(writer.poll() is None for writer in writers):
        with index._store.reading() as snapshot:
            hits = snapshot.lexical(["note7", "goes"], 20, Scope())
            for passage in snapshot.passages([hit.passage for hit in hits]).values():
                document = snapshot.document(passage.document_id)
                assert document.text[passage.start : passage.end] == passage.text
        time.sleep(0.01)
    assert [writer.returncode for writer in writers] == [0, 0, 0]
    status = index.status()
    assert status.passages == status.vectors > 0
    index.close()
