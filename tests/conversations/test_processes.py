"""Several windows on one file."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from chatapp.conversations import ConversationStore, Outcome, StorageError

ROOT = Path(__file__).resolve().parents[2]


def window(path: Path, turns: int, name: str) -> subprocess.Popen[str]:
    """Start another process on the same file."""
    command = [
        sys.executable,
        "-m",
        "tests.conversations.writer_child",
        str(path),
        str(turns),
        name,
    ]
    return subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def test_four_windows_write_at_once_and_every_message_arrives(path):
    """Four processes open a file that does not exist yet and write 25 turns each."""
    windows = [window(path, 25, f"w{number}") for number in range(4)]
    for process in windows:
        process.communicate()
        assert process.returncode == 0
    store = ConversationStore.open(path)
    conversations = store.conversations(limit=1000)
    said = {message.text for c in conversations for message in store.tree(c.id)}
    assert said == {
        text
        for w in range(4)
        for n in range(25)
        for text in (f"w{w} asks {n}", f"w{w} {n}")
    }  # fmt: skip
    assert len({c.id for c in conversations}) == 100
    assert store._opened.db.execute("pragma integrity_check").fetchone() == ("ok",)
    store.close()


def test_an_answer_that_a_living_window_writes_is_left_alone_until_it_dies(path):
    """Opening a second window never touches the first one's streaming answer."""
    other = window(path, 0, "other")
    assert other.stdout is not None
    answer = other.stdout.readline().strip()
    while_alive = ConversationStore.open(path)
    assert while_alive.message(answer).status == "streaming"
    assert while_alive.interrupted() == []
    while_alive.close()

    other.kill()
    other.communicate()
    after = ConversationStore.open(path)
    assert after.message(answer).status == "interrupted"
    assert [m.text for m in after.interrupted()] == ["half an ans"]
    after.reopen_answer(answer).result()
    after.finish(answer, Outcome("half an answer", "complete", "stop")).result()
    assert after.interrupted() == []
    after.close()


def test_a_process_id_that_was_given_away_since_is_not_mistaken_for_the_owner(path, monkeypatch):
    """Same process id, other start time: the owner is dead."""
    store = ConversationStore.open(path)
    started = store.begin_turn(None, "Hello").result()
    store.close()
    monkeypatch.setattr("chatapp.conversations.owner._start_time", lambda pid: "another time")
    again = ConversationStore.open(path)
    assert again.message(started.assistant.id).status == "interrupted"
    again.close()


def test_a_row_without_a_readable_owner_counts_as_cut_off(path):
    store = ConversationStore.open(path)
    started = store.begin_turn(None, "Hello").result()
    store._opened.db.conn.execute("update messages set owner = 'nonsense'")
    store._opened.db.conn.commit()
    store.close()
    again = ConversationStore.open(path)
    assert again.message(started.assistant.id).status == "interrupted"
    again.close()


class TestLease:
    """One window at a time writes in a conversation."""

    def test_another_window_is_told_and_may_write_elsewhere(self, path):
        other = window(path, 0, "other")
        answer = other.stdout.readline().strip()
        store = ConversationStore.open(path)
        message = store.message(answer)
        for write in (
            lambda: store.begin_turn(message.conversation_id, "Me too"),
            lambda: store.begin_answer(message.parent_id),
            lambda: store.reopen_answer(answer),
        ):
            with pytest.raises(StorageError, match="being written in another window"):
                write().result()
        with pytest.raises(StorageError, match="being written in another window"):
            store.purge(message.conversation_id)
        store.begin_turn(None, "Elsewhere").result()
        other.communicate()  # it closes its store and ends
        assert store.message(answer).status == "interrupted"
        store.begin_turn(message.conversation_id, "Now me").result()
        store.close()

    def test_a_window_that_was_killed_holds_nobody_up(self, path):
        """Even one that was opened before the crash goes on without being restarted."""
        other = window(path, 0, "other")
        answer = other.stdout.readline().strip()
        store = ConversationStore.open(path)
        other.kill()
        other.communicate()
        conversation = store.message(answer).conversation_id
        store.begin_turn(conversation, "And now?").result()
        cut = store.message(answer)
        assert (cut.status, cut.text) == ("interrupted", "half an ans")
        store.close()

    def test_two_stores_of_one_process_are_two_windows(self, path, store):
        started = store.begin_turn(None, "Hello").result()
        second = ConversationStore.open(path)
        with pytest.raises(StorageError, match="another window"):
            second.begin_turn(started.conversation.id, "Me too").result()
        store.begin_answer(started.user.id).result()  # one window may write two answers
        second.close()

    def test_a_window_that_closes_leaves_no_answer_streaming(self, path):
        store = ConversationStore.open(path)
        started = store.begin_turn(None, "Hello").result()
        store.save_text(started.assistant.id, "half")
        store.close()
        again = ConversationStore.open(path)
        assert again.message(started.assistant.id).status == "interrupted"
        assert again.verify() == []
        again.close()


def test_the_version_changes_when_any_window_writes_and_not_before(path, store):
    """A window polls it to see what the other one did."""
    store.create("One")
    version = store.version()
    store.conversations()
    assert store.version() == version
    other = ConversationStore.open(path)
    seen = store.version()
    other.create("Two")
    assert store.version() != seen
    other.close()
    seen = store.version()
    store.create("Three")
    assert store.version() != seen
    in_memory = ConversationStore.open(None)
    seen = in_memory.version()
    in_memory.create("Four")
    assert in_memory.version() != seen
    in_memory.close()
