"""Branches, forks, and single messages that are deleted, brought back, or gone for good."""

from __future__ import annotations

import pytest

from chatapp.conversations import Message, NotFound, Outcome, Part, StorageError
from tests.conversations.helpers import say, texts


@pytest.fixture
def chat(store):
    """Return a conversation of two rounds, the second answer regenerated once."""
    first = say(store, "One?", "A.")
    second = say(store, "Two?", "B.", first.conversation.id)
    again = store.begin_answer(second.user.id).result()
    store.finish(again.id, Outcome("C.", "complete", "stop")).result()
    return first, second, again


class TestDeleting:
    def test_a_message_goes_with_all_that_follows_and_comes_back_the_same(self, store, chat):
        first, second, _ = chat
        conversation = first.conversation.id
        before = store.tree(conversation)
        left = store.delete_message(second.user.id)
        assert texts(store, conversation) == ["One?", "A."]
        assert left.message_count == 2
        assert store.search("Two") == []
        assert len(store.tree(conversation, deleted=True)) == 5
        assert store.restore_message(second.user.id).message_count == 5
        assert store.tree(conversation) == before
        assert texts(store, conversation) == ["One?", "A.", "Two?", "C."]

    def test_without_one_answer_its_sibling_is_read(self, store, chat):
        first, second, again = chat
        store.delete_message(again.id)
        assert texts(store, first.conversation.id) == ["One?", "A.", "Two?", "B."]
        assert [m.id for m in store.siblings(second.assistant.id)] == [second.assistant.id]

    def test_undo_brings_back_what_was_deleted_together_and_no_more(self, store, chat):
        """An answer that was deleted earlier, for itself, stays deleted."""
        first, second, again = chat
        store.delete_message(again.id)
        store.delete_message(second.user.id)
        store.restore_message(second.user.id)
        assert texts(store, first.conversation.id) == ["One?", "A.", "Two?", "B."]

    def test_a_message_cannot_come_back_without_what_it_answers(self, store, chat):
        _, second, again = chat
        store.delete_message(again.id)
        store.delete_message(second.user.id)
        with pytest.raises(StorageError, match="deleted too") as caught:
            store.restore_message(again.id)
        assert second.user.id in caught.value.hint

    def test_all_messages_can_be_deleted(self, store, chat):
        first = chat[0]
        left = store.delete_message(first.user.id)
        assert (left.tip, left.message_count) == (None, 0)
        assert texts(store, first.conversation.id) == []

    def test_an_answer_that_is_being_written_is_not_deleted(self, store):
        started = store.begin_turn(None, "Hello").result()
        with pytest.raises(StorageError, match="still being written"):
            store.delete_message(started.user.id)

    def test_nothing_can_be_answered_that_is_deleted(self, store, chat):
        first, second, _ = chat
        store.delete_message(second.user.id)
        with pytest.raises(NotFound, match="restore it first"):
            store.begin_answer(second.user.id).result()
        with pytest.raises(NotFound, match="There is no message"):
            store.begin_turn(first.conversation.id, "x", second.assistant.id).result()

    def test_a_deleted_message_is_neither_read_nor_forked_nor_continued(self, store, chat):
        _, _, again = chat
        store.delete_message(again.id)
        for refused in (
            lambda: store.select(again.id),
            lambda: store.fork(again.id),
            lambda: store.reopen_answer(again.id).result(),
        ):
            with pytest.raises(NotFound, match="restore it first"):
                refused()
        assert store.verify() == []

    def test_a_purged_message_is_in_no_byte_of_any_file(self, store, path, chat):
        first = chat[0]
        say(store, "About the platypus?", "Platypuses lay eggs.", first.conversation.id)
        question = store.messages(first.conversation.id)[-2]
        store.back_up()
        assert store.purge_message(question.id).text == "About the platypus?"
        store.close()
        for file in path.parent.iterdir():
            assert b"latypus" not in file.read_bytes()

    def test_what_is_left_of_a_purged_branch_is_read(self, store, chat):
        first, second, _ = chat
        store.purge_message(second.user.id)
        assert texts(store, first.conversation.id) == ["One?", "A."]
        assert store.verify() == []


class TestFork:
    def test_a_fork_is_a_conversation_of_its_own_that_knows_where_it_comes_from(self, store, chat):
        first, second, _ = chat
        store.configure(first.conversation.id, persona="Brief.", options={"model": "m"})
        store.tag(first.conversation.id, "work")
        fork = store.fork(second.assistant.id)
        copies = store.messages(fork.id)
        assert [m.text for m in copies] == ["One?", "A.", "Two?", "B."]
        assert [m.origin for m in copies] == [m.id for m in store.path_to(second.assistant.id)]
        assert fork.forked_from == second.assistant.id
        assert (fork.persona, fork.options, fork.tags) == ("Brief.", {"model": "m"}, ("work",))
        assert fork.message_count == 4
        say(store, "Three?", "D.", fork.id)
        assert texts(store, first.conversation.id) == ["One?", "A.", "Two?", "C."]
        assert store.verify() == []

    def test_parts_and_turns_go_along(self, store):
        said = store.begin_turn(None, "Read this", attachments=[_FILE]).result()
        outcome = Outcome("Yes.", "complete", "stop", model="m", usage={"prompt_tokens": 7})
        store.finish(said.assistant.id, outcome).result()
        question, answer = store.messages(store.fork(said.assistant.id).id)
        assert store.parts(question.id) == store.parts(said.user.id)
        [turn] = store.turns(message_id=answer.id)
        assert (turn.prompt_tokens, turn.message_id) == (7, answer.id)

    def test_a_fork_waits_for_the_end_of_the_answer(self, store):
        started = store.begin_turn(None, "Hello").result()
        with pytest.raises(StorageError, match="still being written"):
            store.fork(started.assistant.id)


class TestPages:
    @pytest.fixture
    def long(self, store) -> list[Message]:
        """Return the messages of a conversation of thirty rounds, with a side branch."""
        conversation = None
        for number in range(30):
            said = say(store, f"Question {number}", f"Answer {number}", conversation)
            conversation = said.conversation.id
            if number == 10:
                again = store.begin_answer(said.user.id).result()
                store.finish(again.id, Outcome("Other.", "complete", "stop")).result()
                store.select(said.assistant.id)
        return store.messages(said.conversation.id)

    def test_pages_upwards_from_the_tip_make_the_whole_branch(self, store, long):
        pages, before = [], None
        while page := store.page(long[0].conversation_id, before, limit=7):
            pages.insert(0, page)
            before = page[0].id
        assert [m for page in pages for m in page] == long
        assert {len(page) for page in pages[1:]} == {7}

    def test_pages_downwards_make_the_rest_of_the_branch(self, store, long):
        conversation, seen = long[0].conversation_id, [long[5]]
        while page := store.page(conversation, after=seen[-1].id, limit=8):
            seen += page
        assert seen == long[5:]

    def test_a_message_of_another_branch_is_no_place_to_go_on_from(self, store, long):
        other = next(m for m in store.tree(long[0].conversation_id) if m.text == "Other.")
        with pytest.raises(NotFound, match="not on the branch"):
            store.page(long[0].conversation_id, after=other.id)


_FILE = Part("attachment", {"name": "notes.txt", "text": "quokkas smile"})
