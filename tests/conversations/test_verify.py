"""Verify reads everything and derives every hash again."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing

import pytest

from chatapp.conversations import ConversationStore, Outcome, Part
from tests.conversations.helpers import say


@pytest.fixture
def filled(store):
    """Return a round whose question has an attachment, in a store with two more."""
    file = Part("attachment", {"name": "a.txt", "text": "quokkas smile"})
    started = store.begin_turn(None, "Look at this", attachments=[file]).result()
    store.finish(started.assistant.id, Outcome("I see.", "complete", "stop")).result()
    say(store, "Something else")
    store.begin_turn(None, "Still being answered").result()
    return started


def flip_letter(path, words: bytes, message_id: str) -> None:
    """Change a letter where the message itself lies; title and search have copies of the words."""
    data = path.read_bytes()
    for found in re.finditer(re.escape(words), data):
        path.write_bytes(data[: found.start()] + b"A" + data[found.start() + 1 :])
        with closing(sqlite3.connect(path)) as db:
            query = "select text from messages where id = ?"
            if "About" in db.execute(query, [message_id]).fetchone()[0]:
                return
    raise AssertionError("the message is not in the file")


def test_a_sound_file_has_no_problems(store, filled):
    assert store.verify() == []


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("update messages set text = 'I sea.' where id = :id", "text is not what was written"),
        ('update parts set data = \'{"name": "b"}\'', "part 1 (attachment) is not what"),
        ("update conversations set message_count = 9", "number of messages is wrong"),
        ("update messages set deleted_at = '2026' where role = 'user'", "is deleted"),
        ("update conversations set tip = 'nowhere'", "missing or deleted"),
        ("update messages set parent_id = 'nowhere' where id = :id", "is missing"),
        ("delete from messages_fts", "search does not know it"),
    ],
)
def test_each_kind_of_fault_is_named_with_its_place(store, path, filled, statement, said):
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(statement, {"id": filled.assistant.id})
    problems = store.verify()
    assert any(said in problem.said for problem in problems), problems
    assert all(problem.place for problem in problems)


def test_a_byte_that_changed_on_the_disk_is_found(path):
    """SQLite itself sees nothing wrong with another letter in a text."""
    store = ConversationStore.open(path)
    said = say(store, "Tell me about the platypus")
    store.close()
    flip_letter(path, b"about the platypus", said.user.id)
    again = ConversationStore.open(path)
    assert again.notices == ()
    assert any(problem.place == said.user.id for problem in again.verify())
    again.close()


def test_damaged_pages_are_reported_and_not_raised(path):
    store = ConversationStore.open(path)
    for number in range(60):
        say(store, f"Question {number} " + "q" * 900)
    store.close()
    again = ConversationStore.open(path)  # the damage comes while the window is open
    data = bytearray(path.read_bytes())
    data[len(data) // 2 :] = b"\xaa" * (len(data) - len(data) // 2)
    path.write_bytes(data)
    assert again.verify()[0].place == "the file"
    again.close()


def test_a_store_in_memory_can_be_verified_too():
    store = ConversationStore.open(None)
    say(store, "Hello")
    assert store.verify() == []
    store.close()
