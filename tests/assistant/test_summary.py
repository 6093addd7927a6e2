"""A summary is the model's own telling: labelled, editable, never mined, gone with its words."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import replace
from pathlib import Path

import pytest

from chatapp.assistant.commands import CommandError, Session, perform, run_line
from chatapp.assistant.events import MemoryUsed, MessageDone, Warning
from chatapp.conversations import ConversationStore
from chatapp.conversations.backups import back_up
from chatapp.conversations.exchange import import_conversations, to_json
from chatapp.memory import Memory
from chatapp.memory.forgetting import forget
from chatapp.settings.schema import MemorySettings
from retrieval.text import sanitize_text
from tests.assistant.conftest import SETTINGS
from tests.assistant.helpers import collect, every, only
from tests.fakes import FakeGenerator
from tests.memory.test_forgetting import files_with

LABEL = "written by a model, perhaps wrong"
WITH_SUMMARY = replace(SETTINGS, memory=MemorySettings(summary=True))


@pytest.fixture
def chat(make, store: ConversationStore):
    """Return a maker of a session with a small window; without settings nothing is summarised."""

    def made(model: FakeGenerator, settings=WITH_SUMMARY) -> Session:
        memory = lambda: Memory(store, lambda: None)  # noqa: E731
        return Session(make(model, settings=settings, open_memory=memory))

    return made


async def say(session: Session, *texts: str) -> list:
    """Send messages; return the events of the last turn."""
    for text in texts:
        events = await collect(session.send(text))
        answer = session.assistant.store.message(only(events, MessageDone).message)
        session.conversation = answer.conversation_id
    return events


def talk(count: int) -> list[str]:
    """Return messages of nine words that ask for nothing."""
    return [f"write number {n} of the long list of things" for n in range(count)]


def small(reply: str = "I live in Vlorpstadt with my dog.") -> FakeGenerator:
    """Return a model whose window holds few rounds, and which repeats what it should not."""
    return FakeGenerator(reply, context_length=90)


def _wait_until_asked(model: FakeGenerator) -> None:
    """Block until the model was asked for a summary."""
    while not model.prompts[-1][-1].content.startswith("Summarise"):
        time.sleep(0.01)


class TestPrompt:
    async def test_it_is_off_until_it_is_switched_on(self, chat, store):
        session = chat(small(), SETTINGS)
        await say(session, *talk(8))
        assert store.summary(store.messages(session.conversation)[-1].id) is None

    async def test_rounds_that_leave_the_window_are_summarised_and_it_says_who_wrote_it(
        self, chat, store
    ):
        """The prompt, the line under the answer and the command all name the model."""
        model = small()
        session = chat(model)
        events = await say(session, *talk(8))
        assert LABEL in model.prompts[-1][0].content
        shown = [item.text for event in every(events, MemoryUsed) for item in event.items]
        assert any("written by the model fake, unchecked" in text for text in shown)
        assert run_line(session, "/summary").text.startswith("Summary, written by the model fake")

    async def test_it_is_written_anew_only_after_some_rounds(self, chat):
        """Each new one goes on from the one before."""
        model = FakeGenerator("I live in Vlorpstadt with my dog.", context_length=160)
        await say(chat(model), *talk(18))
        asked = [p[-1].content for p in model.prompts if p[-1].content.startswith("Summarise")]
        assert 1 < len(asked) < 6
        assert "Summary of what came before: I live" in asked[1]
        assert "number 0" in asked[0]
        assert "number 0" not in asked[1]

    async def test_a_model_that_fails_at_it_still_answers(self, chat):
        class Failing(FakeGenerator):
            def stream(self, messages, params, should_stop):
                if messages[-1].content.startswith("Summarise"):
                    raise RuntimeError("out of order")
                return super().stream(messages, params, should_stop)

        session = chat(Failing("Well.", context_length=90))
        events = await say(session, *talk(6))
        assert only(events, MessageDone).text == "Well."
        warned = await say(chat(Failing("Well.", context_length=60)), *talk(1), "write " * 40)
        assert only(warned, MessageDone).text == "Well."
        assert "out of order" in only(warned, Warning).message

    async def test_messages_longer_than_the_window_are_cut_for_it(self, chat):
        model = small("Short.")
        session = chat(model)
        await say(session, *talk(1))
        store = session.assistant.store
        long = store.begin_turn(session.conversation, "word " * 500).result()
        assert long.user.text
        run_line(session, "/summary write")
        requests = [p for p in model.prompts if p[-1].content.startswith("Summarise")]
        assert requests
        assert all(model.count_tokens(prompt) < 90 for prompt in requests)


class TestPerson:
    async def test_what_the_person_writes_in_its_place_is_kept(self, chat, store):
        """It is labelled as theirs, told as theirs, and not written over."""
        model = small()
        session = chat(model)
        await say(session, *talk(8))
        run_line(session, "/summary edit We count things.")
        await say(session, *talk(6))
        assert run_line(session, "/summary").text == "Summary, edited by you:\nWe count things."
        assert "as the user wrote it:\nWe count things." in model.prompts[-1][0].content
        run_line(session, "/summary write")
        assert "written by the model" in run_line(session, "/summary").text

    async def test_it_can_be_written_and_deleted_on_demand(self, chat):
        """Without the setting it is shown to the person and told to no model."""
        model = small("Well.")
        session = chat(model, SETTINGS)
        with pytest.raises(CommandError, match="No conversation is open"):
            run_line(session, "/summary")
        await say(session, *talk(7))
        with pytest.raises(CommandError, match="has no summary"):
            run_line(session, "/summary")
        assert run_line(session, "/summary write").text.endswith("Well.")
        await say(session, *talk(1))
        assert LABEL not in model.prompts[-1][0].content
        run_line(session, "/summary delete")
        for line in ("/summary", "/summary delete"):
            with pytest.raises(CommandError, match="has no summary"):
                run_line(session, line)
        for line in ("/summary edit", "/summary nonsense", "/summary write now"):
            with pytest.raises(CommandError, match="Use it as"):
                run_line(session, line)
        with pytest.raises(CommandError, match="password"):
            run_line(session, "/summary edit my password is hunter2")

    async def test_its_writing_can_be_stopped_like_an_answer(self, chat):
        """What was there before stays; nothing is left to stop afterwards."""
        model = small("Well.")
        session = chat(model, SETTINGS)
        await say(session, *talk(1))
        run_line(session, "/summary edit We count things.")
        assert not session.assistant.interrupt()
        model.reply, model.delay = "word " * 500, 0.02
        writing = asyncio.create_task(perform(session, "summary", "write"))
        await asyncio.to_thread(_wait_until_asked, model)
        assert session.assistant.interrupt()
        with pytest.raises(CommandError, match="Stopped"):
            await writing
        assert run_line(session, "/summary").text == "Summary, edited by you:\nWe count things."
        assert not session.assistant.interrupt()

    async def test_a_model_that_writes_nothing_leaves_none(self, chat):
        model = small("Well.")
        session = chat(model, SETTINGS)
        await say(session, *talk(1))
        model.reply = ""
        with pytest.raises(CommandError, match="wrote nothing"):
            run_line(session, "/summary write")


class TestNeverMined:
    async def test_nothing_is_learnt_recalled_or_found_from_it(self, chat, store):
        """The model claims facts about the person in it, again and again."""
        session = chat(small("Well."))
        await say(session, *talk(8))
        run_line(session, "/summary edit I live in Vlorpstadt. My name is Qwert.")
        await say(session, *talk(4))
        assert session.assistant.profile.facts(everything=True) == []
        assert store.search("Vlorpstadt") == []
        events = await say(session, "What did I say about Vlorpstadt?")
        assert "Vlorpstadt with" not in only(events, MessageDone).text

    async def test_a_forgotten_fact_leaves_it_and_every_file(self, chat, store, tmp_path: Path):
        session = chat(small("The user lives in Vlorpstadt."))
        await say(session, "I live in Vlorpstadt.", *talk(8))
        assert "Vlorpstadt" in run_line(session, "/summary").text
        assert back_up(store.path) is not None
        (home,) = session.assistant.profile.held("home")
        forget(store, home.id)
        text = run_line(session, "/summary").text
        assert "▒" in text
        assert "Vlorpstadt" not in text
        forget(store, session.assistant.profile.remember("I live in Vlorpstadt").fact.id,
               everywhere=True)  # fmt: skip
        assert files_with("vlorpstadt", tmp_path) == []


class TestStored:
    async def test_it_goes_with_its_conversation_and_along_with_forks_and_exports(
        self, chat, store, tmp_path: Path
    ):
        session = chat(small("Well."), SETTINGS)
        await say(session, *talk(2))
        run_line(session, "/summary edit Blorpstuff.")
        last = store.messages(session.conversation)[-1].id
        copy = store.fork(last)
        forked = store.summary(store.messages(copy.id)[-1].id)
        assert forked is not None
        assert (forked.text, forked.edited) == ("Blorpstuff.", True)
        file = tmp_path / "x.json"
        file.write_text(json.dumps(to_json(store, session.conversation)), encoding="utf-8")
        other = ConversationStore.open(None)
        import_conversations(other, file, clean=sanitize_text)
        assert other.summary(last) == store.summary(last)
        other.close()
        file.unlink()
        store.purge(session.conversation)
        store.purge(copy.id)
        assert files_with("blorpstuff", tmp_path) == []

    async def test_another_branch_has_its_own(self, chat, store):
        session = chat(small("Well."), SETTINGS)
        await say(session, *talk(2))
        first, answer, *_ = store.messages(session.conversation)
        run_line(session, "/summary edit Of the first branch.")
        await collect(session.assistant.edit(first.id, "another beginning"))
        with pytest.raises(CommandError, match="has no summary"):
            run_line(session, "/summary")
        store.select(answer.id)
        assert "first branch" in run_line(session, "/summary").text
