"""Typed parts, the model calls behind an answer, and what search finds in attachments."""

from __future__ import annotations

import pytest

from chatapp.conversations import NotFound, Outcome, Part, StoredCitation, Turn
from tests.conversations.helpers import say

CITATION = StoredCitation(1, "It is a cube.", "Kaaba", "file:k", "d1", "p1", 4, 17, 0.9)


class TestParts:
    def test_parts_are_read_in_the_order_they_came_citations_last(self, store):
        said = say(store, "What time is it?")
        call = Part("tool_call", {"id": "c1", "name": "clock", "arguments": {"zone": "UTC"}})
        result = Part("tool_result", {"id": "c1", "name": "clock", "text": "12:00"})
        store.add_parts(said.assistant.id, [Part("reasoning", {"text": "I need a clock."})])
        assert store.add_parts(said.assistant.id, [call, result]).result()[-1].n == 3
        store.finish(
            said.assistant.id, Outcome("Noon.", "complete", "stop", citations=(CITATION,))
        ).result()
        parts = store.parts(said.assistant.id)
        assert [part.kind for part in parts] == [
            "reasoning", "tool_call", "tool_result", "citation",
        ]  # fmt: skip
        assert parts[1].data == call.data
        assert parts[2].data == result.data
        assert parts[3].data["quote"] == "It is a cube."

    def test_a_part_with_a_number_replaces_the_one_that_has_it(self, store):
        said = say(store, "Read")
        for text in ("first platypus", "second echidna"):
            store.add_parts(said.user.id, [Part("attachment", {"text": text}, 1)]).result()
        assert [part.data["text"] for part in store.parts(said.user.id)] == ["second echidna"]
        assert store.search("platypus") == []
        assert len(store.search("echidna")) == 1

    def test_a_citation_is_a_part_like_any_other(self, store):
        said = say(store, "Who?")
        store.add_parts(said.assistant.id, [Part("citation", vars(CITATION))]).result()
        assert store.citations(said.assistant.id) == [CITATION]

    def test_parts_of_nothing_are_refused(self, store):
        with pytest.raises(NotFound, match="nowhere"):
            store.add_parts("nowhere", [Part("text", {"text": "x"})]).result()

    def test_attachments_stand_on_disk_with_the_question(self, store):
        file = Part("attachment", {"name": "a.md", "text": "# Heading"})
        started = store.begin_turn(None, "Sum up", attachments=[file]).result()
        assert store.parts(started.user.id) == [Part("attachment", file.data, 1)]


class TestFound:
    @pytest.mark.parametrize("words", ["wombats dig", "wombat", "obj.foo_bar(", "東京タワー"])
    def test_the_text_of_attachments_and_tool_results_is_found(self, store, words):
        """By words, by beginnings of words, as code, and in scripts without spaces."""
        text = "Where wombats dig: obj.foo_bar() 昨日は東京タワーに行きました"
        started = store.begin_turn(
            None, "See", attachments=[Part("attachment", {"name": "a", "text": text})]
        ).result()
        say(store, "Something else")
        [hit] = store.search(words)
        assert hit.message_id == started.user.id
        assert words.rstrip("s") in hit.snippet

    def test_a_message_that_matches_twice_is_one_hit(self, store):
        file = Part("attachment", {"text": "wombats"})
        store.begin_turn(None, "About wombats", attachments=[file]).result()
        assert len(store.search("wombats")) == 1

    def test_parts_are_gone_from_search_with_their_conversation(self, store, path):
        file = Part("attachment", {"name": "x", "text": "the secret platypus"})
        started = store.begin_turn(None, "See", attachments=[file]).result()
        store.finish(started.assistant.id, Outcome("Yes.", "complete", "stop")).result()
        store.delete(started.conversation.id)
        assert store.search("platypus") == []
        store.purge(started.conversation.id)
        assert b"platypus" not in path.read_bytes()


class TestTurns:
    def test_an_answer_of_a_model_has_one_turn_with_its_costs(self, store):
        started = store.begin_turn(None, "Hello").result()
        usage = {"prompt_tokens": 12, "completion_tokens": 3}
        outcome = Outcome("Hi.", "complete", "stop", model="m", seconds=0.5, usage=usage)
        store.finish(started.assistant.id, outcome).result()
        [turn] = store.turns(message_id=started.assistant.id)
        assert (turn.model, turn.prompt_tokens, turn.completion_tokens) == ("m", 12, 3)
        assert (turn.seconds, turn.finish_reason, turn.created_at > "2026") == (0.5, "stop", True)

    def test_a_tool_loop_and_a_continued_answer_have_several(self, store):
        started = store.begin_turn(None, "Hello").result()
        calls = tuple(
            Turn("m", 10 + n, 5, 0.1, 0.02, reason, {"seed": n, "temperature": 0.7})
            for n, reason in enumerate(("tool_calls", "stop"))
        )
        outcome = Outcome("Hi.", "interrupted", "interrupted", model="m", turns=calls)
        store.finish(started.assistant.id, outcome).result()
        store.finish(started.assistant.id, outcome).result()  # written again, nothing new happened
        store.reopen_answer(started.assistant.id).result()
        store.finish(started.assistant.id, Outcome("Hi!", "complete", "stop", model="n")).result()
        turns = store.turns(conversation_id=started.conversation.id)
        assert [turn.model for turn in turns] == ["m", "m", "n"]
        assert [turn.sampling for turn in turns[:2]] == [call.sampling for call in calls]
        assert turns[0].first_token_seconds == 0.02

    def test_an_answer_made_of_quotes_has_none(self, store):
        said = say(store, "Hello")
        assert store.turns(message_id=said.assistant.id) == []
