"""Search over everything that was said: filters, order, snippets, and bounded work."""

from __future__ import annotations

import pytest

from chatapp.conversations import ConversationStore, Outcome, SearchFilters, searching
from chatapp.conversations.snippets import snippet
from tests.conversations.helpers import say


def found(store: ConversationStore, text: str, **filters: object) -> list[str]:
    """Return the ids of the conversations with hits."""
    hits = store.search(text, 100, filters=SearchFilters(**filters))
    return sorted({hit.conversation_id for hit in hits})


class TestFilters:
    @pytest.fixture
    def two(self, store) -> tuple[str, str]:
        """Return two conversations about whales, the first tagged and pinned."""
        first = say(store, "Do whales sing?", "Whales sing.").conversation.id
        started = store.begin_turn(None, "Do whales sleep?").result()
        store.finish(
            started.assistant.id, Outcome("Whales sleep.", "complete", "stop", "grounded")
        ).result()
        store.tag(first, "sea")
        store.organise(first, pinned=True)
        return first, started.conversation.id

    def test_each_filter_leaves_what_it_names(self, store, two):
        first, second = two
        assert found(store, "whales") == sorted(two)
        assert found(store, "whales", conversation_id=second) == [second]
        assert found(store, "whales", tag="sea") == [first]
        assert found(store, "whales", pinned=True) == [first]
        assert found(store, "whales", pinned=False) == [second]
        assert found(store, "whales", grounding="grounded") == [second]
        assert found(store, "whales", tag="desert") == []
        assert len(store.search("whales", filters=SearchFilters(role="user"))) == 2

    def test_archived_ones_are_found_unless_left_out(self, store, two):
        store.organise(two[1], archived=True)
        assert found(store, "whales") == sorted(two)
        assert found(store, "whales", archived=True) == [two[1]]
        assert found(store, "whales", archived=False) == [two[0]]

    def test_days_are_from_and_before(self, store, two):
        day = store.conversation(two[0]).created_at[:10]
        assert found(store, "whales", since=day) == sorted(two)
        assert found(store, "whales", until=day) == []
        assert found(store, "whales", since="2999-01-01") == []

    def test_a_very_common_word_is_found_in_an_old_conversation(self, store, two, monkeypatch):
        """Though the newest matches of the whole history lie elsewhere."""
        monkeypatch.setattr(searching, "MOST_RANKED", 3)
        for number in range(9):
            say(store, f"Whales again {number}")
        assert found(store, "whales", conversation_id=two[0]) == [two[0]]
        assert found(store, "whales", tag="sea") == [two[0]]


class TestOrder:
    def test_a_short_message_about_it_comes_before_a_long_one_that_mentions_it(self, store):
        say(store, "Other things " * 50 + "and a platypus", "Hm")
        said = say(store, "The platypus", "Hm")
        say(store, "More " * 80 + "platypus", "Hm")
        assert store.search("platypus")[0].message_id == said.user.id

    def test_whole_words_come_before_words_that_only_begin_so(self, store):
        begins = say(store, "A catalogue", "Hm")
        whole = say(store, "The cat", "Hm")
        say(store, "Concatenate", "Hm")
        assert [hit.message_id for hit in store.search("cat")] == [whole.user.id, begins.user.id]

    def test_of_too_many_matches_the_newest_are_shown(self, store, monkeypatch):
        monkeypatch.setattr(searching, "MOST_RANKED", 5)
        ids = [say(store, f"Again {number}", "Hm").user.id for number in range(9)]
        assert [hit.message_id for hit in store.search("again", 5)] == ids[:3:-1]

    def test_a_word_too_short_for_the_index_is_looked_for_everywhere(self, store):
        said = say(store, "我住在北京", "Hm")
        assert [hit.message_id for hit in store.search("北京")] == [said.user.id]


class TestSnippets:
    def test_the_part_with_most_of_the_words_is_shown(self):
        text = "red " + "filler " * 60 + "the red house by the sea " + "filler " * 60
        shown = snippet(text, ["red", "house"])
        assert "red house" in shown
        assert len(shown) <= 162
        assert shown.startswith("…")
        assert shown.endswith("…")

    def test_accents_do_not_hide_it(self):
        assert "Café" in snippet("x " * 500 + "Café Müller", ["cafe"])

    def test_a_text_of_megabytes_and_one_without_the_words_show_their_beginning(self):
        assert snippet("word " * 1_000_000, ["nothing"]).startswith("word word")
        assert snippet("", ["x"]) == ""
