"""Old, newer, damaged, locked and unwritable files: a clear word, and nothing is lost."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from chatapp.conversations import ConversationStore, Outcome, Part, StorageError
from tests.conversations.helpers import say, texts

GOLDEN = Path(__file__).with_name("golden") / "v1.sql"


def golden_file(path: Path) -> Path:
    """Write the version 1 file to `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as db:
        db.executescript(GOLDEN.read_text("utf-8"))
    return path


def fill(path: Path, turns: int) -> None:
    """Write a conversation file with as many long turns, all in the main file."""
    store = ConversationStore.open(path)
    for number in range(turns):
        say(store, f"Question {number} " + "q" * 900, f"Answer {number} " + "a" * 900)
    store.close()


def damage(path: Path, start: int, length: int) -> bytes:
    """Overwrite bytes of a file; return what it holds afterwards."""
    data = bytearray(path.read_bytes())
    data[start : start + length] = b"\xaa" * length
    path.write_bytes(data)
    return bytes(data)


class TestMigration:
    def test_a_version_1_file_is_brought_up_to_date_and_kept_as_it_was(self, path):
        """The old messages are searchable, and a snapshot of the old file lies beside it."""
        store = ConversationStore.open(golden_file(path))
        assert texts(store, "01C") == ["An old question", "A half ans"]
        assert [hit.message_id for hit in store.search("old question")] == ["01A"]
        assert store.citations("01B")[0].quote == "quoted"
        assert [m.id for m in store.interrupted()] == ["01B"]
        [snapshot] = path.parent.glob("chat.sqlite3.before-*")
        assert str(snapshot) in store.notices[0]
        store.close()
        with closing(sqlite3.connect(snapshot)) as old:
            names = {row[0] for row in old.execute("select name from sqlite_master")}
            assert "messages" in names
            assert "messages_fts" not in names

    def test_what_came_with_later_versions_holds_for_old_messages_too(self, path):
        """They have hashes and counts, and can be deleted, forked and exported."""
        store = ConversationStore.open(golden_file(path))
        assert store.verify() == []
        conversation = store.conversation("01C")
        assert (conversation.message_count, conversation.tags, conversation.rev) == (2, (), 0)
        assert len(store.fork("01B").options) == 0
        assert store.delete_message("01A").message_count == 0
        store.close()

    def test_a_new_file_needs_no_snapshot_and_a_second_open_changes_nothing(self, path):
        ConversationStore.open(path).close()
        again = ConversationStore.open(path)
        again.close()
        assert again.notices == ()
        assert not list(path.parent.glob("*before*"))

    def test_only_the_newest_snapshots_are_kept(self, path):
        golden_file(path)
        for day in range(1, 9):
            path.with_name(f"chat.sqlite3.before-2020010{day}").touch()
        ConversationStore.open(path).close()
        kept = sorted(p.name for p in path.parent.glob("*before*"))
        assert len(kept) == 5
        assert kept[0] == "chat.sqlite3.before-20200105"


class TestNewer:
    @pytest.fixture
    def newer(self, path: Path) -> ConversationStore:
        fill(path, 2)
        with closing(sqlite3.connect(path)) as db, db:
            db.execute(
                "insert into _sqlite_migrations (migration_set, name, applied_at) "
                "values ('conversations', 'm999_future', '2030-01-01')"
            )
        store = ConversationStore.open(path)
        yield store
        store.close()

    def test_it_can_be_read_and_searched_and_says_why_it_is_read_only(self, newer):
        assert newer.read_only
        assert "newer chatapp" in newer.notices[0]
        assert len(newer.conversations()) == 2
        assert len(newer.search("question")) == 2

    def test_writing_to_it_is_refused_with_the_fix(self, newer):
        for write in (lambda: newer.create("x"), lambda: newer.begin_turn(None, "Hello")):
            with pytest.raises(StorageError, match="newer chatapp") as caught:
                write()
            assert "Update" in caught.value.hint


class TestDamage:
    def test_pages_in_the_middle_are_lost_and_the_rest_is_recovered(self, path):
        """The file is kept byte for byte, what is readable is there, the person is told."""
        fill(path, 60)
        damaged = damage(path, path.stat().st_size // 2, 3 * 4096)
        store = ConversationStore.open(path)
        [aside] = path.parent.glob("chat.sqlite3.corrupt-*")
        assert aside.read_bytes() == damaged
        assert str(aside) in store.notices[0]
        recovered = [text for c in store.conversations() for text in texts(store, c.id)]
        assert len(recovered) > 60
        assert all(text.startswith(("Question", "Answer")) for text in recovered)
        say(store, "And life goes on?")
        store.close()
        with closing(sqlite3.connect(path)) as db:
            assert db.execute("pragma integrity_check").fetchone() == ("ok",)
            assert db.execute("pragma foreign_key_check").fetchall() == []

    def test_a_file_that_is_no_database_is_set_aside(self, path):
        content = b"this is no database at all, but some text" * 100
        path.parent.mkdir()
        path.write_bytes(content)
        store = ConversationStore.open(path)
        say(store, "Hello?")
        store.close()
        [aside] = path.parent.glob("chat.sqlite3.corrupt-*")
        assert aside.read_bytes() == content
        assert "0 conversations" in store.notices[0]

    def test_a_truncated_file_keeps_its_first_messages(self, path):
        fill(path, 60)
        data = path.read_bytes()
        early = data.index(b"Question 2 " + b"q" * 100) // 4096 + 1  # pages up to the third turn
        path.write_bytes(data[: early * 4096])
        store = ConversationStore.open(path)
        assert list(path.parent.glob("chat.sqlite3.corrupt-*"))
        recovered = [text for c in store.conversations() for text in texts(store, c.id)]
        assert any(text.startswith("Question 0") for text in recovered)
        # The page that named the conversations is gone; their messages are not.
        assert {c.title for c in store.conversations()} == {"Recovered messages"}
        store.close()

    def test_parts_tags_and_settings_are_recovered_too(self, path):
        store = ConversationStore.open(path)
        file = Part("attachment", {"name": "a.txt", "text": "quokkas smile"})
        started = store.begin_turn(None, "Look", attachments=[file]).result()
        outcome = Outcome("I see.", "complete", "stop", model="m")
        store.finish(started.assistant.id, outcome).result()
        store.configure(started.conversation.id, persona="Brief.")
        store.tag(started.conversation.id, "animals")
        store.save_draft(None, "half a quest")
        store.close()
        with closing(sqlite3.connect(path)) as db, db:
            db.execute("pragma writable_schema = on")
            db.execute("update sqlite_master set rootpage = 99999 where name = 'parts_trigram_idx'")
        again = ConversationStore.open(path)
        assert "damaged" in again.notices[0]
        assert again.parts(started.user.id)[0].data == file.data
        assert again.turns(message_id=started.assistant.id)[0].model == "m"
        conversation = again.conversation(started.conversation.id)
        assert (conversation.persona, conversation.tags) == ("Brief.", ("animals",))
        assert conversation.message_count == 2
        assert again.draft(None) == "half a quest"
        assert len(again.search("quokkas")) == 1
        assert again.verify() == []
        again.close()

    def test_damage_that_is_met_later_is_repaired_at_the_next_start(self, path, monkeypatch):
        """A big file is not read whole whenever a window opens; meeting damage asks for that."""
        fill(path, 60)
        damage(path, path.stat().st_size // 2, path.stat().st_size // 2)
        monkeypatch.setattr("chatapp.conversations.damage._READ_WHOLE_BYTES", 0)
        store = ConversationStore.open(path)
        assert store.notices == ()
        with pytest.raises(StorageError, match="could not be used") as caught:
            [store.messages(conversation.id) for conversation in store.conversations(limit=1000)]
        assert "Restart chatapp" in caught.value.hint
        store.close()
        again = ConversationStore.open(path)
        assert "damaged" in again.notices[0]
        assert again.verify() == []
        again.close()
        third = ConversationStore.open(path)
        assert third.notices == ()
        third.close()

    @pytest.mark.parametrize("seed", range(25))
    def test_wherever_the_damage_is_the_store_opens_and_is_sound(self, path, seed):
        """Random bytes at random places: no crash, no endless loop, the original is kept."""
        fill(path, 12)
        chance = random.Random(seed)
        data = bytearray(path.read_bytes())
        for _ in range(chance.choice([1, 3, 30])):
            place = chance.randrange(len(data))
            data[place : place + 40] = chance.randbytes(min(40, len(data) - place))
        path.write_bytes(data)
        store = ConversationStore.open(path)
        for aside in path.parent.glob("chat.sqlite3.corrupt-*"):
            assert aside.read_bytes() == bytes(data)
        for conversation in store.conversations():
            store.messages(conversation.id)
        say(store, "And life goes on?")
        store.close()
        if store.notices:
            with closing(sqlite3.connect(path)) as db:
                assert db.execute("pragma integrity_check").fetchone() == ("ok",)
                assert db.execute("pragma foreign_key_check").fetchall() == []

    def test_an_empty_file_is_a_new_store(self, path):
        path.parent.mkdir()
        path.touch()
        store = ConversationStore.open(path)
        say(store, "Hello?")
        store.close()
        assert store.notices == ()


class TestUnusable:
    def test_a_home_that_cannot_be_made_is_named_with_the_fix(self, tmp_path):
        """A directory below a plain file cannot be made, not even by root."""
        (tmp_path / "file").touch()
        with pytest.raises(StorageError, match="cannot be written") as caught:
            ConversationStore.open(tmp_path / "file" / "home" / "chat.sqlite3")
        assert "CHATAPP_HOME" in caught.value.hint

    def test_a_read_only_file_is_named_with_the_fix(self, path, monkeypatch):
        """What SQLite says on a read-only disk (tests may run as root, which chmod never stops)."""

        def refuse(*arguments, **options):
            error = sqlite3.OperationalError("attempt to write a readonly database")
            error.sqlite_errorcode = sqlite3.SQLITE_READONLY
            raise error

        monkeypatch.setattr("chatapp.conversations.opening.sqlite3.connect", refuse)
        with pytest.raises(StorageError, match="cannot be written") as caught:
            ConversationStore.open(path)
        assert "CHATAPP_HOME" in caught.value.hint

    def test_a_full_disk_is_told_apart(self, store):
        """The file may not grow by one page, which SQLite reports as it reports a full disk."""
        store._opened.db.conn.execute("PRAGMA max_page_count=1")
        with pytest.raises(StorageError, match="no space left"):
            store.create("x" * 100_000)

    def test_a_file_that_another_program_holds_is_called_locked(self, path):
        ConversationStore.open(path).close()
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("begin immediate")
            with pytest.raises(StorageError, match="locked by another program") as caught:
                ConversationStore.open(path, busy_seconds=0.05)
        assert "Close the other program" in caught.value.hint

    def test_a_window_that_is_still_opening_is_waited_for_and_then_named(self, path):
        import fcntl

        ConversationStore.open(path).close()
        with path.with_name("chat.sqlite3.lock").open("a") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            with pytest.raises(StorageError, match="still opening"):
                ConversationStore.open(path, busy_seconds=0.05)
