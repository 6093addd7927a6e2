"""Earlier rounds are found by words, by meaning and by time, and only where that is allowed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from chatapp import resources
from chatapp.conversations import ConversationStore
from chatapp.memory.dates import interval_in
from chatapp.memory.likeness import Likeness
from chatapp.memory.memory import is_relevant
from chatapp.memory.recall import Recall
from chatapp.memory.scoring import BY_MEANING, PROBABILITIES
from chatapp.memory.types import Round
from retrieval.embedding import load_embedder
from tests.conversations.helpers import say
from tests.memory.conftest import Clock

NOW = datetime(2026, 3, 18, 15, tzinfo=UTC)  # a Wednesday


@pytest.fixture
def recall(store: ConversationStore) -> Recall:
    """Return a search with the shipped embedder."""
    return Recall(store, load_embedder(resources.embedder_dir()))


def found(recall: Recall, question: str, **options: object) -> list[str]:
    """Return the questions of the rounds found."""
    recall.index_new()
    return [r.question for r in recall.search(question, NOW, **options)]  # type: ignore[arg-type]


def test_a_round_is_found_by_its_words(store: ConversationStore, recall: Recall) -> None:
    say(store, "How do I prune a cherry tree?", "In late summer, with sharp tools.")
    say(store, "What is a good name for a boat?", "Call it Dolphin.")
    assert found(recall, "what did we say about the boat", limit=1) == [
        "What is a good name for a boat?"
    ]


def test_a_round_is_found_by_words_of_its_answer(store: ConversationStore, recall: Recall) -> None:
    say(store, "What should I cook?", "A risotto with saffron.")
    say(store, "What should I read?", "A novel.")
    assert found(recall, "which recipe had saffron", limit=1) == ["What should I cook?"]


def test_a_round_is_found_by_meaning_alone(store: ConversationStore, recall: Recall) -> None:
    say(store, "My physician prescribed antibiotics for the infection.")
    say(store, "The football match ended in a draw.")
    best = found(recall, "doctor medicine illness", limit=1, routes="meaning")
    assert best == ["My physician prescribed antibiotics for the infection."]


def test_a_date_in_the_question_nudges_rounds_of_that_time(
    store: ConversationStore, recall: Recall, clock: Clock
) -> None:
    clock.now = NOW - timedelta(days=60)
    say(store, "The budget is 500 euros.")
    clock.now = NOW - timedelta(days=8)
    say(store, "The budget is 900 euros.")
    assert found(recall, "what did I say about the budget last week")[0] == (
        "The budget is 900 euros."
    )
    assert found(recall, "what did I say about the budget in January")[0] == (
        "The budget is 500 euros."
    )


def test_private_and_deleted_conversations_are_not_recalled(
    store: ConversationStore, recall: Recall
) -> None:
    private = store.create("p", private=True)
    say(store, "The treasure is buried.", conversation=private.id)
    gone = say(store, "The treasure is golden.")
    store.delete(gone.conversation.id)
    assert found(recall, "treasure") == []


def test_a_deleted_message_is_recalled_once_it_is_back(
    store: ConversationStore, recall: Recall
) -> None:
    said = say(store, "The treasure is buried.", "In the garden.")
    store.delete_message(said.assistant.id)
    recall.index_new()
    assert [r.answer for r in recall.search("treasure", NOW)] == [""]
    store.delete_message(said.user.id)
    assert found(recall, "treasure") == []
    store.restore_message(said.user.id)
    assert found(recall, "treasure") == ["The treasure is buried."]


def test_rounds_the_model_sees_anyway_are_left_out(
    store: ConversationStore, recall: Recall
) -> None:
    asked = say(store, "Where is the treasure?")
    assert found(recall, "treasure", without={asked.user.id}) == []


def test_a_purged_round_is_gone_from_a_running_search(
    store: ConversationStore, recall: Recall
) -> None:
    started = say(store, "The treasure is buried.")
    assert found(recall, "treasure") == ["The treasure is buried."]
    store.purge(started.conversation.id)
    assert found(recall, "treasure") == []


def test_without_an_embedder_words_still_find(store: ConversationStore) -> None:
    say(store, "The treasure is buried.")
    assert found(Recall(store, None), "treasure") == ["The treasure is buried."]


@pytest.mark.parametrize("question", ["", "?", "the of and", '" OR NEAR(', "日本語", "🙂"])
def test_odd_questions_find_nothing_and_break_nothing(
    store: ConversationStore, recall: Recall, question: str
) -> None:
    say(store, "The treasure is buried.")
    assert found(recall, question, routes="words") == []


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("what did I ask yesterday", "2026-03-17", "2026-03-17"),
        ("last week", "2026-03-09", "2026-03-15"),
        ("on Monday", "2026-03-16", "2026-03-16"),
        ("in January", "2026-01-01", "2026-01-31"),
        ("in May", "2025-05-01", "2025-05-31"),
        ("on 3 March", "2026-03-03", "2026-03-03"),
        ("on March 3rd, 2024", "2024-03-03", "2024-03-03"),
        ("2025-12-24", "2025-12-24", "2025-12-24"),
        ("two weeks ago", "2026-03-01", "2026-03-07"),
        ("in 2024", "2024-01-01", "2024-12-31"),
        ("last month", "2026-02-01", "2026-02-28"),
    ],
)
def test_dates_are_read_as_intervals(text: str, first: str, last: str) -> None:
    interval = interval_in(text, NOW)
    assert interval is not None
    start, end = interval
    assert (start.date().isoformat(), (end - timedelta(seconds=1)).date().isoformat()) == (
        first,
        last,
    )


@pytest.mark.parametrize(
    "text",
    ["", "you may say so", "on 31 February", "march forward", "1234", "4500 years ago"],
)
def test_no_date_is_no_interval(text: str) -> None:
    assert interval_in(text, NOW) is None


def test_what_stands_out_is_relevant_and_one_among_many_alike_is_not() -> None:
    """Something is always nearest; only what towers over the rest was what is asked for."""
    likes = [_scored(0.45)] * 10
    assert is_relevant([_scored(0.7), *likes], BY_MEANING)
    assert not is_relevant([_scored(0.5), *likes], BY_MEANING)
    assert not is_relevant([], BY_MEANING)


def test_probabilities_of_what_is_shown_add_up_to_the_evidence() -> None:
    """What was said in three rounds alike is said all the same."""
    assert is_relevant([_scored(0.4), _scored(0.3), _scored(0.28), _scored(0.01)], PROBABILITIES)
    assert not is_relevant([_scored(0.4), _scored(0.1), _scored(0.1), _scored(0.1)], PROBABILITIES)


def test_a_round_without_any_asked_word_is_found_by_words_that_are_near(
    store: ConversationStore, recall: Recall
) -> None:
    """An oak is near a tree. Scores are probabilities, and "never said" has one too."""
    for number in range(30):
        say(store, f"We talked about match number {number} of the season.", "We won.")
    oak = say(store, "We planted an oak behind the house.", "How nice.")
    recall.index_new()
    found = recall.search("Which tree did I put into the garden?", NOW, limit=40)
    assert found[0].message_id == oak.user.id
    assert 0 < sum(each.score for each in found) < 1


def test_likeness_counts_the_nearest_word_and_rare_ones_more() -> None:
    embedder = load_embedder(resources.embedder_dir())
    assert embedder is not None
    likeness = Likeness(embedder)
    texts = ["an oak grows there", "they play football", "", "a tree"]
    oak, football, empty, tree = likeness.shares(["tree"], [1.0], texts)
    assert tree > 0.99
    assert oak > football + 0.1
    assert empty == 0
    rare, common = likeness.shares(["oak", "football"], [9.0, 1.0], ["oak", "football"])
    assert rare > common
    assert list(likeness.shares([], [], texts)) == [0, 0, 0, 0]
    assert list(likeness.shares(["tree"], [1.0], ["", "…"])) == [0, 0]


def _scored(score: float) -> Round:
    return Round("id", "conversation", "title", "2026-03-01", "What?", "That.", score, 1)


def test_rounds_are_embedded_anew_when_vectors_of_another_kind_lie_there(
    store: ConversationStore, recall: Recall
) -> None:
    """A file from before, whose vectors held the round only, is brought up to date."""
    said = say(store, "My physician prescribed an ointment.", "I see.")
    recall.index_new()
    store.write(
        lambda db: db.execute("update round_vectors set embedder = 'other', vector = x'00'")
    )
    again = Recall(store, load_embedder(resources.embedder_dir()))
    assert again.index_new() == 1
    assert [r.message_id for r in again.search("which doctor's cream", NOW)] == [said.user.id]
