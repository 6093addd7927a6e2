"""Whatever a person does in whatever order, the file says what a plain dictionary says."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
)

from chatapp.conversations import ConversationStore, NotFound, Outcome

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=40)


class Conversations(RuleBasedStateMachine):
    """The model: titles, deleted ones, and the text and parent of every message."""

    conversations = Bundle("conversations")
    answers = Bundle("answers")

    @initialize()
    def start(self) -> None:
        self.directory = tempfile.mkdtemp()
        self.path = Path(self.directory) / "chat.sqlite3"
        self.store = ConversationStore.open(self.path)
        self.titles: dict[str, str] = {}
        self.deleted: set[str] = set()
        self.said: dict[str, tuple[str, str | None]] = {}
        self.tips: dict[str, str | None] = {}

    @rule(target=conversations, title=TEXT)
    def create(self, title: str) -> str:
        made = self.store.create(title)
        self.titles[made.id], self.tips[made.id] = title, None
        return made.id

    @rule(target=answers, conversation=conversations, question=TEXT, answer=TEXT)
    def send(self, conversation: str, question: str, answer: str) -> str | MultipleResults[str]:
        if conversation in self.deleted:
            with pytest.raises(NotFound):
                self.store.begin_turn(conversation, question).result()
            return multiple()
        started = self.store.begin_turn(conversation, question).result()
        self.store.finish(started.assistant.id, Outcome(answer, "complete", "stop")).result()
        self.said[started.user.id] = (question, self.tips[conversation])
        self.said[started.assistant.id] = (answer, started.user.id)
        self.tips[conversation] = started.assistant.id
        return started.assistant.id

    @rule(target=answers, answer=answers, text=TEXT)
    def regenerate(self, answer: str, text: str) -> str:
        question = self.said[answer][1]
        assert question is not None
        again = self.store.begin_answer(question).result()
        self.store.finish(again.id, Outcome(text, "complete", "stop")).result()
        self.said[again.id] = (text, question)
        self.tips[again.conversation_id] = again.id
        return again.id

    @rule(answer=answers, text=TEXT)
    def stop_early(self, answer: str, text: str) -> None:
        self.store.reopen_answer(answer).result()
        self.store.save_text(answer, text).result()
        self.store.finish(answer, Outcome(text, "interrupted", "interrupted")).result()
        self.said[answer] = (text, self.said[answer][1])

    @rule(conversation=conversations, title=TEXT)
    def rename(self, conversation: str, title: str) -> None:
        self.store.rename(conversation, title)
        self.titles[conversation] = title

    @rule(conversation=conversations)
    def delete(self, conversation: str) -> None:
        self.store.delete(conversation)
        self.deleted.add(conversation)

    @rule(conversation=conversations)
    def restore(self, conversation: str) -> None:
        self.store.restore(conversation)
        self.deleted.discard(conversation)

    @rule()
    def restart(self) -> None:
        self.store.close()
        self.store = ConversationStore.open(self.path)

    @rule(conversation=consumes(conversations))
    def search(self, conversation: str) -> None:
        """A word said in a conversation is found there while it is not deleted."""
        was_deleted = conversation in self.deleted
        self.restore(conversation)
        message = self.store.begin_turn(conversation, "findable platypus").result().user
        self.said[message.id] = ("findable platypus", self.tips[conversation])
        answer = self.store.messages(conversation)[-1]
        self.store.finish(answer.id, Outcome("x", "complete", "stop")).result()
        self.said[answer.id], self.tips[conversation] = ("x", message.id), answer.id
        if was_deleted:
            self.delete(conversation)
        found = {hit.message_id for hit in self.store.search("platypus", limit=1000)}
        assert (message.id in found) == (not was_deleted)

    @invariant()
    def same_as_the_model(self) -> None:
        if not hasattr(self, "store"):
            return
        live = {c.id: c.title for c in self.store.conversations(limit=1000)}
        gone = {c.id: c.title for c in self.store.conversations(limit=1000, deleted=True)}
        assert live | gone == self.titles
        assert set(gone) == self.deleted
        for conversation, tip in self.tips.items():
            expected = []
            while tip is not None:
                text, parent = self.said[tip]
                expected.insert(0, (tip, text))
                tip = parent
            assert [(m.id, m.text) for m in self.store.messages(conversation)] == expected

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.store.close()
            shutil.rmtree(self.directory)


TestConversations = Conversations.TestCase
TestConversations.settings = settings(max_examples=20, stateful_step_count=15, deadline=None)
