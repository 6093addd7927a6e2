"""What is forgotten stands in no file, comes back by no door, and takes nothing else along."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest
from sqlite_utils import Database

from chatapp.assistant.assistant import Assistant
from chatapp.assistant.events import MemoryUsed, MessageDone
from chatapp.conversations import ConversationStore, NotFound, Part, StoredCitation
from chatapp.conversations.backups import back_up
from chatapp.feedback import Feedback
from chatapp.memory import Memory, Profile, forgetting
from chatapp.memory.forgetting import forget, forget_learnt_from, keep_forgotten, recover
from chatapp.memory.transfer import as_json, import_json
from chatapp.settings import Settings
from tests.assistant.helpers import collect, only
from tests.conversations.helpers import say, texts
from tests.fakes import FakeGenerator
from tests.memory.conftest import Tell


def values(profile: Profile, slot: str) -> list[str]:
    """Return what a slot holds."""
    return [fact.value for fact in profile.held(slot)]


def files_with(word: str, directory: Path) -> list[str]:
    """Return the names of the files that hold a word, in any case, byte by byte."""
    wanted = word.lower().encode()
    return [
        file.name
        for file in sorted(directory.rglob("*"))
        if file.is_file() and wanted in file.read_bytes().lower()
    ]


@pytest.fixture
def assistant(store: ConversationStore) -> Iterator[Assistant]:
    """Return an assistant whose model repeats what every good model would say."""
    made = Assistant(
        store,
        settings=Settings(),
        open_index=None,
        load_generator=lambda: FakeGenerator("In Qwertzburg there is a lot to see."),
        open_memory=lambda: Memory(store, lambda: None),
    )
    yield made
    made.close()


class TestForgetting:
    def test_no_file_holds_the_words_any_more(
        self, tell: Tell, store: ConversationStore, profile: Profile, path: Path
    ) -> None:
        """Database, log, search table and backup are searched byte by byte."""
        tell("Hello. I live in Qwertzburg, but I like cheese.")
        for number in range(20):
            tell(f"This is remark number {number} about nothing.")
        Feedback(store).rate(store.messages(store.conversations()[-1].id)[1].id, 1.0)
        assert back_up(path) is not None
        (home,) = profile.held("home")
        done = forget(store, home.id)
        assert (done.messages_redacted, done.backups_scrubbed) == (1, 1)
        assert files_with("qwertzburg", path.parent) == []
        assert "I like cheese" in texts(store, store.conversations()[-1].id)[0]

    def test_what_was_forgotten_is_not_learnt_again(
        self, tell: Tell, store: ConversationStore, profile: Profile
    ) -> None:
        tell("I live in Rome.")
        exported = as_json(store)
        forget(store, profile.held("home")[0].id)
        assert tell("I live in Rome.") == []
        assert import_json(store, json.dumps(exported)).refused == 1
        assert profile.facts(everything=True) == []

    def test_the_person_can_bring_it_back(
        self, tell: Tell, store: ConversationStore, profile: Profile
    ) -> None:
        tell("I live in Rome.")
        forget(store, profile.held("home")[0].id)
        profile.remember("I live in Rome")
        assert values(profile, "home") == ["Rome"]

    def test_the_message_can_be_kept(
        self, tell: Tell, store: ConversationStore, profile: Profile
    ) -> None:
        tell("I live in Rome.")
        done = forget(store, profile.held("home")[0].id, keep_message=True)
        assert done.messages_redacted == 0
        assert done.mentions == 1

    def test_hiding_keeps_it(self, tell: Tell, profile: Profile) -> None:
        tell("I live in Rome.")
        profile.expire(profile.held("home")[0].id)
        assert profile.facts() == []
        assert [fact.status for fact in profile.facts(everything=True)] == ["expired"]

    def test_a_fact_outlives_the_conversation_it_came_from(
        self, store: ConversationStore, profile: Profile
    ) -> None:
        started = say(store, "I live in Rome.")
        profile.learn(started.user)
        assert [f.value for f in profile.learnt_from(started.conversation.id)] == ["Rome"]
        store.purge(started.conversation.id)
        (home,) = profile.held("home")
        assert (home.value, home.source_text, home.message_id) == ("Rome", "I live in Rome", None)

    def test_a_damaged_file_gives_back_facts_and_stays_forgetful(
        self, tell: Tell, store: ConversationStore, profile: Profile, path: Path
    ) -> None:
        """Salvage keeps what is remembered, and keeps forgotten what was forgotten."""
        tell("I live in Rome.")
        tell("I love tea.")
        forget(store, profile.held("home")[0].id)
        for number in range(60):
            tell(f"Remark {number} " + "x" * 900)
        store.close()
        data = bytearray(path.read_bytes())
        data[-8192:] = b"\xaa" * 8192
        path.write_bytes(data)
        reopened = ConversationStore.open(path)
        assert "damaged" in reopened.notices[0]
        saved = Profile(reopened)
        assert [fact.value for fact in saved.facts()] == ["tea"]
        assert saved.learn(say(reopened, "I live in Rome.").user) == []
        reopened.close()

    def test_an_unknown_id_is_named(self, store: ConversationStore) -> None:
        with pytest.raises(NotFound, match="no memory NOPE"):
            forget(store, "NOPE")


class TestEveryTrace:
    async def test_answers_that_told_the_fact_lose_it_too(
        self, assistant: Assistant, store: ConversationStore, path: Path
    ) -> None:
        """Said twice, noted, asked for, recalled, given to the model, rated, kept in a backup."""
        for text in (
            "I live in Qwertzburg.",
            "Where do I live?",
            "thanks! i live in QWERTZBURG, and I love tea",
            "What did I say about Qwertzburg?",
        ):
            await collect(assistant.turn(None, text))
        (home,) = assistant.profile.held("home")
        assistant.profile.pin(home.id)
        told = await collect(assistant.turn(None, "write something about a walk"))
        assert home.id in [item.id for item in only(told, MemoryUsed).items]
        answer = only(told, MessageDone)
        assistant.feedback.rate(answer.message, 1.0)
        store.save_draft(None, "By the way, I live in Qwertzburg.")
        assert back_up(path) is not None
        done = forget(store, home.id)
        assert done.mentions == 1  # "What did I say about …?" states nothing
        assert "Qwertzburg" not in store.message(answer.message).text
        assert values(assistant.profile, "likes") == ["tea"]
        assert forget(
            store, assistant.profile.remember("I live in Qwertzburg").fact.id, everywhere=True
        )
        assert files_with("qwertzburg", path.parent) == []
        assert store.verify() == []

    async def test_forgetting_everywhere_blanks_every_mention(
        self, tell: Tell, store: ConversationStore, profile: Profile, path: Path
    ) -> None:
        tell("I live in Qwertzburg.")
        tell("What is the weather in Qwertzburg?", "In Qwertzburg it rains.")
        done = forget(store, profile.held("home")[0].id, everywhere=True)
        assert (done.messages_redacted, done.mentions) == (3, 0)
        assert files_with("qwertzburg", path.parent) == []
        assert store.verify() == []

    def test_uses_of_the_memory_tools_lose_it(
        self, store: ConversationStore, profile: Profile, path: Path
    ) -> None:
        """What a model was allowed to store stands in its tool call as well."""
        answer = say(store, "Please note where I live.", "Done.").assistant
        call = {"id": "1", "name": "memory_add", "arguments": {"text": "I live in Qwertzburg"}}
        result = {"id": "1", "name": "memory_add", "text": "you live in Qwertzburg", "error": ""}
        parts = [Part("tool_call", call), Part("tool_result", result)]
        store.add_parts(answer.id, parts).result()
        home = profile.remember("I live in Qwertzburg").fact
        assert home is not None
        forget(store, home.id)
        assert files_with("qwertzburg", path.parent) == []
        assert store.verify() == []

    def test_a_fork_is_no_hiding_place(
        self, tell: Tell, store: ConversationStore, profile: Profile, path: Path
    ) -> None:
        tell("I live in Qwertzburg.")
        store.fork(store.messages(store.conversations()[0].id)[0].id)
        forget(store, profile.held("home")[0].id)
        assert files_with("qwertzburg", path.parent) == []

    def test_a_truncated_title_loses_the_value(
        self, tell: Tell, store: ConversationStore, profile: Profile, path: Path
    ) -> None:
        tell("I live in Qwertzburg with a great many people that I have known for a long time now.")
        forget(store, profile.held("home")[0].id)
        assert files_with("qwertzburg", path.parent) == []

    def test_a_longer_form_of_the_value_goes_with_the_shorter(
        self, tell: Tell, store: ConversationStore, profile: Profile, path: Path
    ) -> None:
        tell("I live in Qwertzburg.", "Noted.")
        tell("I live in Qwertzburg, Germany.", "Noted.")
        forget(store, profile.held("home")[0].id)
        assert files_with("qwertzburg", path.parent) == []
        assert tell("I live in Qwertzburg.") == []
        assert tell("I live in Qwertzburg, Germany.") == []

    def test_other_facts_of_the_same_message_keep_their_place(
        self, tell: Tell, store: ConversationStore, profile: Profile
    ) -> None:
        tell("I live in Rome. My sister is called Julia.")
        forget(store, profile.held("home")[0].id)
        (julia,) = profile.held("relation")
        assert julia.message_id is not None
        text = store.message(julia.message_id).text
        assert text[julia.start : julia.end] == "My sister is called Julia"

    @pytest.mark.parametrize(
        ("text", "slot", "left", "asked"),
        [
            ("I work as a nurse at Qwertzburg Hospital", "employer", "occupation", False),
            ("I live in Qwertzburg and my name is Zorro", "home", "name", True),
        ],
    )
    def test_other_facts_lose_the_words_they_were_read_from(
        self,
        store: ConversationStore,
        profile: Profile,
        path: Path,
        text: str,
        slot: str,
        left: str,
        asked: bool,
    ) -> None:
        """One clause states both; the other fact holds, here and in a backup."""
        if asked:
            profile.remember(text)
        else:
            profile.learn(say(store, f"{text}.").user)
        assert back_up(path) is not None
        forget(store, profile.held(slot)[0].id)
        assert files_with("qwertzburg", path.parent) == []
        assert len(values(profile, left)) == 1

    def test_a_fact_of_its_own_with_the_same_word_stays(
        self, tell: Tell, store: ConversationStore, profile: Profile
    ) -> None:
        tell("I was born in Rome. I live in Rome.")
        tell("I moved to Ghent. I moved to Rome.")
        forget(store, profile.held("home")[0].id)
        assert values(profile, "origin") == ["Rome"]
        assert [fact.value for fact in profile.held("home", before=True)] == ["Ghent"]

    def test_a_correction_loses_it(
        self, tell: Tell, store: ConversationStore, profile: Profile, path: Path
    ) -> None:
        """What the person would have answered tells the fact as the answer did."""
        tell("I live in Qwertzburg.")
        asked = say(store, "What do you know?", "Nothing.")
        Feedback(store).correct(asked.assistant.id, "You live in Qwertzburg, lovely!")
        assert forget(store, profile.held("home")[0].id).mentions == 0
        assert files_with("qwertzburg", path.parent) == []

    def test_everywhere_reaches_tools_files_and_judgements(
        self, tell: Tell, store: ConversationStore, profile: Profile, path: Path
    ) -> None:
        """Without it they are counted: search finds them."""
        tell("I live in Qwertzburg.")
        answer = say(store, "How is the weather?", "Fine.").assistant
        call = {
            "id": "1",
            "name": "web_search",
            "arguments": {"query": "weather Qwertzburg", "n": 3},
        }
        result = {"id": "1", "name": "web_search", "text": "Qwertzburg: sunny", "error": ""}
        page = {"document": "web:1", "title": "Qwertzburg", "text": "Qwertzburg lies by the sea."}
        parts = [Part("tool_call", call), Part("tool_result", result), Part("page", page)]
        store.add_parts(answer.id, parts).result()
        cited = StoredCitation(1, "Qwertzburg lies", "Qwertzburg", "u", "web:1", "p", 0, 15, 1.0)
        store.add_parts(answer.id, [Part("citation", asdict(cited))]).result()
        rated = say(store, "Where is it warm?", "In Qwertzburg.").assistant
        Feedback(store).rate(rated.id, 1.0)
        assert forget(store, profile.held("home")[0].id).mentions == 2
        home = profile.remember("I live in Qwertzburg").fact
        assert home is not None
        assert forget(store, home.id, everywhere=True).mentions == 0
        assert files_with("qwertzburg", path.parent) == []
        assert store.verify() == []
        assert store.parts(answer.id)[0].data["arguments"]["n"] == 3

    def test_a_number_is_blanked_in_tools_without_breaking_them(
        self, store: ConversationStore, profile: Profile
    ) -> None:
        age = profile.remember("I am 34 years old").fact
        assert age is not None
        answer = say(store, "Count on.", "Well.").assistant
        call = {"id": "1", "name": "memory_search", "arguments": {"n": 34, "query": "34"}}
        store.add_parts(answer.id, [Part("tool_call", call)]).result()
        forget(store, age.id, everywhere=True)
        assert store.parts(answer.id)[0].data["arguments"] == {"n": 34, "query": "▒▒"}

    def test_a_draft_that_says_something_else_stays(
        self, store: ConversationStore, profile: Profile
    ) -> None:
        """Even when the message that a fact came from is gone, and so is its id."""
        started = say(store, "Hello, I live in Qwertzburg.")
        profile.learn(started.user)
        store.purge(started.conversation.id)
        store.save_draft(None, "A long letter to a friend about everything.")
        forget(store, profile.held("home")[0].id)
        assert store.draft(None) == "A long letter to a friend about everything."

    async def test_a_note_takes_no_word_of_another_text_along(
        self, assistant: Assistant, store: ConversationStore
    ) -> None:
        note = assistant.profile.remember("No, I take the early train").fact
        assert note is not None
        await collect(assistant.turn(None, "My answer to the landlord was no, for good reasons"))
        recalled = await collect(assistant.turn(None, "What did I say about the landlord?"))
        told = await collect(assistant.turn(None, "What do you know about me?"))
        forget(store, note.id)
        assert "was no, for" in store.message(only(recalled, MessageDone).message).text
        assert "early" not in store.message(only(told, MessageDone).message).text

    async def test_a_number_goes_where_it_tells_the_age(
        self, assistant: Assistant, store: ConversationStore
    ) -> None:
        """Answers that say it, recall it or were told it; other numbers stay."""
        await collect(assistant.turn(None, "I am 34 years old."))
        text = "Flight LH 34 leaves at 10:34 and a seat costs 34 euros"
        await collect(assistant.turn(None, text))
        asked = ("How old am I?", "What did I say about being 34 years old?")
        said = [only(await collect(assistant.turn(None, q)), MessageDone).message for q in asked]
        other = await collect(assistant.turn(None, "What did I say about flight LH 34?"))
        (age,) = assistant.profile.held("age")
        forget(store, age.id)
        for message in said:
            assert "34 years" not in store.message(message).text
        assert text in store.message(only(other, MessageDone).message).text

    async def test_what_it_was_called_before_goes_too(
        self, assistant: Assistant, store: ConversationStore, path: Path
    ) -> None:
        """It was corrected by hand; an answer, a fork and a fork of that say the old value."""
        await collect(assistant.turn(None, "I live in Qwertzburg."))
        (home,) = assistant.profile.held("home")
        asked = only(await collect(assistant.turn(None, "Where do I live?")), MessageDone)
        assert "Qwertzburg" in store.message(asked.message).text
        store.fork(store.message(home.message_id or "").id)
        assistant.profile.edit(home.id, "Vlorpstadt")
        forget(store, home.id)
        assert files_with("qwertzburg", path.parent) == []

    async def test_a_fork_of_a_fork_loses_what_the_model_was_told(
        self, assistant: Assistant, store: ConversationStore, path: Path
    ) -> None:
        home = assistant.profile.remember("I live in Qwertzburg").fact
        assert home is not None
        assistant.profile.pin(home.id)
        done = only(await collect(assistant.turn(None, "write about a walk")), MessageDone)
        fork = store.fork(done.message)
        store.fork(store.messages(fork.id)[-1].id)
        forget(store, home.id)
        assert files_with("qwertzburg", path.parent) == []


class TestConversations:
    def test_the_facts_of_a_deleted_conversation_can_go_with_it(
        self, store: ConversationStore, profile: Profile
    ) -> None:
        started = say(store, "I live in Rome. I love tea.")
        profile.learn(started.user)
        profile.learn(say(store, "I speak German.").user)
        store.delete(started.conversation.id)
        gone = forget_learnt_from(store, started.conversation.id)
        assert sorted(done.fact.value for done in gone) == ["Rome", "tea"]
        assert [fact.value for fact in profile.facts()] == ["German"]

    def test_a_conversation_from_a_file_brings_nothing_back(
        self, tell: Tell, store: ConversationStore, profile: Profile, path: Path
    ) -> None:
        """Old copies hold the words; the tombstone knows them by their hash alone."""
        tell("I live in Qwertzburg.")
        forget(store, profile.held("home")[0].id)
        imported = say(store, "Hello. I live in Qwertzburg. It is nice here.")
        assert keep_forgotten(store, [imported.conversation.id]) == 1
        assert "It is nice here." in store.message(imported.user.id).text
        assert files_with("I live in Qwertzburg", path.parent) == []

    def test_an_import_where_nothing_was_forgotten_is_not_looked_through(
        self, store: ConversationStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Looking through years of conversations takes many minutes."""
        imported = say(store, "I live in Qwertzburg.")
        monkeypatch.setattr(forgetting, "redact_buried", None)
        assert keep_forgotten(store, [imported.conversation.id]) == 0

    def test_others_write_while_an_import_is_looked_through(
        self,
        tell: Tell,
        store: ConversationStore,
        profile: Profile,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """Each conversation is a transaction of its own, so no answer waits for all of them."""
        tell("I live in Qwertzburg.")
        forget(store, profile.held("home")[0].id)
        done = []

        def looking(db: Database, conversation_id: str) -> int:
            done.append(conversation_id)
            if conversation_id == "one":
                store.submit(lambda db: done.append("somebody's answer"))
            return 0

        monkeypatch.setattr(forgetting, "redact_buried", looking)
        keep_forgotten(store, ["one", "two"])
        assert done == ["one", "somebody's answer", "two"]

    def test_recovering_from_a_copy_of_one_s_own_brings_nothing_back(
        self, store: ConversationStore, profile: Profile, path: Path, tmp_path: Path
    ) -> None:
        """The copy holds the fact, the message, and another fact of the same words."""
        profile.remember("I live in Qwertzburg and my name is Zorro")
        started = say(store, "Hello. I live in Qwertzburg. It is nice here.")
        profile.learn(started.user)
        own = tmp_path / "mine.sqlite3"
        shutil.copyfile(back_up(path, every_hours=0) or path, own)
        exported = as_json(store)
        (home,), (name,) = profile.held("home"), profile.held("name")
        forget(store, home.id)
        store.write(lambda db: db.execute("delete from facts where id = ?", [name.id]))
        store.write(lambda db: db.execute("delete from messages"))
        assert recover(store, own).messages == 2
        own.unlink()
        assert [fact.value for fact in profile.facts(everything=True)] == ["Zorro"]
        assert "It is nice here." in store.message(started.user.id).text
        import_json(store, json.dumps(exported))
        assert files_with("qwertzburg", path.parent) == []
        assert store.verify() == []

    @pytest.mark.parametrize(
        ("name", "part"),
        [
            ("memory_add", {"arguments": {"fact": "I live in Qwertzburg"}}),
            ("memory_add", {"text": "Remembered: you live in Qwertzburg", "error": ""}),
            (
                "memory_search",
                {"text": "2026-03-01 you live in Qwertzburg, Germany (what you told me)"},
            ),
        ],
    )
    def test_nor_does_what_a_tool_of_the_memory_said_there(
        self,
        tell: Tell,
        store: ConversationStore,
        profile: Profile,
        path: Path,
        name: str,
        part: dict[str, object],
    ) -> None:
        """No message states it; the tool's words are read back with the slots' own wordings."""
        tell("I live in Qwertzburg.")
        forget(store, profile.held("home")[0].id)
        imported = say(store, "Where do I live?", "You told me.")
        kind = "tool_call" if "arguments" in part else "tool_result"
        store.add_parts(imported.assistant.id, [Part(kind, {"name": name, **part})]).result()
        keep_forgotten(store, [imported.conversation.id])
        assert files_with("qwertzburg", path.parent) == []
        assert store.verify() == []
