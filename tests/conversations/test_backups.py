"""Backups: made by the way, kept five deep, never of a damaged file, and cleaned when need be."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import sys
import time
from contextlib import closing
from threading import get_native_id

import pytest

from chatapp.conversations import ConversationStore, NotFound, StorageError, upkeep
from chatapp.conversations.backups import back_up, backups_of, rolling_backups_of
from chatapp.conversations.exchange import import_conversations, to_json
from tests.conversations.helpers import say, texts


def count(file: os.PathLike[str]) -> int:
    """Return how many messages a copy holds."""
    with closing(sqlite3.connect(file)) as db:
        return int(db.execute("select count(*) from messages").fetchone()[0])


def wait_for(condition, seconds: float = 10.0):
    """Poll until `condition()` is true, and return what it returned."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.01)
    return found


class TestDaily:
    def test_a_window_makes_one_while_it_is_open_and_the_next_one_that_day_does_not(
        self, path, store, monkeypatch
    ):
        monkeypatch.setattr(upkeep, "START_SECONDS", 0.0)
        say(store, "Hello")
        second = ConversationStore.open(path)
        [backup] = wait_for(lambda: rolling_backups_of(path))
        second.close()
        assert count(backup) == 2
        third = ConversationStore.open(path)
        third._upkeep._thread.join()
        third.close()
        assert rolling_backups_of(path) == [backup]

    @pytest.mark.skipif(sys.platform != "linux", reason="only Linux has priorities of threads")
    def test_making_one_gives_way_to_whoever_searches(self, path, store, monkeypatch):
        """The backup's thread has the least priority, and nobody else's is changed."""
        monkeypatch.setattr(upkeep, "START_SECONDS", 0.0)
        seen = []
        monkeypatch.setattr(
            upkeep,
            "back_up",
            lambda *_, **__: seen.append(os.getpriority(os.PRIO_PROCESS, get_native_id())),
        )
        mine = os.getpriority(os.PRIO_PROCESS, get_native_id())
        say(store, "Hello")
        second = ConversationStore.open(path)
        wait_for(lambda: seen)
        second.close()
        assert seen == [19]
        assert os.getpriority(os.PRIO_PROCESS, get_native_id()) == mine

    def test_an_old_one_is_followed_by_the_next_and_five_are_kept(self, path, store):
        say(store, "Hello")
        for day in range(1, 8):
            old = path.with_name(f"{path.name}.backup-2026010{day}T000000000000Z")
            old.touch()  # its name tells its age, not when something was last removed from it
        new = back_up(path)
        kept = rolling_backups_of(path)
        assert len(kept) == 5
        assert kept[-1] == new
        assert back_up(path) is None

    def test_a_window_that_closes_at_once_leaves_nothing_half_made(self, path, store, monkeypatch):
        """Closing waits neither for the copy nor for its beginning."""
        say(store, "Hello")
        for seconds in (0.0, 60.0):
            monkeypatch.setattr(upkeep, "START_SECONDS", seconds)
            other = ConversationStore.open(path)
            other.close()
            assert not other._upkeep._thread.is_alive()
        assert list(path.parent.glob("*.tmp")) == []

    def test_an_empty_file_and_one_in_memory_need_none(self, path, monkeypatch):
        monkeypatch.setattr(upkeep, "START_SECONDS", 0.0)
        for place in (path, None):
            store = ConversationStore.open(place)
            assert store._upkeep is None
            store.close()

    def test_what_an_interrupted_copy_left_is_cleared_away(self, path, store):
        left = path.with_name(f"{path.name}.backup-20260101T000000000000Z.tmp")
        left.write_bytes(b"half")
        assert backups_of(path) == []
        store.back_up()
        assert not left.exists()

    def test_a_damaged_file_pushes_no_good_copy_out(self, path, store):
        """It is refused, and the next start reads the whole file, however big it is."""
        for number in range(40):
            say(store, f"Question {number} " + "q" * 900)
        good = store.back_up()
        store.close()
        data = bytearray(path.read_bytes())
        middle = len(data) // 2
        data[middle : middle + 8192] = b"\xaa" * 8192
        path.write_bytes(data)
        with pytest.raises(StorageError, match="could not be used"):
            back_up(path, every_hours=0)
        assert rolling_backups_of(path) == [good]
        assert path.with_name(f"{path.name}.suspect").exists()
        again = ConversationStore.open(path)
        assert "damaged" in again.notices[0]
        again.close()


class TestRecover:
    def test_what_damage_took_comes_back_from_the_newest_backup(self, path, store):
        """The notice names the backup and the command; nothing that is there is changed."""
        first = say(store, "Question " + "q" * 900)
        for number in range(40):
            say(store, f"Question {number} " + "q" * 900, "a" * 900, first.conversation.id)
        store.tag(first.conversation.id, "work")
        store.back_up()
        whole = store.tree(first.conversation.id)
        store.close()
        data = bytearray(path.read_bytes())
        lost = data.index(b"Question 20 qqqq")
        data[lost - 1000 : lost + 9000] = b"\xaa" * 10_000
        path.write_bytes(data)
        damaged = ConversationStore.open(path)
        assert "chatapp conversations recover" in damaged.notices[0]
        assert len(damaged.tree(first.conversation.id)) < len(whole)
        since = say(damaged, "Said since", conversation=first.conversation.id)
        damaged.recover()
        found = {message.id: message for message in damaged.tree(first.conversation.id)}
        assert {m.id: (m.text, m.parent_id) for m in whole}.items() <= {
            key: (m.text, m.parent_id) for key, m in found.items()
        }.items()
        assert since.user.id in found
        conversation = damaged.conversation(first.conversation.id)
        assert (conversation.title, conversation.tags) == (first.conversation.title, ("work",))
        assert damaged.verify() == []
        assert damaged.recover().messages == 0
        damaged.close()

    def test_what_was_purged_since_does_not_come_back(self, path, store):
        kept, gone = say(store, "Kept"), say(store, "The platypus")
        backup = store.back_up()
        store.purge(gone.conversation.id)
        assert count(backup) == 2
        assert b"platypus" not in backup.read_bytes()
        assert store.recover().messages == 0
        assert [c.id for c in store.conversations()] == [kept.conversation.id]

    def test_nor_from_a_copy_that_could_not_be_cleaned(self, path, store, tmp_path):
        """A file that was set aside, and a copy of a backup that a person made."""
        kept, gone = say(store, "Kept"), say(store, "The platypus")
        cut = say(store, "Another platypus", conversation=kept.conversation.id)
        own = tmp_path / "mine.sqlite3"
        shutil.copyfile(store.back_up(), own)
        aside = path.with_name(f"{path.name}.corrupt-20260101T000000000000Z")
        shutil.copyfile(own, aside)
        store.purge(gone.conversation.id)
        store.purge_message(cut.user.id)
        for copy in (own, aside):
            assert store.recover(copy).messages == 0
        assert [c.id for c in store.conversations()] == [kept.conversation.id]
        assert texts(store, kept.conversation.id) == ["Kept", "Yes."]
        assert b"platypus" not in path.read_bytes()
        assert store.verify() == []

    def test_what_was_imported_again_can_be_recovered(self, store, tmp_path):
        """A copy of the time between knows it as purged."""
        said = say(store, "The platypus")
        exported = tmp_path / "export.json"
        exported.write_text(json.dumps(to_json(store, said.conversation.id)))
        store.purge(said.conversation.id)
        between, later = tmp_path / "between.sqlite3", tmp_path / "later.sqlite3"
        shutil.copyfile(store.back_up(), between)
        import_conversations(store, exported, clean=str)
        back_up(store.path, every_hours=0)
        shutil.copyfile(backups_of(store.path)[-1], later)
        store.recover(between)
        store.write(lambda db: db.execute("delete from messages"))  # as damage does
        store.write(lambda db: db.execute("delete from conversations"))
        assert store.recover(later).messages == 2

    def test_what_was_changed_since_stays_changed(self, store):
        said = say(store, "Hello")
        store.back_up()
        store.rename(said.conversation.id, "New name")
        store.delete(said.conversation.id)
        store.recover()
        assert store.conversation(said.conversation.id).title == "New name"
        assert store.conversations() == []

    def test_a_damaged_file_that_was_set_aside_can_be_read_again(self, path, store):
        say(store, "Hello")
        store.close()
        aside = path.with_name(f"{path.name}.corrupt-20260101T000000000000Z")
        path.rename(aside)
        empty = ConversationStore.open(path)
        assert empty.recover(aside).messages == 2
        [conversation] = empty.conversations()
        assert texts(empty, conversation.id) == ["Hello", "Yes."]
        empty.close()

    def test_without_a_backup_or_with_a_wrong_name_it_says_so(self, store, tmp_path):
        with pytest.raises(NotFound, match="no backup"):
            store.recover()
        with pytest.raises(NotFound, match=r"nothing\.here"):
            store.recover(tmp_path / "nothing.here")
        (tmp_path / "text").write_text("no database at all" * 100)
        assert store.recover(tmp_path / "text").messages == 0


class TestForgetting:
    def test_nobody_makes_a_copy_while_something_is_removed(self, path, store):
        """Or the copy would hold what is being removed from all others."""
        say(store, "Hello")
        with store.held_backups() as copies:
            assert copies == []
            with pytest.raises(StorageError, match="making a backup"):
                back_up(path, busy_seconds=0.0)
        assert back_up(path) is not None
