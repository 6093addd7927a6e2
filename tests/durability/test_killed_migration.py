"""kill -9 while an older file is brought up to date: it is old or new, never half, never less."""

from __future__ import annotations

import contextlib
import lzma
import random
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from chatapp.conversations import ConversationStore
from tests.durability.test_kills import KILLS, ROOT

OLD = ROOT / "tests" / "conversations" / "golden" / "m005.sqlite3.xz"
ROUNDS = 6_000  # so many that migrating takes long enough to be hit
OPEN = """
import sys
from pathlib import Path
from chatapp.conversations import ConversationStore
print("begin", flush=True)
ConversationStore.open(Path(sys.argv[1]), busy_seconds=60).close()
"""


def grown(path: Path) -> list[tuple[str, str]]:
    """Write a large file of the older schema; return id and text of all its messages."""
    path.write_bytes(lzma.decompress(OLD.read_bytes()))
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("insert into conversations values ('long', 'A long one', '', '', null, null, 0)")
        rows = (
            (f"{role}{n:06d}", role, f"{role} says number {n} " + "and so on " * (n % 9))
            for n in range(ROUNDS)
            for role in ("user", "assistant")
        )
        db.executemany(
            "insert into messages (id, conversation_id, role, text, status, created_at) "
            "values (?, 'long', ?, ?, 'complete', '2026-03-01')",
            rows,
        )
        db.commit()
        return messages(db)


def messages(db: sqlite3.Connection) -> list[tuple[str, str]]:
    """Return id and text of all messages."""
    return db.execute("select id, text from messages order by id").fetchall()


@pytest.mark.timeout(max(120, 3 * KILLS))  # the long form takes a while on a busy core
def test_a_killed_migration_is_begun_again_and_loses_nothing(tmp_path: Path) -> None:
    original = tmp_path / "original.sqlite3"
    before = grown(original)
    chance = random.Random(7)
    began = time.monotonic()
    whole = tmp_path / "whole.sqlite3"
    whole.write_bytes(original.read_bytes())
    ConversationStore.open(whole).close()
    takes = time.monotonic() - began
    hit = 0
    for number in range(max(5, KILLS // 5)):
        path = tmp_path / f"{number}.sqlite3"
        path.write_bytes(original.read_bytes())
        child = subprocess.Popen(
            (sys.executable, "-c", OPEN, str(path)), cwd=ROOT, stdout=subprocess.PIPE
        )
        assert child.stdout is not None
        assert child.stdout.readline() == b"begin\n"
        time.sleep(chance.uniform(0, takes))
        hit += child.poll() is None
        child.kill()
        child.communicate()
        store = ConversationStore.open(path)
        assert store.verify() == []
        store.close()
        with contextlib.closing(sqlite3.connect(path)) as db:
            assert db.execute("pragma integrity_check").fetchall() == [("ok",)]
            assert messages(db) == before
        for copy in tmp_path.glob(f"{path.name}*"):
            copy.unlink()
    assert hit
