"""kill -9 at random moments, four windows on one file.

`KILLS=200 pytest tests/durability` runs the long form; the test suite runs a short one.
"""

from __future__ import annotations

import contextlib
import os
import random
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from chatapp.conversations import ConversationStore
from tests.durability.journal import Expected, read_journals
from tests.durability.worker import SHARED

ROOT = Path(__file__).resolve().parents[2]
KILLS = int(os.environ.get("KILLS", "16"))
WINDOWS = 4
LONGEST_LIFE_SECONDS = 0.6


class Window:
    """A worker process that is started again, with another seed, each time it is killed."""

    def __init__(self, file: Path, directory: Path, name: str) -> None:
        self.file, self.name, self.seed = file, name, 0
        self.journal = directory / f"{name}.journal"
        self.errors = (directory / f"{name}.errors").open("ab")
        self.start()

    def start(self) -> None:
        """Run the next worker."""
        self.seed += 1
        arguments = (str(self.file), str(self.journal), self.name, str(self.seed))
        self.process = subprocess.Popen(
            (sys.executable, "-m", "tests.durability.worker", *arguments),
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=self.errors,
        )

    def wait_until_open(self) -> None:
        """Return once it has the file open; fail when it ended instead."""
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == b"open\n", Path(self.errors.name).read_text()

    def kill(self) -> None:
        """Send SIGKILL; a worker that had already ended had failed."""
        failed = self.process.poll()
        self.process.kill()
        self.process.communicate()
        assert failed is None, Path(self.errors.name).read_text()


@pytest.mark.timeout(max(900, 15 * KILLS))  # the long form takes a while on a busy core
def test_nothing_acknowledged_is_lost_doubled_or_stuck(tmp_path: Path) -> None:
    """After every kill the others go on; at the end the file holds what each was told it holds."""
    file = tmp_path / "chat.sqlite3"
    store = ConversationStore.open(file)
    store.create(SHARED)
    store.close()
    chance = random.Random(20260301)
    windows = [Window(file, tmp_path, f"w{number}") for number in range(WINDOWS)]
    for window in windows:
        window.wait_until_open()
    for _ in range(KILLS):
        victim = chance.choice(windows)
        time.sleep(chance.uniform(0, LONGEST_LIFE_SECONDS) / WINDOWS)
        victim.kill()
        victim.start()
        if chance.random() < 0.8:  # the others are killed while they open the file
            victim.wait_until_open()
    for window in windows:
        window.kill()
        window.errors.close()
    check(file, read_journals(window.journal for window in windows))


def check(file: Path, expected: dict[str, Expected]) -> None:
    """Assert that the file is whole and holds what the journals say."""
    assert "fault" not in expected, expected["fault"]
    store = ConversationStore.open(file)
    assert store.notices == ()
    assert store.verify() == []
    both = (store.conversations(limit=100_000, deleted=deleted) for deleted in (False, True))
    conversations = {c.id: c for found in both for c in found}
    messages = {m.id: m for conversation in conversations for m in store.tree(conversation)}
    asked = Counter((m.conversation_id, m.text) for m in messages.values() if m.role == "user")
    facts = store.read(lambda db: {row["id"] for row in db.query("select id from facts")})
    purged = {key.partition(":")[2] for key in expected if key.startswith("purged:")}
    for key, wanted in expected.items():
        kind, first, *rest = key.split(":")
        if kind not in ("purged", "fact", "forgotten") and first not in conversations:
            assert first in purged, f"conversation {first} is gone"
            continue
        match kind:
            case "purged":
                assert not (wanted.acknowledged and first in conversations)
            case "asked":
                assert asked[first, rest[0]] in ((1,) if wanted.acknowledged else (0, 1))
            case "text":
                assert store.message(rest[0]).text in wanted.allowed
            case "status":
                unwritten = () if wanted.acknowledged else ("interrupted",)
                assert store.message(rest[0]).status in (*wanted.allowed, *unwritten)
            case "title":
                assert conversations[first].title in wanted.allowed
            case "deleted":
                allowed = wanted.allowed if wanted.acknowledged else [*wanted.allowed, False]
                assert (conversations[first].deleted_at is not None) in allowed
            case "tag":
                assert not wanted.acknowledged or rest[0] in conversations[first].tags
            case "draft":
                allowed = wanted.allowed if wanted.acknowledged else [*wanted.allowed, ""]
                assert store.draft(first) in allowed
            case "fact":
                assert (first in facts) in {value is not None for value in wanted.allowed}
    assert max(asked.values()) == 1
    assert not [m for m in messages.values() if m.status == "streaming"]
    [shared] = [c for c in conversations.values() if c.title == SHARED]
    store.begin_turn(shared.id, "Is anybody still here?").result()  # no lease is stuck
    store.empty_log()
    store.close()
    with contextlib.closing(sqlite3.connect(file)) as db:
        assert db.execute("pragma integrity_check").fetchall() == [("ok",)]
        assert db.execute("pragma foreign_key_check").fetchall() == []
    everything = b"".join(path.read_bytes() for path in file.parent.glob(f"{file.name}*"))
    forgotten = [key.partition(":")[2] for key in expected if key.startswith("forgotten:")]
    assert not [value for value in forgotten if value.encode() in everything]
