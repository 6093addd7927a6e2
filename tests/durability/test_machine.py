"""Whatever a person does in whatever order, the file says what plain dictionaries say.

`STEPS=5000 pytest tests/durability/test_machine.py` runs about that many steps; the test suite
runs about a thousand.
"""

from __future__ import annotations

import os
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

from chatapp.conversations import ConversationStore, NotFound, Outcome, SearchFilters, StorageError
from chatapp.memory import Profile
from chatapp.memory.forgetting import forget
from tests.durability.plain import PlainConversation, PlainMessage, PlainStore

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=30)
TAGS = st.sampled_from(["work", "home", "later"])
STEPS_A_RUN = 50


class Conversations(RuleBasedStateMachine):
    """Every rule does a thing to the file and to the model; every invariant compares them."""

    conversations = Bundle("conversations")
    answers = Bundle("answers")
    facts = Bundle("facts")

    @initialize(target=answers)
    def start(self) -> MultipleResults[str]:
        """Begin with a conversation of two branches: most of what can go wrong needs a tree."""
        self.directory = Path(tempfile.mkdtemp())
        self.path = self.directory / "chat.sqlite3"
        self.store = ConversationStore.open(self.path)
        self.plain = PlainStore()
        conversation = self.create("A tree")
        first = str(self.ask(conversation, "One", "1"))
        second = str(self.ask(conversation, "Two", "2"))
        return multiple(first, second, str(self.regenerate(first, "One again")))

    @rule(target=conversations, title=TEXT)
    def create(self, title: str) -> str:
        made = self.store.create(title)
        self.plain.conversations[made.id] = PlainConversation(made.id, made.title)
        return made.id

    @rule(target=answers, conversation=conversations, question=TEXT, answer=TEXT)
    def send(self, conversation: str, question: str, answer: str) -> str | MultipleResults[str]:
        if conversation not in self.plain.conversations:
            return multiple()
        return self.ask(conversation, question, answer)

    @rule(target=answers, answer=answers, question=TEXT, text=TEXT)
    def go_on(self, answer: str, question: str, text: str) -> str | MultipleResults[str]:
        """Ask at the tip of a conversation that has answers."""
        if answer not in self.plain.messages:
            return multiple()
        return self.ask(self.plain.messages[answer].conversation, question, text)

    @rule(target=answers, answer=answers, question=TEXT, text=TEXT)
    def edit(self, answer: str, question: str, text: str) -> str | MultipleResults[str]:
        """Ask something else in the place of an earlier question."""
        if answer not in self.plain.messages:
            return multiple()
        asked = self.plain.messages[self.plain.messages[answer].parent or ""]
        return self.ask(asked.conversation, question, text, asked.parent or "")

    def ask(
        self, conversation: str, question: str, answer: str, parent: str | None = None
    ) -> str | MultipleResults[str]:
        plain = self.plain.conversations[conversation]
        above = plain.tip if parent is None else parent or None
        question = f"{question} {self.plain.new_word()}"
        if plain.deleted or (above and self.plain.messages[above].deleted_with):
            with pytest.raises(NotFound):
                self.store.begin_turn(conversation, question, parent).result()
            return multiple()
        started = self.store.begin_turn(conversation, question, parent).result()
        plain.title = plain.title or started.conversation.title
        self.added(started.user.id, conversation, above, question)
        return self.finish(started.assistant.id, conversation, started.user.id, answer)

    def finish(self, answer: str, conversation: str, question: str, text: str) -> str:
        text = f"{text} {self.plain.new_word()}"
        self.store.save_text(answer, text[: len(text) // 2]).result()
        self.store.finish(answer, Outcome(text, "complete", "stop")).result()
        self.added(answer, conversation, question, text)
        return answer

    def added(self, message: str, conversation: str, parent: str | None, text: str) -> None:
        self.plain.add(PlainMessage(message, conversation, parent, text, text.split()[-1]))

    @rule(target=answers, answer=answers, text=TEXT)
    def regenerate(self, answer: str, text: str) -> str | MultipleResults[str]:
        if answer not in self.plain.messages:
            return multiple()
        question = self.plain.messages[self.plain.messages[answer].parent or ""]
        if question.deleted_with:
            with pytest.raises(NotFound):
                self.store.begin_answer(question.id).result()
            return multiple()
        again = self.store.begin_answer(question.id).result()
        return self.finish(again.id, question.conversation, question.id, text)

    @rule(answer=answers, text=TEXT)
    def stop_early(self, answer: str, text: str) -> None:
        plain = self.plain.messages.get(answer)
        if plain is None or plain.deleted_with:
            return
        self.store.reopen_answer(answer).result()
        text = f"{text} {plain.word}"
        self.store.finish(answer, Outcome(text, "interrupted", "interrupted")).result()
        plain.text = text

    @rule(answer=answers)
    def select(self, answer: str) -> None:
        plain = self.plain.messages.get(answer)
        if plain is not None and not plain.deleted_with:
            self.store.select(answer)
            self.plain.read_through(plain.conversation, answer)

    @rule(target=conversations, answer=answers)
    def fork(self, answer: str) -> str | MultipleResults[str]:
        plain = self.plain.messages.get(answer)
        if plain is None or plain.deleted_with:
            return multiple()
        made = self.store.fork(answer)
        source = self.plain.conversations[plain.conversation]
        copy = PlainConversation(made.id, source.title, tags=set(source.tags))
        self.plain.conversations[made.id] = copy
        parent: str | None = None
        for then, now in zip(self.plain.path(answer), self.store.messages(made.id), strict=True):
            self.plain.add(PlainMessage(now.id, made.id, parent, then.text, then.word))
            parent = now.id
        return made.id

    @rule(answer=answers, question=st.booleans())
    def delete_message(self, answer: str, question: bool) -> None:
        plain = self.plain.messages.get(answer)
        if plain is not None:
            target = plain.parent if question and plain.parent else answer
            self.store.delete_message(target)
            self.plain.delete(target)

    @rule(answer=answers)
    def restore_message(self, answer: str) -> None:
        if answer not in self.plain.messages:
            return
        if self.plain.restorable(answer):
            self.store.restore_message(answer)
            self.plain.restore(answer)
        else:
            with pytest.raises(StorageError, match="deleted too"):
                self.store.restore_message(answer)

    @rule(conversation=conversations, title=TEXT)
    def rename(self, conversation: str, title: str) -> None:
        if conversation in self.plain.conversations:
            self.store.rename(conversation, title)
            self.plain.conversations[conversation].title = title

    @rule(conversation=conversations, pinned=st.booleans(), archived=st.booleans())
    def organise(self, conversation: str, pinned: bool, archived: bool) -> None:
        if conversation in self.plain.conversations:
            self.store.organise(conversation, pinned=pinned, archived=archived)
            plain = self.plain.conversations[conversation]
            plain.pinned, plain.archived = pinned, archived

    @rule(conversation=conversations, name=TAGS, put=st.booleans())
    def tag(self, conversation: str, name: str, put: bool) -> None:
        if conversation in self.plain.conversations:
            (self.store.tag if put else self.store.untag)(conversation, name)
            tags = self.plain.conversations[conversation].tags
            (tags.add if put else tags.discard)(name)

    @rule(conversation=conversations, text=TEXT)
    def draft(self, conversation: str, text: str) -> None:
        if conversation in self.plain.conversations:
            self.store.save_draft(conversation, text)
            self.plain.conversations[conversation].draft = text

    @rule(conversation=conversations)
    def delete(self, conversation: str) -> None:
        if conversation in self.plain.conversations:
            self.store.delete(conversation)
            self.plain.conversations[conversation].deleted = True

    @rule(conversation=conversations)
    def restore(self, conversation: str) -> None:
        if conversation in self.plain.conversations:
            self.store.restore(conversation)
            self.plain.conversations[conversation].deleted = False

    @rule(conversation=consumes(conversations))
    def purge(self, conversation: str) -> None:
        """Of what is deleted for good, not a byte is left in the file."""
        if conversation in self.plain.conversations:
            words = {m.word for m in self.plain.messages.values() if m.conversation == conversation}
            self.store.purge(conversation)
            self.plain.purge(conversation)
            elsewhere = {m.word for m in self.plain.messages.values()}
            held = self.path.read_bytes()
            assert not [word for word in words - elsewhere if word.encode() in held]

    @rule(target=facts)
    def remember(self) -> str:
        word = self.plain.new_word()
        fact = Profile(self.store).remember(f"The parcel has number {word}.").fact
        assert fact is not None
        self.plain.facts[fact.id] = word
        return fact.id

    @rule(fact=consumes(facts))
    def forget(self, fact: str) -> None:
        forget(self.store, fact)
        word = self.plain.facts.pop(fact)
        assert not [p for p in self.directory.iterdir() if word.encode() in p.read_bytes()]

    @rule()
    def restart(self) -> None:
        self.store.close()
        self.store = ConversationStore.open(self.path)

    @rule(answer=answers)
    def search(self, answer: str) -> None:
        """A word is found in every live message that has it, and nowhere else."""
        if (plain := self.plain.messages.get(answer)) is None:
            return
        found = {hit.message_id for hit in self.store.search(plain.word, limit=1000)}
        assert found == self.plain.found(plain.word)
        for archived in (False, True):
            hits = self.store.search(plain.word, 1000, filters=SearchFilters(archived=archived))
            assert {hit.message_id for hit in hits} == {
                m
                for m in found
                if self.plain.conversations[self.plain.messages[m].conversation].archived
                == archived
            }

    @invariant()
    def same_conversations(self) -> None:
        if not hasattr(self, "store"):
            return
        for plain in self.plain.conversations.values():
            now = self.store.conversation(plain.id)
            assert (now.title, now.pinned, now.archived) == (
                plain.title,
                plain.pinned,
                plain.archived,
            )
            assert (now.deleted_at is not None, set(now.tags)) == (plain.deleted, plain.tags)
            assert self.store.draft(plain.id) == plain.draft
            live = [m for m in self.plain.messages.values() if m.conversation == plain.id]
            assert now.message_count == len([m for m in live if m.deleted_with is None])
            expected = [(m.id, m.text) for m in self.plain.path(plain.tip)]
            assert [(m.id, m.text) for m in self.store.messages(plain.id)] == expected

    @invariant()
    def same_lists(self) -> None:
        if not hasattr(self, "store"):
            return
        for archived in (False, True):
            listed = self.store.conversations(limit=1000, archived=archived)
            wanted = [
                c
                for c in self.plain.conversations.values()
                if not c.deleted and c.archived == archived
            ]
            assert {c.id for c in listed} == {c.id for c in wanted}
            assert [c.pinned for c in listed] == sorted((c.pinned for c in wanted), reverse=True)

    def teardown(self) -> None:
        if hasattr(self, "store"):
            assert self.store.verify() == []
            self.store.close()
            shutil.rmtree(self.directory)


TestConversations = Conversations.TestCase
TestConversations.settings = settings(
    max_examples=max(1, int(os.environ.get("STEPS", "1000")) // STEPS_A_RUN),
    stateful_step_count=STEPS_A_RUN,
    deadline=None,
)
