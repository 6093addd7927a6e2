"""A turn learns what the person states, answers what they ask about themself, and says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from chatapp.assistant.assistant import Assistant
from chatapp.assistant.commands import CommandError, Session, find_command, run_line
from chatapp.assistant.events import (
    MemoryProposed,
    MemoryUsed,
    MessageDone,
    TurnStart,
    Warning,
)
from chatapp.conversations import ConversationStore
from chatapp.memory import Memory
from chatapp.settings import Settings
from tests.assistant.helpers import collect, every, only, types
from tests.fakes import FakeGenerator, FakeIndex


@pytest.fixture
def generator() -> FakeGenerator:
    return FakeGenerator("Certainly.")


@pytest.fixture
def assistant(store: ConversationStore, generator: FakeGenerator):
    made = Assistant(
        store,
        settings=Settings(),
        open_index=lambda: FakeIndex(),
        load_generator=lambda: generator,
        open_memory=lambda: Memory(store, lambda: None),
    )
    yield made
    made.close()


async def test_a_statement_is_noted_and_shown(assistant: Assistant) -> None:
    """Nothing is searched and no model is asked: the answer says what is now known."""
    events = await collect(assistant.turn(None, "I live in Rome."))
    assert types(events) == [
        "turn.start",
        "memory.proposed",
        "message.delta",
        "message.done",
        "turn.end",
    ]
    assert only(events, MemoryProposed).text == "you live in Rome"
    done = only(events, MessageDone)
    assert (done.text, done.grounding) == ("Noted: you live in Rome.", "memory")


async def test_a_move_says_what_it_ended(assistant: Assistant) -> None:
    await collect(assistant.turn(None, "I live in Rome."))
    events = await collect(assistant.turn(None, "I moved to Berlin."))
    assert only(events, MemoryProposed).closed == ["you live in Rome"]
    assert only(events, MessageDone).text == (
        "Noted: you live in Berlin; no longer: you live in Rome."
    )


async def test_a_question_about_oneself_is_answered_in_another_conversation(
    assistant: Assistant,
) -> None:
    await collect(assistant.turn(None, "I live in Rome."))
    events = await collect(assistant.turn(None, "Where do I live?"))
    assert "You live in Rome" in only(events, MessageDone).text
    assert [item.text for item in only(events, MemoryUsed).items] == ["you live in Rome"]


async def test_what_was_never_told_is_not_found(assistant: Assistant) -> None:
    done = only(await collect(assistant.turn(None, "Where do I live?")), MessageDone)
    assert (done.text, done.grounding) == ("You have not told me that.", "not_found")


async def test_what_was_said_is_quoted_with_its_day(assistant: Assistant) -> None:
    await collect(assistant.turn(None, "hello my garden needs a new fence"))
    events = await collect(assistant.turn(None, "What did I say about the garden?"))
    done = only(events, MessageDone)
    assert "you wrote: “hello my garden needs a new fence”" in done.text
    assert done.grounding == "memory"


async def test_the_model_is_told_what_matters_for_the_question(
    assistant: Assistant, generator: FakeGenerator
) -> None:
    """A fact that shares a word with the question is in the prompt, others are not."""
    await collect(assistant.turn(None, "I love pizza."))
    await collect(assistant.turn(None, "I work at Siemens."))
    events = await collect(assistant.turn(None, "write a poem about pizza"))
    assert generator.prompts[-1][0].role == "system"
    (pizza,) = assistant.profile.held("likes")
    assert generator.prompts[-1][0].content == (
        "Remembered of the user (id, day):\n"
        f"- [{pizza.id[-6:]}, {pizza.valid_from[:10]}] The user likes pizza."
    )
    assert [item.text for item in only(events, MemoryUsed).items] == ["you like pizza"]


async def test_what_the_model_is_told_takes_a_tenth_of_its_window_at_most(
    assistant: Assistant, generator: FakeGenerator
) -> None:
    """Thirty facts fit the question; eight lines at most, and fewer where they are long."""
    for number in range(30):
        assistant.profile.remember(f"The garden has bed number {number} with many kinds of herbs")
    generator.context_length = 4_000
    await collect(assistant.turn(None, "write a poem about my garden"))
    lines = generator.prompts[-1][0].content.splitlines()
    assert len(lines) == 1 + 8
    generator.context_length = 500
    events = await collect(assistant.turn(None, "write a poem about my garden"))
    told = generator.prompts[-1][0]
    assert 1 < len(told.content.splitlines()) < 1 + 8
    assert generator.count_tokens([told]) <= 50
    assert len(only(events, MemoryUsed).items) == len(told.content.splitlines()) - 1


async def test_rounds_that_left_the_window_are_recalled_for_the_model(
    assistant: Assistant, generator: FakeGenerator
) -> None:
    """What is dropped from the prompt stays within reach; what is still seen is not repeated."""
    generator.context_length = 300
    first = await collect(assistant.turn(None, "the treasure lies under the old oak tree"))
    conversation = only(first, TurnStart).conversation
    for number in range(12):
        text = f"let us talk of thing {number} " + "for a very long while " * 4
        await collect(assistant.turn(conversation, text))
    events = await collect(assistant.turn(conversation, "write a poem about that oak tree"))
    prompt = generator.prompts[-1]
    assert "under the old oak tree" in prompt[0].content
    assert not any("under the old oak tree" in message.content for message in prompt[1:])
    assert any("oak" in item.text for item in only(events, MemoryUsed).items)


async def test_two_hundred_turns_of_told_memories_create_none(
    assistant: Assistant, generator: FakeGenerator
) -> None:
    """Memories are put in front of the model, which repeats them as its own; nothing is learnt."""
    for text in ("I live in Rome.", "I love pizza.", "My sister is called Julia."):
        await collect(assistant.turn(None, text))
    before = [(fact.value, fact.seen_count) for fact in assistant.profile.facts(everything=True)]
    told = 0
    for number in range(200):
        said = generator.prompts[-1][0].content if generator.prompts else ""
        generator.reply = f"I live in Paris. My name is Bot. {said}"
        text = f"write poem {number} about pizza, Rome and Julia"
        events = await collect(assistant.turn(None, text))
        told += len(every(events, MemoryUsed))
    assert told == 200
    after = [(fact.value, fact.seen_count) for fact in assistant.profile.facts(everything=True)]
    assert after == before


async def test_a_private_conversation_neither_reads_nor_writes(
    assistant: Assistant, generator: FakeGenerator
) -> None:
    await collect(assistant.turn(None, "I love pizza."))
    session = Session(assistant)
    run_line(session, "/private")
    assert session.conversation is not None
    events = await collect(assistant.turn(session.conversation, "write a poem about pizza"))
    assert every(events, MemoryUsed) == []
    assert generator.prompts[-1][0].role == "user"
    await collect(assistant.turn(session.conversation, "I live in Rome."))
    assert [fact.value for fact in assistant.profile.facts()] == ["pizza"]


async def test_regenerating_learns_nothing_twice(assistant: Assistant) -> None:
    done = only(await collect(assistant.turn(None, "I live in Rome.")), MessageDone)
    await collect(assistant.regenerate(done.message))
    assert [fact.seen_count for fact in assistant.profile.facts()] == [1]


async def test_a_broken_memory_warns_and_the_chat_goes_on(store: ConversationStore) -> None:
    def broken() -> Memory:
        raise OSError("no memory today")

    assistant = Assistant(
        store,
        settings=Settings(),
        open_index=None,
        load_generator=lambda: FakeGenerator("Hi."),
        open_memory=broken,
    )
    events = await collect(assistant.turn(None, "hello"))
    assert only(events, Warning).code == "memory_unavailable"
    assert only(events, MessageDone).text == "Hi."
    assistant.close()


class TestCommands:
    def test_remember_list_and_forget(self, assistant: Assistant) -> None:
        session = Session(assistant)
        assert "you live in Kiel" in run_line(session, "/remember I live in Kiel").text
        assert "you live in Kiel" in run_line(session, "/memory").text
        assert run_line(session, "/forget kiel").text == "Forgotten: you live in Kiel."
        assert run_line(session, "/memory").text == "Nothing is remembered yet."

    def test_secrets_are_refused_in_words(self, assistant: Assistant) -> None:
        with pytest.raises(CommandError, match="secrets are not remembered"):
            run_line(Session(assistant), "/remember my password is hunter2")

    def test_an_unclear_wish_to_forget_lists_what_fits(self, assistant: Assistant) -> None:
        session = Session(assistant)
        run_line(session, "/remember I love tea")
        run_line(session, "/remember I hate tea bags")
        with pytest.raises(CommandError, match="name one by its id"):
            run_line(session, "/forget tea")
        with pytest.raises(CommandError, match="No memory is about"):
            run_line(session, "/forget coffee")

    async def test_a_contradiction_is_confirmed(self, assistant: Assistant) -> None:
        await collect(assistant.turn(None, "My name is Anna."))
        events = await collect(assistant.turn(None, "My name is Bob."))
        asked = only(events, MemoryProposed)
        assert asked.status == "review"
        assert f"/confirm {asked.memory}" in only(events, MessageDone).text
        find_command("confirm").run(Session(assistant), {"memory": asked.memory})
        assert [fact.value for fact in assistant.profile.held("name")] == ["Bob"]


def test_the_shipped_wiring_has_a_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`build_assistant` gives every front end the same memory."""
    from chatapp.assistant.factory import build_assistant

    monkeypatch.setenv("CHATAPP_HOME", str(tmp_path))
    assistant = build_assistant(Settings(), use_index=False)
    run_line(Session(assistant), "/remember I live in Kiel")
    assert [fact.value for fact in assistant.profile.facts()] == ["Kiel"]
    assistant.close()
