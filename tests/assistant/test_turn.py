"""A question goes in, one stream of events comes out, and the store agrees with it."""

from __future__ import annotations

import pytest

from chatapp.assistant.events import (
    Citation,
    Error,
    MessageDelta,
    MessageDone,
    Retrieval,
    TurnEnd,
    TurnStart,
    Warning,
)
from chatapp.assistant.prompt import LONGEST_PROMPT, NOT_FOUND
from chatapp.conversations import NEW_ROOT
from tests.assistant.helpers import collect, every, only, types
from tests.fakes import FakeGenerator, FakeIndex


class TestModelAnswers:
    async def test_a_greeting_is_answered_by_the_model_without_sources(self, make, store):
        index = FakeIndex()
        events = await collect(make(FakeGenerator("Hello, you."), index).turn(None, "hello"))
        assert types(events) == ["turn.start", "message.delta", "message.done", "turn.end"]
        done = only(events, MessageDone)
        assert (done.text, done.grounding, done.finish_reason) == ("Hello, you.", "model", "stop")
        assert done.text == "".join(delta.text for delta in every(events, MessageDelta))
        assert index.queries == []
        assert store.message(done.message).text == "Hello, you."

    async def test_both_messages_are_stored_when_the_turn_starts(self, make, store):
        events = make(FakeGenerator("Hi.", delay=0.01)).turn(None, "hello")
        start = await anext(events)
        assert isinstance(start, TurnStart)
        assert store.message(start.user_message).text == "hello"
        assert store.message(start.assistant_message).status == "streaming"
        await events.aclose()

    async def test_the_next_turn_sees_what_was_said(self, make):
        generator = FakeGenerator("Fine.")
        assistant = make(generator)
        first = only(await collect(assistant.turn(None, "hello")), TurnStart)
        await collect(assistant.turn(first.conversation, "hi again"))
        assert [m.content for m in generator.prompts[-1]] == ["hello", "Fine.", "hi again"]

    async def test_an_edited_question_does_not_see_the_branch_it_leaves(self, make):
        generator = FakeGenerator("Fine.")
        assistant = make(generator)
        first = only(await collect(assistant.turn(None, "hello")), TurnStart)
        await collect(assistant.turn(first.conversation, "hi there", parent_id=NEW_ROOT))
        assert [m.content for m in generator.prompts[-1]] == ["hi there"]

    async def test_max_tokens_ends_the_answer_with_length(self, make):
        assistant = make(FakeGenerator("one two three four"))
        assistant.sample(max_tokens=2)
        done = only(await collect(assistant.turn(None, "hello")), MessageDone)
        assert (done.text, done.finish_reason) == ("one two ", "length")

    async def test_usage_counts_the_window(self, make):
        done = only(await collect(make(FakeGenerator("one two")).turn(None, "hello")), MessageDone)
        assert (done.usage.prompt_tokens, done.usage.completion_tokens) == (2, 2)
        assert (done.usage.context_tokens, done.usage.context_length) == (4, 1024)

    async def test_hidden_and_control_characters_never_reach_the_store(self, make, store):
        reply = "fine\x1b[31m\u202e"
        events = await collect(make(FakeGenerator(reply)).turn(None, "hel\x00lo\u200b\udcff"))
        start, done = only(events, TurnStart), only(events, MessageDone)
        assert store.message(start.user_message).text == "hello"
        assert done.text == "fine[31m"


class TestGroundedAnswers:
    async def test_an_answer_is_made_of_quotes_that_can_be_opened(self, make, store):
        index = FakeIndex()
        events = await collect(
            make(RuntimeError("no model"), index).turn(None, "Who painted the Mona Lisa?")
        )
        assert types(events) == [
            "turn.start", "browse", "retrieval", "browse", "browse",
            "message.delta", "citation", "message.done", "turn.end",
        ]  # fmt: skip
        done, citation = only(events, MessageDone), only(events, Citation)
        assert done.text == "Leonardo da Vinci painted the Mona Lisa about 1503. [1]"
        assert (done.grounding, done.model) == ("grounded", "")
        document = index.document(citation.document)
        assert document.text[citation.start : citation.end] == citation.quote
        [stored] = store.citations(done.message)
        assert stored.quote == citation.quote
        assert only(events, Retrieval).passages[0].title == "Mona Lisa"

    async def test_one_quote_with_two_sources_is_said_once(self, make):
        pages = {"A": "Water boils at hundred degrees.", "B": "Water boils at  hundred degrees."}
        events = await collect(make(None, FakeIndex(pages)).turn(None, "When boils water?"))
        assert only(events, MessageDone).text == "Water boils at hundred degrees. [1][2]"

    async def test_nothing_found_says_so_and_names_the_nearest(self, make):
        question = "Which distant kingdom remembers Leonardo beyond seventeen stormy winters?"
        done = only(await collect(make(None, FakeIndex()).turn(None, question)), MessageDone)
        assert done.grounding == "not_found"
        assert done.text == f"{NOT_FOUND} The nearest passages are in: Mona Lisa."

    async def test_nothing_near_is_said_plainly(self, make):
        done = only(
            await collect(make(None, FakeIndex()).turn(None, "Who was Zorro?")), MessageDone
        )
        assert done.text == NOT_FOUND

    async def test_a_statement_is_answered_by_the_model_where_no_source_knows_of_it(self, make):
        """It asked nothing, so "not found" would answer nothing."""
        index = FakeIndex()
        assistant = make(FakeGenerator("How nice!"), index)
        done = only(await collect(assistant.turn(None, "The sky is so green today.")), MessageDone)
        assert (done.text, done.grounding) == ("How nice!", "model")
        assert index.queries == ["The sky is so green today."]

    async def test_what_people_say_of_themselves_is_not_searched_for(self, make):
        index = FakeIndex()
        assistant = make(FakeGenerator("How nice!"), index)
        done = only(await collect(assistant.turn(None, "I live in Paris.")), MessageDone)
        assert (done.text, done.grounding, index.queries) == ("How nice!", "model", [])

    async def test_a_follow_up_is_searched_with_the_topic_before_it(self, make):
        index = FakeIndex()
        assistant = make(None, index)
        start = only(await collect(assistant.turn(None, "What is the Mona Lisa?")), TurnStart)
        events = await collect(assistant.turn(start.conversation, "and who painted it?"))
        assert index.queries[-1] == "Mona Lisa and who painted it?"
        assert only(events, MessageDone).grounding == "grounded"


class TestWithoutSources:
    async def test_switched_off(self, make):
        index = FakeIndex()
        assistant = make(FakeGenerator("Maybe."), index)
        assistant.options = type(assistant.options)(assistant.options.sampling, use_sources=False)
        done = only(await collect(assistant.turn(None, "Who painted it all?")), MessageDone)
        assert (done.text, done.grounding, index.queries) == ("Maybe.", "model", [])

    async def test_an_empty_index_is_mentioned_once(self, make):
        assistant = make(FakeGenerator("Maybe."), FakeIndex({}))
        first = await collect(assistant.turn(None, "Who painted the Mona Lisa?"))
        assert only(first, Warning).code == "index_empty"
        assert "chatapp index add" in only(first, Warning).hint
        assert only(first, MessageDone).grounding == "model"
        second = await collect(assistant.turn(None, "Who built the Kaaba?"))
        assert every(second, Warning) == []

    @pytest.mark.parametrize("when", ["open", "search"])
    async def test_a_broken_index_is_a_warning_and_the_chat_goes_on(self, make, when):
        error = OSError("the index is damaged")
        index = error if when == "open" else FakeIndex(search_error=error)
        events = await collect(make(FakeGenerator("Maybe."), index).turn(None, "Who was Leonardo?"))
        warning = only(events, Warning)
        assert warning.code == "index_unavailable"
        assert "the index is damaged" in warning.message
        assert warning.hint
        assert only(events, MessageDone).text == "Maybe."

    async def test_who_asked_for_sources_gets_no_answer_of_the_model_alone(self, make, store):
        index = FakeIndex(search_error=OSError("the database is out of reach"))
        generator = FakeGenerator("Maybe.")
        assistant = make(generator, index)
        here = store.create("Sources")
        assistant.sample(here.id, sources=True)
        events = await collect(assistant.turn(here.id, "Who was Leonardo?"))
        error = only(events, Error)
        assert error.code == "index_unavailable"
        assert "the database is out of reach" in error.message
        assert "switch sources off" in error.hint
        assert generator.params == []
        assert every(events, Warning) == []


class TestFailures:
    async def test_a_missing_model_is_an_error_with_the_fix_and_the_question_is_kept(
        self, make, store
    ):
        class ModelUnavailable(ValueError):
            """As the inference room raises it."""

        assistant = make(ModelUnavailable("There is no model in x. Run `chatapp train …`."))
        events = await collect(assistant.turn(None, "hello"))
        assert types(events) == ["turn.start", "error", "message.done", "turn.end"]
        error = only(events, Error)
        assert error.code == "model_unavailable"
        assert "chatapp train" in error.message
        assert only(events, TurnEnd).status == "error"
        question, answer = store.messages(only(events, TurnStart).conversation)
        assert (question.text, answer.status) == ("hello", "error")

    async def test_an_engine_that_breaks_keeps_what_it_said_and_shows_no_traceback(
        self, make, store, capfd
    ):
        events = await collect(
            make(FakeGenerator("one two three", fail_after=2)).turn(None, "hello")
        )
        assert only(events, Error).code == "internal"
        answer = store.message(only(events, MessageDone).message)
        assert (answer.text, answer.status) == ("one two ", "error")
        assert capfd.readouterr() == ("", "")

    async def test_a_prompt_of_a_megabyte_is_stored_and_refused_at_once(self, make, store):
        text = "word " * 210_000
        generator, index = FakeGenerator(), FakeIndex()
        assistant = make(generator, index)
        events = await collect(assistant.turn(None, text))
        error = only(events, Error)
        assert error.code == "prompt_too_long"
        assert f"{LONGEST_PROMPT:,}" in error.message
        start = only(events, TurnStart)
        assert store.message(start.user_message).text == text
        assert (generator.prompts, index.queries) == ([], [])
        after = await collect(assistant.turn(start.conversation, "hello"))
        assert only(after, TurnEnd).status == "ok"
        assert [m.content for m in generator.prompts[-1]] == ["hello"]

    async def test_a_prompt_beyond_the_window_says_by_how_much(self, make, store):
        events = await collect(make(FakeGenerator(context_length=20)).turn(None, "hello " * 50))
        error = only(events, Error)
        assert error.code == "context_overflow"
        assert "51" in error.message
        assert "20" in error.message
        assert store.message(only(events, TurnStart).user_message).text.startswith("hello")

    @pytest.mark.parametrize("text", ["", " \n", "\x00\x01", "\u200b"])
    async def test_a_question_without_a_character_is_not_stored(self, make, store, text):
        events = await collect(make().turn(None, text))
        assert types(events) == ["error", "turn.end"]
        assert only(events, Error).code == "empty_question"
        assert list(store.conversations()) == []

    async def test_an_unknown_conversation_ends_the_turn_with_an_error(self, make):
        events = await collect(make().turn("nowhere", "hello"))
        assert types(events) == ["error", "turn.end"]
        assert only(events, Error).code == "not_found"

    async def test_a_closed_store_ends_the_turn_with_a_storage_error(self, make, store):
        assistant = make()
        store.close()
        events = await collect(assistant.turn(None, "hello"))
        assert types(events) == ["error", "turn.end"]
        assert only(events, Error).code == "storage"

    async def test_a_second_turn_meanwhile_is_refused_and_the_first_goes_on(self, make):
        assistant = make(FakeGenerator("one two three", delay=0.01))
        first = assistant.turn(None, "hello")
        await anext(first)
        refused = await collect(assistant.turn(None, "hi"))
        assert only(refused, Error).code == "busy"
        assert only(await collect(first), MessageDone).text == "one two three"


class TestAgain:
    async def test_regenerate_answers_anew_and_keeps_both(self, make, store):
        generator = FakeGenerator("First.")
        assistant = make(generator)
        first = only(await collect(assistant.turn(None, "hello")), MessageDone)
        generator.reply = "Second."
        second = only(await collect(assistant.regenerate(first.message)), MessageDone)
        assert [m.text for m in store.siblings(second.message)] == ["First.", "Second."]
        assert [m.content for m in generator.prompts[-1]] == ["hello"]

    async def test_regenerate_of_a_question_answers_it(self, make, store):
        assistant = make(FakeGenerator("Yes."))
        start = only(await collect(assistant.turn(None, "hello")), TurnStart)
        again = only(await collect(assistant.regenerate(start.user_message)), MessageDone)
        assert len(store.siblings(again.message)) == 2

    async def test_continue_goes_on_where_the_answer_was_cut(self, make, store):
        assistant = make(FakeGenerator("one two three four"))
        assistant.sample(max_tokens=2)
        cut = only(await collect(assistant.turn(None, "hello")), MessageDone)
        assistant.sample(max_tokens=100)
        events = await collect(assistant.continue_(cut.message))
        assert [delta.text for delta in every(events, MessageDelta)] == ["three ", "four"]
        assert store.message(cut.message).text == "one two three four"
        assert len(store.siblings(cut.message)) == 1

    async def test_continue_of_an_answer_without_text_starts_over(self, make, store):
        class Missing(ValueError):
            """No model yet."""

        failed = only(await collect(make(Missing("none")).turn(None, "hello")), MessageDone)
        done = only(
            await collect(make(FakeGenerator("Now.")).continue_(failed.message)), MessageDone
        )
        assert (done.message, done.text) == (failed.message, "Now.")

    @pytest.mark.parametrize("verb", ["regenerate", "continue_"])
    async def test_an_unknown_message_is_an_error_event(self, make, verb):
        events = await collect(getattr(make(), verb)("nowhere"))
        assert types(events) == ["error", "turn.end"]
