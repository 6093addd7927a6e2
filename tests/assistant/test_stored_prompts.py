"""What the model was given is kept with its answer to the byte, and loses what is forgotten."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from chatapp.assistant.assistant import Assistant
from chatapp.assistant.attachments import read_attachment
from chatapp.assistant.events import MessageDone
from chatapp.conversations import ConversationStore
from chatapp.conversations.backups import back_up
from chatapp.conversations.exchange import to_json
from chatapp.conversations.seen import PromptTurn, Seen, rebuild
from chatapp.feedback.export import records
from chatapp.feedback.given import given_for
from chatapp.inference.generator import ChatMessage
from chatapp.inference.tool_calls import written_call
from chatapp.memory import Fact, Memory
from chatapp.memory.forgetting import forget, import_conversations
from retrieval.text import sanitize_text
from tests.assistant.helpers import collect, only
from tests.assistant.test_model_tools import FakeCaller
from tests.fakes import FakeGenerator
from tests.memory.test_forgetting import files_with

Remembering = Callable[..., Assistant]


@pytest.fixture
def remembering(make, store: ConversationStore) -> Remembering:
    """Return a maker of assistants with a memory."""
    return lambda model, **options: _with(
        make(model, open_memory=lambda: Memory(store, lambda: None)), **options
    )


def _with(assistant: Assistant, **options: object) -> Assistant:
    assistant.options = replace(assistant.options, **options)  # type: ignore[arg-type]
    return assistant


def as_chat(turns: Sequence[PromptTurn] | None) -> list[ChatMessage]:
    """Return a rebuilt prompt as a generator is given it."""
    assert turns is not None
    return [ChatMessage(turn.role, turn.content, turn.tools) for turn in turns]  # type: ignore[arg-type]


def kept(store: ConversationStore, answer: str, call: int = -1) -> list[ChatMessage]:
    """Return the prompt of one call of an answer, rebuilt from the file."""
    seen = store.turns(message_id=answer)[call].seen
    assert seen is not None
    return as_chat(rebuild(seen, store.path_to(answer)))


async def asked(assistant: Assistant, text: str, conversation: str | None = None) -> str:
    """Run a turn; return the id of its answer."""
    return only(await collect(assistant.turn(conversation, text)), MessageDone).message


def told(assistant: Assistant, text: str) -> Fact:
    """Remember something that every prompt repeats."""
    fact = assistant.profile.remember(text).fact
    assert fact is not None
    return assistant.profile.pin(fact.id)


class TestKept:
    async def test_instructions_memories_and_earlier_turns_are_kept(self, remembering, store):
        """Persona and what is remembered stand in no message, and are there all the same."""
        model = FakeGenerator("Very well.")
        assistant = remembering(model, system="Be kind.")
        told(assistant, "Always answer in rhymes")
        first = await asked(assistant, "hello there, write something")
        conversation = store.message(first).conversation_id
        second = await asked(assistant, "write more of it", conversation)
        assert "rhymes" in model.prompts[0][0].content
        assert [kept(store, first), kept(store, second)] == model.prompts

    async def test_what_fell_out_of_the_window_is_not_claimed_to_have_been_seen(
        self, remembering, store
    ):
        model = FakeGenerator("word " * 20, context_length=80)
        assistant, conversation = remembering(model), None
        for number in range(5):
            last = await asked(assistant, f"write number {number} of them", conversation)
            conversation = store.message(last).conversation_id
        assert kept(store, last) == model.prompts[-1]
        assert len(model.prompts[-1]) < 9

    async def test_calls_of_tools_and_what_was_offered_are_kept(self, make, store):
        """Each call of the model has its own prompt; the last one holds the results."""
        model = FakeCaller(written_call("calculator", {"expression": "6 * 7"}), "It is 42.")
        answer = await asked(make(model), "hello")
        assert [kept(store, answer, 0), kept(store, answer, 1)] == model.prompts
        assert kept(store, answer)[0].tools
        assert kept(store, answer)[-1].content == "42"

    async def test_an_answer_that_was_gone_on_with_keeps_both_prompts(self, make, store):
        """The first call was given nothing of the answer, the second what there was of it."""
        model = FakeGenerator("one two three four five")
        assistant = _with(make(model), interrupt_after=2)
        cut = await asked(assistant, "count, please")
        _with(assistant, interrupt_after=None)
        later = await asked(assistant, "and again", store.message(cut).conversation_id)
        await collect(assistant.continue_(cut))
        assert [kept(store, cut, 0), kept(store, cut, 1)] == [model.prompts[0], model.prompts[2]]
        assert kept(store, later) == model.prompts[1], "the longer answer came after it"
        assert [turn.role for turn in given_for(store, store.message(cut)).turns] == ["user"]

    async def test_a_fork_and_an_import_keep_it(self, remembering, store, tmp_path: Path):
        model = FakeGenerator("Fine.")
        assistant = remembering(model, system="Be kind.")
        answer = await asked(assistant, "hello there")
        copy = store.fork(answer)
        assert kept(store, store.messages(copy.id)[-1].id) == model.prompts[0]
        other = ConversationStore.open(tmp_path / "other.sqlite3")
        _bring(other, to_json(store, copy.id), tmp_path)
        assert kept(other, other.messages(copy.id)[-1].id) == model.prompts[0]
        other.close()

    async def test_a_file_without_a_word_is_kept_as_it_was_asked(
        self, remembering, store, tmp_path
    ):
        (tmp_path / "notes.txt").write_text("The ferry leaves at seven.", encoding="utf-8")
        model = FakeGenerator("A nice file.")
        file = read_attachment(tmp_path / "notes.txt")
        events = await collect(remembering(model).turn(None, "", attachments=[file]))
        assert kept(store, only(events, MessageDone).message) == model.prompts[0]

    def test_a_prompt_whose_messages_are_lost_is_not_made_up(self, store):
        started = store.begin_turn(None, "Hi?").result()
        path = store.path_to(started.assistant.id)
        assert rebuild(Seen(history=(3, 3)), path) is None
        assert rebuild(Seen(history=(4,)), path) is None
        with pytest.raises(ValueError, match="role"):
            Seen.from_json({"head": {"text": "no role"}})


class TestFeedback:
    async def test_judgements_hold_the_very_prompt_and_say_so(self, remembering, store):
        """The export of each schema has the instructions and memories that the model was given."""
        model = FakeGenerator("Very well.")
        assistant = remembering(model, system="Be kind.")
        told(assistant, "Always answer in rhymes")
        answer = await asked(assistant, "hello there, write something")
        assistant.feedback.rate(answer, 1.0)
        assistant.feedback.correct(answer, "Roses are red.")
        found = assistant.feedback.all()
        expected = [{"role": m.role, "content": m.content} for m in model.prompts[0]]
        for schema in ("preference", "rating"):
            (record,) = records(found, schema)
            assert (record["messages"], record["exact"]) == (expected, True)
        for record in records(found, "chat"):
            assert record["messages"][:-1] == expected
        assert all(judgement.exact for judgement in found)

    async def test_two_answers_made_from_different_prompts_keep_both(self, remembering, store):
        model = FakeGenerator("Very well.")
        assistant = remembering(model)
        first = await asked(assistant, "hello there, write something")
        told(assistant, "Always answer in rhymes")
        model.reply = "Oh well, a spell."
        again = only(await collect(assistant.regenerate(first)), MessageDone).message
        assistant.feedback.prefer(again, first)
        (record,) = records(assistant.feedback.all(), "preference")
        assert "rhymes" in record["messages"][0]["content"]
        assert record["rejected_messages"] == [record["messages"][1]]

    async def test_offered_tools_stand_beside_the_prompt(self, make, store):
        assistant = make(FakeCaller("Fine."))
        assistant.feedback.rate(await asked(assistant, "hello"), 1.0)
        (record,) = records(assistant.feedback.all(), "chat")
        assert "calculator" in [tool["name"] for tool in record["messages"][0]["tools"]]


class TestForgetting:
    async def test_a_forgotten_fact_leaves_prompts_judgements_and_backups(
        self, remembering, store, tmp_path: Path
    ):
        """The rest of what the model was given stays as it was."""
        model = FakeGenerator("Very well.")
        assistant = remembering(model, system="You know Qwertzburg by heart.")
        home = told(assistant, "I live in Vlorpstadt")
        answer = await asked(assistant, "hello there, write something about Qwertzburg")
        assert "Vlorpstadt" in model.prompts[0][0].content
        assistant.feedback.rate(answer, 1.0)
        assert back_up(store.path) is not None
        forget(store, home.id)
        assert files_with("vlorpstadt", tmp_path) == []
        (record,) = records(assistant.feedback.all(), "chat")
        assert not record["exact"], "something of it was forgotten"
        head = record["messages"][0]["content"]
        assert head.startswith("You know Qwertzburg by heart.\nRemembered")
        assert len(head) == len(model.prompts[0][0].content)
        assert len(kept(store, answer)) == len(model.prompts[0])
        assert store.verify() == []

    async def test_a_value_that_was_corrected_later_goes_too(
        self, remembering, store, tmp_path: Path
    ):
        """Prompts hold the words of their time."""
        assistant = remembering(FakeGenerator("Very well."))
        home = told(assistant, "I live in Vlorpstadt")
        await asked(assistant, "hello there, write something")
        assistant.profile.edit(home.id, "Rome")
        forget(store, home.id)
        assert [t.seen.head.facts[0][3] for t in _turns(store)] == ["▒" * len("Vlorpstadt")]

    async def test_everywhere_takes_the_persona_s_words_too(self, remembering, store):
        assistant = remembering(FakeGenerator("Well."), system="You know Vlorpstadt.")
        home = told(assistant, "I live in Vlorpstadt")
        await asked(assistant, "hello there, write something")
        forget(store, home.id, everywhere=True)
        assert "Vlorpstadt" not in str([turn.seen for turn in _turns(store)])

    async def test_an_import_brings_no_forgotten_fact_back_in_a_prompt(
        self, remembering, store, tmp_path: Path
    ):
        """The fact was told to the model there, and stated in another conversation."""
        assistant = remembering(FakeGenerator("Very well."))
        home = told(assistant, "I live in Vlorpstadt")
        answer = await asked(assistant, "hello there, write something")
        assistant.feedback.rate(answer, 1.0)
        exported = to_json(store, store.message(answer).conversation_id)
        assert "Vlorpstadt" in json.dumps(exported)
        store.purge(exported["conversation"]["id"])
        for judgement in assistant.feedback.all():
            assistant.feedback.remove(judgement.id)
        forget(store, home.id)
        _bring(store, exported, tmp_path)
        (tmp_path / "x.json").unlink()
        assert files_with("vlorpstadt", tmp_path) == []


def _turns(store: ConversationStore):
    return store.turns(conversation_id=store.conversations()[0].id)


def _bring(store: ConversationStore, exported: object, directory: Path) -> tuple[str, ...]:
    file = directory / "x.json"
    file.write_text(json.dumps(exported), encoding="utf-8")
    return import_conversations(store, file, clean=sanitize_text).new
