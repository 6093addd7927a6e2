"""Facts are kept, closed, asked about, corrected and forgotten as a person would expect."""

from __future__ import annotations

import json

import pytest

from chatapp.conversations import ConversationStore, NotFound
from chatapp.memory import Profile, SecretRefused
from chatapp.memory.forgetting import forget
from chatapp.memory.transfer import BrokenExport, as_json, import_json
from tests.conversations.helpers import say
from tests.memory.conftest import Tell


def values(profile: Profile, slot: str, *, before: bool = False) -> list[str]:
    """Return what a slot holds."""
    return [fact.value for fact in profile.held(slot, before=before)]


class TestUpdates:
    def test_a_move_closes_the_old_home_and_keeps_it_as_history(
        self, tell: Tell, profile: Profile
    ) -> None:
        tell("I live in Rome.")
        tell("I moved to Berlin.")
        assert values(profile, "home") == ["Berlin"]
        assert values(profile, "home", before=True) == ["Rome"]
        (rome,), (berlin,) = profile.held("home", before=True), profile.held("home")
        assert rome.superseded_by == berlin.id
        assert rome.valid_to is not None

    def test_a_move_tells_where_one_lived_before(self, tell: Tell, profile: Profile) -> None:
        """What was never said before is kept as what held until now; what was is not kept twice."""
        tell("We moved from Leeds to Bristol.")
        assert values(profile, "home") == ["Bristol"]
        (leeds,) = profile.held("home", before=True)
        assert (leeds.value, leeds.valid_to is not None) == ("Leeds", True)
        tell("I moved from Bristol to Ghent.")
        assert values(profile, "home") == ["Ghent"]
        assert values(profile, "home", before=True) == ["Bristol", "Leeds"]

    def test_what_was_forgotten_is_no_history_either(
        self, tell: Tell, store: ConversationStore, profile: Profile
    ) -> None:
        tell("I live in Leeds.")
        forget(store, profile.held("home")[0].id)
        tell("We moved from Leeds to Bristol.")
        assert values(profile, "home", before=True) == []

    def test_moving_back_is_a_move_like_any_other(self, tell: Tell, profile: Profile) -> None:
        for city in ("Rome", "Berlin", "Rome"):
            tell(f"I moved to {city}.")
        assert values(profile, "home") == ["Rome"]
        assert values(profile, "home", before=True) == ["Berlin", "Rome"]

    def test_saying_the_same_again_is_counted_not_stored(
        self, tell: Tell, profile: Profile
    ) -> None:
        for text in ("I live in Berlin", "I live in BERLIN.", "I live in Berlin, Germany."):
            tell(text)
        (home,) = profile.held("home")
        assert (home.value, home.seen_count) == ("Berlin, Germany", 3)

    def test_a_birthday_is_one_day_however_it_is_written(
        self, tell: Tell, store: ConversationStore, profile: Profile
    ) -> None:
        for day in ("May 5", "on 5 May", "5 May 1990", "the 5th of May"):
            tell(f"My birthday is {day}.")
        assert [(f.value, f.status) for f in profile.facts()] == [("5 May 1990", "active")]
        assert [learnt.asks for learnt in tell("My birthday is 6 May.")] == [True]
        forget(store, profile.held("birthday")[0].id)
        assert tell("My birthday is May 5.") == []

    def test_many_valued_slots_add(self, tell: Tell, profile: Profile) -> None:
        tell("I'm allergic to nuts.")
        tell("I'm allergic to cats.")
        assert sorted(values(profile, "allergy")) == ["cats", "nuts"]

    def test_an_end_closes_only_what_it_names(self, tell: Tell, profile: Profile) -> None:
        tell("I'm allergic to nuts and cats.")
        tell("I'm no longer allergic to cats.")
        assert values(profile, "allergy") == ["nuts"]

    def test_disliking_ends_liking(self, tell: Tell, profile: Profile) -> None:
        tell("I love pizza.")
        tell("I hate pizza.")
        assert values(profile, "likes") == []
        assert values(profile, "dislikes") == ["pizza"]

    def test_keys_keep_facts_of_one_slot_apart(self, tell: Tell, profile: Profile) -> None:
        tell("My sister is called Julia.")
        tell("My brother is called Tom.")
        assert [f.value for f in profile.held("relation", "sister")] == ["Julia"]

    def test_what_does_not_change_in_a_life_is_asked_about(
        self, tell: Tell, profile: Profile
    ) -> None:
        tell("My name is Anna.")
        (learnt,) = tell("My name is Bob.")
        assert learnt.asks
        assert values(profile, "name") == ["Anna"]
        assert learnt.fact is not None
        profile.confirm(learnt.fact.id)
        assert values(profile, "name") == ["Bob"]

    def test_the_older_value_said_again_answers_the_question_too(
        self, tell: Tell, profile: Profile
    ) -> None:
        for name in ("Anna", "Bob", "Anna"):
            tell(f"My name is {name}.")
        assert [(fact.value, fact.status) for fact in profile.facts()] == [("Anna", "active")]

    def test_what_was_said_with_a_doubt_is_asked_about_once(
        self, tell: Tell, profile: Profile
    ) -> None:
        (learnt,) = tell("I think I'm allergic to kiwi.")
        assert (learnt.asks, learnt.doubtful) == (True, True)
        assert learnt.fact is not None
        assert learnt.fact.confidence < 1
        assert values(profile, "allergy") == []
        assert tell("I think I'm allergic to kiwi.") == []
        tell("I'm allergic to kiwi.")
        assert [(f.value, f.confidence) for f in profile.held("allergy")] == [("kiwi", 1.0)]
        assert tell("I think I'm allergic to kiwi.") == []

    def test_confirming_one_of_many_values_ends_none_of_the_others(
        self, tell: Tell, profile: Profile
    ) -> None:
        tell("I'm allergic to cats.")
        (learnt,) = tell("I think I'm allergic to kiwi.")
        tell("I'm allergic to cats.")
        assert learnt.fact is not None
        profile.confirm(learnt.fact.id)
        assert sorted(values(profile, "allergy")) == ["cats", "kiwi"]

    def test_a_doubt_can_be_dropped(self, tell: Tell, profile: Profile) -> None:
        tell("My name is Anna.")
        (learnt,) = tell("My name is Bob.")
        assert learnt.fact is not None
        profile.reject(learnt.fact.id)
        assert [fact.value for fact in profile.facts(everything=True)] == ["Anna"]

    def test_a_doubt_that_was_dropped_is_not_asked_about_again(
        self, tell: Tell, profile: Profile
    ) -> None:
        """Only what is said plainly, or asked to be remembered, is heard; other doubts are, too."""
        (learnt,) = tell("I think I'm allergic to kiwi.")
        assert learnt.fact is not None
        profile.reject(learnt.fact.id)
        assert tell("I believe I'm allergic to kiwi, not sure.") == []
        assert [change.asks for change in tell("I think I'm allergic to celery.")] == [True]
        tell("I'm allergic to kiwi.")
        assert values(profile, "allergy") == ["kiwi"]

    def test_one_may_have_two_sisters_and_one_wife(self, tell: Tell, profile: Profile) -> None:
        for text in ("sister is called Julia", "sister is called Ida", "wife is called Eva"):
            tell(f"My {text}.")
        tell("My wife is called Ada.")
        assert {f.value for f in profile.held("relation", "sister")} == {"Julia", "Ida"}
        assert [f.value for f in profile.held("relation", "wife")] == ["Ada"]

    def test_what_was_hidden_can_be_shown_again(self, tell: Tell, profile: Profile) -> None:
        tell("I live in Rome.")
        hidden = profile.expire(profile.held("home")[0].id)
        assert values(profile, "home") == []
        profile.show(hidden.id)
        assert values(profile, "home") == ["Rome"]

    def test_what_is_shown_again_closes_what_was_said_since(
        self, tell: Tell, profile: Profile
    ) -> None:
        tell("I live in Berlin.")
        hidden = profile.expire(profile.held("home")[0].id)
        tell("I live in Paris.")
        profile.show(hidden.id)
        assert values(profile, "home") == ["Berlin"]
        assert values(profile, "home", before=True) == ["Paris"]

    def test_only_what_waits_for_an_answer_gets_one(self, tell: Tell, profile: Profile) -> None:
        tell("I live in Rome.")
        tell("I moved to Berlin.")
        (rome,), (berlin,) = profile.held("home", before=True), profile.held("home")
        with pytest.raises(NotFound, match="does not wait"):
            profile.confirm(rome.id)
        with pytest.raises(NotFound, match="does not wait"):
            profile.reject(berlin.id)
        assert [fact.status for fact in profile.facts(everything=True)] == ["closed", "active"]

    def test_saying_it_twice_answers_the_question(self, tell: Tell, profile: Profile) -> None:
        tell("My name is Anna.")
        tell("My name is Bob.")
        tell("My name is Bob.")
        assert values(profile, "name") == ["Bob"]


class TestSources:
    def test_a_fact_knows_the_words_it_was_read_from(
        self, tell: Tell, profile: Profile, store: ConversationStore
    ) -> None:
        tell("Good morning. I live in Berlin.")
        (home,) = profile.held("home")
        assert home.message_id is not None
        text = store.message(home.message_id).text
        assert text[home.start : home.end] == home.source_text == "I live in Berlin"

    def test_answers_are_never_mined(self, store: ConversationStore, profile: Profile) -> None:
        started = say(store, "Who are you?", "My name is Eliza and I live in Boston.")
        assert profile.learn(store.message(started.assistant.id)) == []

    def test_a_private_conversation_leaves_no_trace(
        self, store: ConversationStore, profile: Profile
    ) -> None:
        private = store.create("secret", private=True)
        assert profile.learn(say(store, "I live in Rome.", conversation=private.id).user) == []
        assert profile.facts(everything=True) == []

    @pytest.mark.parametrize(
        "text",
        [
            "my password is hunter2",
            "My favourite card is 4111 1111 1111 1111",
            "the api key: sk-abcdefghijklmnop1234",
            "my IBAN is DE44 5001 0517 5407 3249 31",
            "the password for the router is hunter2",
            "My wifi password at home: hunter2",
            "das Passwort für den Router ist hunter2",
            "The PIN for my card is 4711",
        ],
    )
    def test_secrets_are_refused(self, tell: Tell, profile: Profile, text: str) -> None:
        assert tell(text) == []
        with pytest.raises(SecretRefused):
            profile.remember(text)
        assert profile.facts(everything=True) == []

    @pytest.mark.parametrize(
        "text",
        [
            "the secret of good bread is patience",
            "My password manager is Bitwarden",
            "My favourite pin from Berlin is a bear",
            "A token of thanks is a nice thing",
        ],
    )
    def test_what_only_sounds_like_a_secret_is_kept(self, profile: Profile, text: str) -> None:
        assert profile.remember(text).fact is not None

    @pytest.mark.parametrize(
        ("one", "other"), [("I like C++", "I like C#"), ("I love 🎸", "I love 🍕")]
    )
    def test_symbols_tell_things_apart(self, profile: Profile, one: str, other: str) -> None:
        for text in (one, other, one):
            profile.remember(text)
        assert values(profile, "note") == [other, one]

    def test_a_request_to_remember_is_kept_as_fact_or_note(self, profile: Profile) -> None:
        home = profile.remember("I live in Kiel").fact
        note = profile.remember("The spare key is under the pot").fact
        assert home is not None
        assert note is not None
        assert (home.slot, home.value) == ("home", "Kiel")
        assert (note.slot, note.value) == ("note", "The spare key is under the pot")

    @pytest.mark.parametrize(
        ("text", "slot", "value"),
        [
            ("My wife Anna is allergic to nuts", "relation", "Anna"),
            ("My dentist appointment is on Friday and I work at Siemens", "employer", "Siemens"),
        ],
    )
    def test_what_no_rule_reads_of_it_is_kept_as_a_note_too(
        self, profile: Profile, text: str, slot: str, value: str
    ) -> None:
        assert profile.remember(text).fact == profile.held("note")[0]
        assert (values(profile, slot), values(profile, "note")) == ([value], [text])

    @pytest.mark.parametrize(
        "text",
        [
            "I live in Kiel",
            "I work as a nurse at Siemens",
            "My name is Anna Schmidt and I live in Berlin.",
            "My sister is called Julia",
            "I'm allergic to nuts and cats",
            "My favourite colour is blue",
            "Ich wohne in Kiel",
            "I've just moved to Kiel",
            "My home is in Kiel",
            "I'm originally from Kiel",
            "I have a nut allergy",
            "I was born on May 5, 1990",
            "My dog's name is Rex",
            "Mein Hund heißt Rex",
        ],
    )
    def test_what_the_rules_read_whole_needs_no_note(self, profile: Profile, text: str) -> None:
        profile.remember(text)
        assert values(profile, "note") == []
        assert profile.facts()

    def test_asking_again_to_remember_is_no_error(self, profile: Profile) -> None:
        first, again = (profile.remember("I live in Kiel").fact for _ in range(2))
        assert first is not None
        assert again is not None
        assert (first.id, again.seen_count) == (again.id, 2)

    def test_an_end_of_what_is_not_known_is_kept_as_a_note(self, profile: Profile) -> None:
        note = profile.remember("I no longer live in Rome").fact
        assert note is not None
        assert (note.slot, note.value) == ("note", "I no longer live in Rome")

    def test_a_loop_of_injected_memories_creates_none(self, tell: Tell, profile: Profile) -> None:
        """200 turns whose answers repeat what is known leave the profile as it was."""
        tell("I live in Berlin.")
        for turn in range(200):
            facts = " ".join(fact.to_model() for fact in profile.facts())
            tell(f"And what about number {turn}?", answer=f"{facts} I live in Paris, as you do.")
        assert [fact.value for fact in profile.facts(everything=True)] == ["Berlin"]


class TestTransfer:
    def test_an_export_comes_back_whole(self, tell: Tell, store: ConversationStore) -> None:
        for text in ("I live in Rome.", "I moved to Berlin.", "I love tea."):
            tell(text)
        text = json.dumps(as_json(store))
        assert import_json(store, text).known == 3
        fresh = ConversationStore.open(None)
        assert import_json(fresh, text).added == 3
        again = Profile(fresh)
        assert values(again, "home") == ["Berlin"]
        assert values(again, "home", before=True) == ["Rome"]
        fresh.close()

    @pytest.mark.parametrize(
        ("text", "says"),
        [
            ("{", "not JSON"),
            ("[" * 100_000, "not JSON"),
            ("[]", "'format'"),
            ('{"format": "chatapp-memory", "v": 9}', "version"),
            ('{"format": "chatapp-memory", "v": 1, "facts": [{"slot": "home"}]}', "'value'"),
            (
                '{"format": "chatapp-memory", "v": 1, "facts": '
                '[{"slot": "shoe", "value": "x", "valid_from": "y"}]}',
                "'shoe'",
            ),
            (
                '{"format": "chatapp-memory", "v": 1, "facts": '
                '[{"slot": "home", "value": "Rome", "valid_from": "2026-01-01"}, '
                '{"slot": "car", "value": "Golf", "valid_from": "yesterday"}]}',
                "'yesterday'",
            ),
            (
                '{"format": "chatapp-memory", "v": 1, "facts": '
                '[{"slot": "home", "value": "Rome", "valid_from": "2026-01-01", "valid_to": 5}]}',
                "fact 1 holds 5",
            ),
        ],
    )
    def test_a_broken_file_says_where(self, store: ConversationStore, text: str, says: str) -> None:
        with pytest.raises(BrokenExport, match=says):
            import_json(store, text)
        assert Profile(store).facts(everything=True) == []

    def test_times_are_kept_as_the_store_writes_them(self, store: ConversationStore) -> None:
        fact = {"slot": "home", "value": "Rome", "valid_from": "20260101T120000+0100"}
        import_json(store, json.dumps({"format": "chatapp-memory", "v": 1, "facts": [fact]}))
        assert Profile(store).held("home")[0].valid_from == "2026-01-01T11:00:00.000Z"

    def test_a_second_home_from_a_file_waits_for_review(
        self, tell: Tell, store: ConversationStore, profile: Profile
    ) -> None:
        tell("I live in Paris.")
        fact = {"slot": "home", "value": "Rome", "valid_from": "2026-01-01"}
        import_json(store, json.dumps({"format": "chatapp-memory", "v": 1, "facts": [fact]}))
        assert values(profile, "home") == ["Paris"]
        (rome,) = profile.held("home", review=True)
        profile.confirm(rome.id)
        assert values(profile, "home") == ["Rome"]
