"""Judgements keep what was judged, and come out as the records that training reads."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from chatapp.conversations import ConversationStore, NotFound, Outcome
from chatapp.feedback import Feedback
from chatapp.feedback.export import records
from chatapp.feedback.store import BAD, GOOD, NotJudgeable
from tests.conversations.helpers import say


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ConversationStore]:
    opened = ConversationStore.open(tmp_path / "chat.sqlite3")
    yield opened
    opened.close()


@pytest.fixture
def feedback(store: ConversationStore) -> Feedback:
    return Feedback(store)


def answer_again(store: ConversationStore, question: str, text: str) -> str:
    """Give a question another answer; return its id."""
    again = store.begin_answer(question).result()
    store.finish(again.id, Outcome(text, "complete", "stop")).result()
    return again.id


def test_a_second_rating_replaces_the_first(store, feedback):
    said = say(store, "Hi?", "Hello.")
    feedback.rate(said.assistant.id, BAD)
    feedback.rate(said.assistant.id, GOOD)
    (only,) = feedback.all()
    assert (only.kind, only.reward, only.answer) == ("rating", GOOD, "Hello.")


def test_what_was_judged_outlives_a_deleted_conversation(store, feedback):
    """The prompt holds every turn before the answer, as it was."""
    first = say(store, "Who are you?", "A program.")
    second = say(store, "And your name?", "None.", conversation=first.conversation.id)
    feedback.correct(second.assistant.id, "Chatapp.")
    store.delete(first.conversation.id)
    (only,) = feedback.all()
    assert [turn.content for turn in only.prompt] == [
        "Who are you?",
        "A program.",
        "And your name?",
    ]
    assert (only.answer, only.other) == ("Chatapp.", "None.")


def test_what_was_judged_is_purged_with_its_conversation(store, feedback):
    """The backup holds the judgement too, and other judgements stay."""
    kept, gone = say(store, "Hi?", "Hello."), say(store, "The platypus?", "Platypuses lay eggs.")
    for said in (kept, gone):
        feedback.rate(said.assistant.id, GOOD)
    backup = store.back_up()
    store.purge(gone.conversation.id)
    assert [judgement.answer for judgement in feedback.all()] == ["Hello."]
    assert all(b"latypus" not in path.read_bytes() for path in (store.path, backup))


def test_a_purged_answer_is_left_in_no_judgement(store, feedback):
    """A comparison with an answer that stays holds its words as well."""
    said = say(store, "Hi?", "Platypus!")
    better = answer_again(store, said.user.id, "Hello!")
    feedback.rate(said.assistant.id, BAD)
    feedback.rate(better, GOOD)
    feedback.prefer(better, said.assistant.id)
    store.purge_message(said.assistant.id)
    assert [judgement.answer for judgement in feedback.all()] == ["Hello!"]
    assert b"latypus" not in store.path.read_bytes()


def test_two_answers_to_one_question_are_compared(store, feedback):
    said = say(store, "Hi?", "Go away.")
    better = answer_again(store, said.user.id, "Hello!")
    feedback.prefer(better, said.assistant.id)
    (record,) = records(feedback.all(), "preference")
    assert (record["chosen"], record["rejected"]) == ("Hello!", "Go away.")
    assert record["messages"] == [{"role": "user", "content": "Hi?"}]


def test_each_schema_gets_what_says_something_in_it(store, feedback):
    good, bad, mended = (say(store, f"Question {n}?", f"Answer {n}.") for n in range(3))
    feedback.rate(good.assistant.id, GOOD)
    feedback.rate(bad.assistant.id, BAD)
    feedback.correct(mended.assistant.id, "Better.")
    found = feedback.all()
    assert [r["reward"] for r in records(found, "rating")] == [GOOD, BAD]
    assert [r["chosen"] for r in records(found, "preference")] == ["Better."]
    last = [r["messages"][-1]["content"] for r in records(found, "chat")]
    assert last == ["Answer 0.", "Better."]


def test_the_training_room_reads_the_export(store, feedback, tmp_path):
    """The records go through the very reader of the reward stage."""
    import json

    from chatapp.training.recipe import Source
    from chatapp.training.records import read_preferences

    said = say(store, "Hi?", "Go away.")
    feedback.correct(said.assistant.id, "Hello!")
    file = tmp_path / "feedback.jsonl"
    lines = (json.dumps(record) + "\n" for record in records(feedback.all(), "preference"))
    file.write_text("".join(lines), encoding="utf-8")
    (read,) = read_preferences(tmp_path, Source("feedback.jsonl"))
    assert (read.chosen, read.rejected) == ("Hello!", "Go away.")


def test_a_judgement_can_be_taken_back(store, feedback):
    judged = feedback.rate(say(store, "Hi?").assistant.id, GOOD)
    feedback.remove(judged.id)
    assert feedback.all() == []
    with pytest.raises(NotFound):
        feedback.remove(judged.id)


def test_what_cannot_be_judged_says_why(store, feedback):
    one, two = say(store, "One?", "1"), say(store, "Two?", "2")
    with pytest.raises(NotJudgeable, match="has ended"):
        feedback.rate(one.user.id, GOOD)
    with pytest.raises(NotJudgeable, match="between 0"):
        feedback.rate(one.assistant.id, 5)
    with pytest.raises(NotJudgeable, match="same question"):
        feedback.prefer(one.assistant.id, two.assistant.id)
    with pytest.raises(NotJudgeable, match="not empty"):
        feedback.correct(one.assistant.id, " ")
    with pytest.raises(NotJudgeable, match="say the same"):
        feedback.prefer(answer_again(store, one.user.id, "1"), one.assistant.id)


def test_the_persona_of_a_conversation_is_part_of_the_prompt(store, feedback):
    """What an answer was told to be belongs to what it was asked."""
    said = say(store, "Hi?", "Arr.")
    store.configure(said.conversation.id, persona="Talk like a pirate.")
    judged = feedback.rate(said.assistant.id, GOOD)
    assert (judged.prompt[0].role, judged.prompt[0].content) == ("system", "Talk like a pirate.")
    assert not judged.exact, "no model was asked"
    (record,) = records([judged], "chat")
    assert [turn["role"] for turn in record["messages"]] == ["system", "user", "assistant"]
