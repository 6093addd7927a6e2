"""What a person can do with conversations, and what stays as it was."""

from __future__ import annotations

import sqlite3

import pytest

from chatapp.conversations import (
    NEW_ROOT,
    ConversationStore,
    NotFound,
    Outcome,
    StorageError,
    StoredCitation,
)
from tests.conversations.helpers import say, texts

CITATION = StoredCitation(1, "It is a cube.", "Kaaba", "file:k", "d1", "p1", 4, 17, 0.9)


class TestTurns:
    def test_question_and_empty_answer_stand_on_disk_before_the_first_token(self, store, path):
        """A question is in the file, as another process sees it, when `begin_turn` returns."""
        started = store.begin_turn(None, "What is the Kaaba?").result()
        with sqlite3.connect(path) as other:
            rows = other.execute("select role, text, status from messages order by key").fetchall()
        assert rows == [("user", "What is the Kaaba?", "complete"), ("assistant", "", "streaming")]
        assert started.conversation.title == "What is the Kaaba?"
        assert started.assistant.parent_id == started.user.id

    def test_an_answer_is_read_back_with_its_citations_and_costs(self, store):
        started = store.begin_turn(None, "What is the Kaaba?").result()
        outcome = Outcome(
            "It is a cube. [1]", "complete", "stop", "grounded", "m", 1.5, {"a": 1}, (CITATION,)
        )
        store.finish(started.assistant.id, outcome).result()
        message = store.message(started.assistant.id)
        assert (message.text, message.status, message.grounding) == (
            "It is a cube. [1]", "complete", "grounded",
        )  # fmt: skip
        assert (message.model, message.seconds, message.usage) == ("m", 1.5, {"a": 1})
        assert store.citations(message.id) == [CITATION]

    def test_finishing_again_replaces_the_citations(self, store):
        started = store.begin_turn(None, "Who?").result()
        for _ in range(2):
            outcome = Outcome("A. [1]", "complete", "stop", citations=(CITATION,))
            store.finish(started.assistant.id, outcome).result()
        assert len(store.citations(started.assistant.id)) == 1

    def test_a_turn_in_an_unknown_conversation_is_refused_and_writes_nothing(self, store):
        with pytest.raises(NotFound, match="nowhere"):
            store.begin_turn("nowhere", "Hello").result()
        assert store.conversations() == []

    def test_a_deleted_conversation_takes_no_turn_until_it_is_restored(self, store):
        gone = say(store, "Hello").conversation.id
        store.delete(gone)
        with pytest.raises(NotFound, match="restore it first"):
            store.begin_turn(gone, "Hello?").result()

    def test_sending_waits_for_the_disk_and_streaming_does_not(self, store):
        """`synchronous` is FULL for the transaction that stores a question, NORMAL for the rest."""
        seen: list[str] = []
        store._opened.db.conn.set_trace_callback(seen.append)
        started = store.begin_turn(None, "Hello").result()
        store.save_text(started.assistant.id, "Hi").result()
        levels = [sql.partition("=")[2] for sql in seen if sql.startswith("PRAGMA synchronous")]
        assert levels == ["FULL", "NORMAL"]
        assert seen.count("BEGIN IMMEDIATE") == 2

    def test_an_answer_that_is_still_written_is_not_continued(self, store):
        """Another window may have it open; two writers would overwrite each other's text."""
        started = store.begin_turn(None, "Hello").result()
        with pytest.raises(StorageError, match="still being written"):
            store.reopen_answer(started.assistant.id).result()

    def test_an_id_that_is_taken_is_passed_over(self):
        """A fixed clock makes the ids of an earlier session again."""
        ids = iter(["A", "B", "B", "A", "C"])
        store = ConversationStore.open(None, ids=ids.__next__)
        assert [store.create().id for _ in range(3)] == ["A", "B", "C"]
        store.close()

    def test_a_write_after_close_says_so(self, path):
        store = ConversationStore.open(path)
        store.close()
        with pytest.raises(StorageError, match="closed"):
            store.begin_turn(None, "Hello")


class TestTree:
    def test_a_regenerated_answer_keeps_the_old_one_as_a_sibling(self, store):
        started = say(store, "Why?", "First.")
        second = store.begin_answer(started.user.id).result()
        store.finish(second.id, Outcome("Second.", "complete", "stop")).result()
        assert texts(store, started.conversation.id) == ["Why?", "Second."]
        assert [m.text for m in store.siblings(second.id)] == ["First.", "Second."]

    def test_selecting_a_sibling_reads_its_branch_to_the_newest_leaf(self, store):
        first = say(store, "One?", "A.")
        conversation = first.conversation.id
        say(store, "Two?", "B.", conversation)
        other = store.begin_answer(first.user.id).result()
        store.finish(other.id, Outcome("C.", "complete", "stop")).result()
        assert texts(store, conversation) == ["One?", "C."]
        store.select(first.assistant.id)
        assert texts(store, conversation) == ["One?", "A.", "Two?", "B."]

    def test_an_edited_first_question_starts_a_second_root(self, store):
        first = say(store, "Oen?", "What?")
        say(store, "One?", "Two.", first.conversation.id, NEW_ROOT)
        assert texts(store, first.conversation.id) == ["One?", "Two."]
        assert [m.text for m in store.siblings(first.user.id)] == ["Oen?", "One?"]
        assert len(store.tree(first.conversation.id)) == 4

    def test_a_parent_can_be_named(self, store):
        first = say(store, "One?", "A.")
        say(store, "Two?", "B.", first.conversation.id)
        say(store, "Three?", "C.", first.conversation.id, first.assistant.id)
        assert texts(store, first.conversation.id) == ["One?", "A.", "Three?", "C."]


class TestConversations:
    def test_last_used_comes_first_and_pages_follow_each_other(self, store):
        ids = [say(store, f"Question {n}?").conversation.id for n in range(5)]
        say(store, "Again?", conversation=ids[0])
        expected = [ids[0], ids[4], ids[3], ids[2], ids[1]]
        first = store.conversations(limit=2)
        second = store.conversations(limit=9, before=first[-1].id)
        assert [c.id for c in [*first, *second]] == expected
        assert store.latest().id == ids[0]

    def test_delete_hides_everywhere_and_restore_brings_everything_back(self, store):
        kept = say(store, "The red house?")
        gone = say(store, "The red boat?").conversation.id
        store.delete(gone)
        assert [c.id for c in store.conversations()] == [kept.conversation.id]
        assert [c.id for c in store.conversations(deleted=True)] == [gone]
        assert {hit.conversation_id for hit in store.search("red")} == {kept.conversation.id}
        store.restore(gone)
        assert texts(store, gone) == ["The red boat?", "Yes."]
        assert len(store.search("red")) == 2

    @pytest.mark.parametrize("change", ["delete", "restore", "messages", "conversation", "tree"])
    def test_an_unknown_id_is_named(self, store, change):
        with pytest.raises(NotFound, match="01XYZ"):
            getattr(store, change)("01XYZ")

    def test_a_long_question_becomes_a_short_title(self, store):
        title = say(store, "word " * 100).conversation.title
        assert len(title) <= 60
        assert title.endswith("word…")

    def test_a_title_given_by_hand_stays(self, store):
        conversation = store.create("Mine")
        say(store, "Hello there", conversation=conversation.id)
        assert store.conversation(conversation.id).title == "Mine"
        assert store.rename(conversation.id, "Ours").title == "Ours"


class TestSearch:
    def test_all_words_must_match_accents_aside_and_the_last_may_be_a_beginning(self, store):
        say(store, "Where is the Café Müller?", "In Wuppertal.")
        assert [h.role for h in store.search("cafe mull")] == ["user"]
        assert [h.role for h in store.search("wupper")] == ["assistant"]
        assert store.search("cafe wuppertal") == []

    @pytest.mark.parametrize(
        "text", ["", "   ", '"', "a AND (", "NEAR(", "*", "text:", "-x", "'; --"]
    )
    def test_what_a_person_types_is_never_query_syntax(self, store, text):
        say(store, "Nothing of that kind")
        assert store.search(text) == []

    def test_scripts_without_spaces_are_found_by_any_part(self, store):
        say(store, "東京タワーの高さは?")
        assert len(store.search("タワー")) == 1

    def test_a_streaming_answer_is_found_once_it_is_finished(self, store):
        started = store.begin_turn(None, "Hello").result()
        store.save_text(started.assistant.id, "platypus").result()
        assert store.search("platypus") == []
        store.finish(started.assistant.id, Outcome("platypus", "complete", "stop")).result()
        store.reopen_answer(started.assistant.id).result()
        store.finish(started.assistant.id, Outcome("echidna", "complete", "stop")).result()
        assert store.search("platypus") == []
        assert len(store.search("echidna")) == 1


def test_an_ephemeral_store_keeps_nothing_and_does_everything(tmp_path, monkeypatch):
    """Without a path the same operations work and no file appears."""
    monkeypatch.chdir(tmp_path)
    before = set(tmp_path.rglob("*"))
    store = ConversationStore.open(None)
    started = say(store, "Secret?", "Indeed.")
    assert texts(store, started.conversation.id) == ["Secret?", "Indeed."]
    assert len(store.search("indeed")) == 1
    store.close()
    assert set(tmp_path.rglob("*")) == before


def test_the_file_is_opened_the_way_the_design_says(store, path):
    """WAL, foreign keys, secure delete and no memory map, on the writing connection."""
    db = store._opened.db
    values = {
        name: db.execute(f"pragma {name}").fetchone()[0]
        for name in ("journal_mode", "foreign_keys", "secure_delete", "mmap_size", "synchronous")
    }
    assert values == {
        "journal_mode": "wal", "foreign_keys": 1, "secure_delete": 1, "mmap_size": 0,
        "synchronous": 1,
    }  # fmt: skip


class TestSubstrings:
    @pytest.mark.parametrize(
        ("text", "wanted"),
        [
            ("昨日は東京で寿司を食べました。", "東京で寿司"),
            ("我住在北京", "北京"),
            ("Call obj.foo_bar() and then x->next", "foo_bar("),
            ("Call obj.foo_bar() and then x->next", "x->next"),
            ("std::vector<int> v;", "vector<int>"),
        ],
    )
    def test_text_without_spaces_and_code_are_found_as_written(self, store, text, wanted):
        say(store, text)
        say(store, "Something else entirely")
        (hit,) = store.search(wanted)
        assert wanted in hit.snippet

    def test_a_changed_answer_is_found_by_its_new_text_only(self, store):
        said = say(store, "Hi", "foo_bar()")
        store.reopen_answer(said.assistant.id).result()
        assert store.search("foo_bar()") == []
        store.finish(said.assistant.id, Outcome("baz_qux()", "complete", "stop")).result()
        assert store.search("foo_bar()") == []
        assert len(store.search("baz_qux()")) == 1

    def test_a_purged_conversation_is_in_no_index(self, store):
        said = say(store, "foo_bar() 東京で寿司")
        store.purge(said.conversation.id)
        assert store.search("foo_bar()") == store.search("東京で寿司") == []
