"""Rounds read in context: found in other words, kept in step with the store, forgotten with it."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime

import pytest

from chatapp import resources
from chatapp.conversations import ConversationStore
from chatapp.memory import Memory
from chatapp.memory.background import Background
from chatapp.memory.contexts import Contexts
from chatapp.memory.forgetting import forget
from chatapp.memory.memory import READ_AT_ONCE
from chatapp.memory.profile import Profile
from chatapp.memory.recall import Recall
from retrieval.embedding import load_embedder
from retrieval.embedding.pieces import PieceEncoder
from tests.conversations.helpers import say

NOW = datetime(2026, 3, 18, 15, tzinfo=UTC)


@pytest.fixture(scope="module")
def encoder() -> PieceEncoder:
    """Return the shipped one."""
    return PieceEncoder.load(resources.pieces_dir())


@pytest.fixture
def recall(store: ConversationStore, encoder: PieceEncoder) -> Recall:
    return Recall(store, load_embedder(resources.embedder_dir()), encoder)


def read_all(recall: Recall) -> int:
    """Bring both kinds of vectors up to date; return how many rounds were read in context."""
    recall.index_new()
    assert recall.contexts is not None
    return recall.contexts.read_new(1_000)


def until_all_read(contexts: Contexts, seconds: float = 20) -> None:
    """Wait for the background."""
    end = time.monotonic() + seconds
    while contexts.waiting(1):
        assert time.monotonic() < end, "rounds are still not read"
        time.sleep(0.02)


def stored(store: ConversationStore) -> list[tuple[str, int]]:
    """Return what vectors were made by, and their sizes."""
    query = "select embedder, length(vector) from round_vectors order by key"
    return store.read(lambda db: [tuple(row) for row in db.execute(query)])


def test_a_round_is_found_in_quite_other_words(store: ConversationStore, recall: Recall) -> None:
    """No word of the question is in the round, and its words are near those of another."""
    for number in range(20):
        say(store, f"Match number {number} was won by the guests.", "What a game.")
    asked = say(store, "I can't sleep because the neighbours party all night.", "Talk to them.")
    say(store, "My neighbours have a noisy old car.", "I see.")
    assert read_all(recall) == 22
    found = recall.search("Why was I so tired, what kept me awake?", NOW)
    assert found[0].message_id == asked.user.id
    assert 0 < sum(each.score for each in found) < 1


def test_only_the_conversation_that_is_asked_for_is_searched(
    store: ConversationStore, recall: Recall
) -> None:
    say(store, "The treasure is buried in the garden.")
    other = say(store, "The treasure is golden.")
    read_all(recall)
    found = recall.search("treasure", NOW, conversation=other.conversation.id)
    assert [each.message_id for each in found] == [other.user.id]


def test_until_all_rounds_are_read_words_decide(store: ConversationStore, recall: Recall) -> None:
    """A new round takes recall back to words, and reading it brings it forward again."""
    say(store, "The treasure is buried.")
    read_all(recall)
    assert recall.contexts is not None
    assert recall.contexts.complete
    new = say(store, "The ship is called Dolphin.")
    recall.index_new()
    assert not recall.contexts.complete
    assert recall.contexts.waiting(10) == 1
    assert [r.message_id for r in recall.search("ship", NOW, limit=1)] == [new.user.id]
    assert recall.contexts.read_new(10) == 1
    assert [r.message_id for r in recall.search("ship", NOW, limit=1)] == [new.user.id]


def test_vectors_of_words_stay_as_they_were(store: ConversationStore, recall: Recall) -> None:
    """Without the encoder nothing is embedded anew, and another encoder reads all anew."""
    say(store, "My physician prescribed an ointment.", "I see.")
    recall.index_new()
    (made_by, size), *_ = stored(store)
    read_all(recall)
    (grown_by, grown), *_ = stored(store)
    assert grown_by.startswith(made_by)
    assert grown > size + 384
    without = Recall(store, load_embedder(resources.embedder_dir()))
    assert without.index_new() == 0
    assert len(without.search("which doctor's cream", NOW)) == 1
    store.write(lambda db: db.execute("update round_vectors set embedder = embedder || '-old'"))
    assert read_all(recall) == 1
    assert stored(store) == [(grown_by, grown)]


def test_a_round_that_changed_is_read_again(store: ConversationStore, recall: Recall) -> None:
    """A redaction drops the row; what stands in the round now is found, among newer ones too."""
    said = say(store, "The secret word is swordfish.", "Understood.")
    say(store, "I had soup for lunch.", "Nice.")
    read_all(recall)
    recall.search("soup", NOW)
    store.write(lambda db: db.execute("delete from round_vectors where key = 1"))
    store.write(
        lambda db: db.execute("update messages set text = 'We sailed to Crete.' where key = 1")
    )
    assert read_all(recall) == 1
    best = recall.search("On which island were we?", NOW)[0]
    assert best.message_id == said.user.id
    assert best.question == "We sailed to Crete."


def test_forgetting_takes_the_states_of_the_words_along(
    store: ConversationStore, recall: Recall
) -> None:
    """What was read of a statement cannot be used to find it again."""
    profile = Profile(store)
    said = say(store, "I live in Lisbon.", "Noted.")
    profile.learn(said.user)
    read_all(recall)
    before = store.read(lambda db: db.execute("select vector from round_vectors").fetchone()[0])
    store.empty_log()
    assert store.path is not None
    assert before[512:] in store.path.read_bytes()
    forget(store, profile.facts()[0].id)
    assert before[512 + 386 :][:64] not in store.path.read_bytes()
    read_all(recall)
    assert all("Lisbon" not in found.question for found in recall.search("Where do I live?", NOW))


def test_a_deleted_answer_takes_its_states_along(store: ConversationStore, recall: Recall) -> None:
    """The round is read anew, without the answer."""
    said = say(store, "What do they eat?", "Eucalyptus leaves.")
    read_all(recall)
    with_answer = stored(store)[0][1]
    store.purge_message(said.assistant.id)
    assert stored(store) == []
    read_all(recall)
    assert stored(store)[0][1] < with_answer


def test_a_little_is_read_at_once_and_much_in_the_background(
    store: ConversationStore, encoder: PieceEncoder
) -> None:
    """A file full of old rounds keeps nobody waiting, and is read in the end."""
    memory = Memory(store, lambda: load_embedder(resources.embedder_dir()), lambda: encoder)
    for number in range(READ_AT_ONCE):
        say(store, f"Match {number} was won by the guests.")
    memory.reply("What did I say about the match?", NOW)
    contexts = memory.recall.contexts
    assert contexts is not None
    assert contexts.complete
    for number in range(READ_AT_ONCE + 1):
        say(store, f"Race {number} was won by the host.")
    memory.reply("What did I say about the race?", NOW)
    until_all_read(contexts)
    memory.close()
    assert len(stored(store)) == 2 * READ_AT_ONCE + 1
    assert len({made_by for made_by, _ in stored(store)}) == 1


def test_asking_again_does_not_recall_the_asking(
    store: ConversationStore, encoder: PieceEncoder
) -> None:
    """A question about what was said is near itself, and is not what was said."""
    memory = Memory(store, lambda: load_embedder(resources.embedder_dir()), lambda: encoder)
    said = say(store, "I can't sleep because the neighbours party all night.", "Try earplugs.")
    question = "What did I say about sleep?"
    for _ in range(3):
        say(store, question, "You wrote: I can't sleep.")
    reply = memory.reply(question, NOW)
    assert reply is not None
    assert "neighbours" in reply.text
    assert {found.message_id for found in reply.rounds} <= {said.user.id}


def test_closing_stops_the_background_for_good(store: ConversationStore, recall: Recall) -> None:
    for number in range(40):
        say(store, f"Match {number} was won by the guests.")
    recall.index_new()
    assert recall.contexts is not None
    background = Background(recall.contexts)
    background.begin()
    background.close()
    left = recall.contexts.waiting(100)
    assert left >= 40 - 16
    background.begin()
    assert not any(each.name == "chatapp-recall" for each in threading.enumerate())


def test_a_command_that_is_done_reads_on_for_a_moment(
    store: ConversationStore, encoder: PieceEncoder
) -> None:
    """Many rounds are read by the end of one question, and no more time is taken than was given."""
    memory = Memory(store, lambda: load_embedder(resources.embedder_dir()), lambda: encoder)
    memory.read_on(60)  # nothing waits: no time is taken
    for number in range(10 * READ_AT_ONCE):
        say(store, f"Race {number} was won by the host.")
    memory.reply("What did I say about the race?", NOW)
    contexts = memory.recall.contexts
    assert contexts is not None
    assert not contexts.complete
    began = time.monotonic()
    memory.read_on(0.0)
    assert time.monotonic() - began < 1
    assert not contexts.complete
    memory.read_on(60)
    assert contexts.complete
    memory.close()


@pytest.mark.parametrize("question", ["", "?", "the of and", '" OR NEAR(', "日本語", "🙂"])
def test_odd_questions_break_nothing(
    store: ConversationStore, recall: Recall, question: str
) -> None:
    assert recall.search(question, NOW) == []
    say(store, "🙂", "…")
    say(store, "日本語で話しましょう。")
    read_all(recall)
    assert len(recall.search(question, NOW)) <= 2
