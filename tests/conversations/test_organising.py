"""Titles, settings, pins, the archive, tags, drafts: everything but the messages themselves."""

from __future__ import annotations

import pytest

from chatapp.conversations import ConversationStore, StorageError
from tests.conversations.helpers import say


@pytest.fixture
def three(store) -> list[str]:
    """Return the ids of three conversations, the first one used last."""
    return [say(store, f"Question {n}").conversation.id for n in range(3)][::-1]


def listed(store: ConversationStore, **options: object) -> list[str]:
    """Return the ids of a list of conversations."""
    return [conversation.id for conversation in store.conversations(**options)]


class TestLists:
    def test_pinned_ones_come_first_and_pages_go_on_behind_them(self, store, three):
        assert store.organise(three[2], pinned=True).pinned
        expected = [three[2], three[0], three[1]]
        assert listed(store) == expected
        pages = [listed(store, limit=1)]
        while page := listed(store, limit=1, before=pages[-1][0]):
            pages.append(page)
        assert [one for page in pages for one in page] == expected
        store.organise(three[2], pinned=False)
        assert listed(store) == three
        assert store.latest().id == three[0]

    def test_archived_ones_are_listed_apart_and_still_found(self, store, three):
        store.organise(three[1], archived=True)
        assert listed(store) == [three[0], three[2]]
        assert listed(store, archived=True) == [three[1]]
        assert len(store.search("question")) == 3
        store.organise(three[1], archived=False)
        assert listed(store) == three

    def test_a_deleted_one_is_in_the_bin_whatever_else_it_is(self, store, three):
        store.organise(three[0], pinned=True, archived=True)
        store.delete(three[0])
        assert listed(store, deleted=True) == [three[0]]
        assert listed(store, archived=True) == []

    def test_a_list_is_read_from_its_index(self, store, three):
        """With a hundred thousand conversations a list must not sort them all."""
        seen: list[str] = []
        store._opened.reader.conn.set_trace_callback(seen.append)
        listed(store)
        store._opened.reader.conn.set_trace_callback(None)
        [query] = [sql for sql in seen if "from conversations c" in sql]
        plan = " ".join(
            str(row[3]) for row in store._opened.reader.execute(f"explain query plan {query}")
        )
        assert "conversations_listed" in plan
        assert "TEMP B-TREE" not in plan


class TestTags:
    def test_tags_are_put_on_listed_filtered_by_and_taken_off(self, store, three):
        store.tag(three[0], "#Work")
        assert store.tag(three[0], "later").tags == ("later", "work")
        store.tag(three[1], "work")
        assert store.tags() == {"later": 1, "work": 2}
        assert listed(store, tag="work") == three[:2]
        assert store.untag(three[0], "WORK").tags == ("later",)
        assert store.untag(three[0], "never there").tags == ("later",)

    def test_an_empty_tag_is_refused_with_the_fix(self, store, three):
        with pytest.raises(StorageError, match="at least one letter"):
            store.tag(three[0], " # ")

    def test_tags_go_with_the_conversation(self, store, three):
        store.tag(three[0], "work")
        store.purge(three[0])
        assert store.tags() == {}


class TestSettings:
    def test_persona_and_options_are_kept_and_set_apart(self, store, three):
        store.configure(three[0], persona="You are brief.")
        changed = store.configure(three[0], options={"model": "small", "sampling": {"seed": 1}})
        assert changed.persona == "You are brief."
        assert store.conversation(three[0]).options == {"model": "small", "sampling": {"seed": 1}}

    def test_every_change_of_a_conversation_raises_its_revision(self, store, three):
        def rev() -> int:
            return store.conversation(three[0]).rev

        changes = (
            lambda: store.rename(three[0], "New"),
            lambda: store.configure(three[0], persona="x"),
            lambda: store.organise(three[0], pinned=True),
            lambda: store.tag(three[0], "t"),
            lambda: store.untag(three[0], "t"),
            lambda: store.delete(three[0]),
            lambda: store.restore(three[0]),
            lambda: say(store, "More", conversation=three[0]),
        )
        for change in changes:
            before = rev()
            change()
            assert rev() > before

    def test_text_that_streams_in_does_not(self, store):
        """Or a window could not tell a change from the answer it is watching."""
        started = store.begin_turn(None, "Hello").result()
        before = store.conversation(started.conversation.id).rev
        store.save_text(started.assistant.id, "Hi th").result()
        assert store.conversation(started.conversation.id).rev == before


class TestDrafts:
    def test_what_was_typed_and_not_sent_is_there_after_a_crash(self, store, path, three):
        store.save_draft(three[0], "half a quest")
        store.save_draft(None, "something new")
        with_other = ConversationStore.open(path)  # as a new process would find it
        assert with_other.draft(three[0]) == "half a quest"
        assert with_other.draft(None) == "something new"
        assert with_other.draft(three[1]) == ""
        with_other.close()

    def test_sending_a_draft_ends_it_and_sending_something_else_does_not(self, store, three):
        store.save_draft(three[0], "Shall I?")
        say(store, "Another thing", conversation=three[0])
        assert store.draft(three[0]) == "Shall I?"
        say(store, "Shall I? ", conversation=three[0])
        assert store.draft(three[0]) == ""

    def test_an_empty_draft_is_none_and_a_purged_conversation_keeps_none(self, store, path, three):
        store.save_draft(three[0], "x")
        store.save_draft(three[0], "")
        assert store.draft(three[0]) == ""
        store.save_draft(three[1], "platypus")
        store.purge(three[1])
        assert store.draft(three[1]) == ""
        assert b"platypus" not in path.read_bytes()
