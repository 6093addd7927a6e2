"""Which written reply fits a message: the nearest one, in its context, and never one twice."""

from __future__ import annotations

import json
import lzma

import pytest

from chatapp import resources
from chatapp.talk import WrittenReplies, read_exchanges
from retrieval.embedding import load_embedder
from retrieval.embedding.pieces import PieceEncoder

TALKS = [
    ["Tell me a joke", "Why did the bicycle fall over? It was two tired.", "another one", "Nacho."],
    ["Give me a riddle", "What has keys but opens no door?", "another one", "What gets wet?"],
    ["tell me something funny", "I tried to write a joke about paper."],
    ["I miss my old home", "That can hurt. Where is home for you?"],
]


@pytest.fixture(scope="module")
def replies(tmp_path_factory: pytest.TempPathFactory) -> WrittenReplies:
    """Return the exchanges of `TALKS`, found with the shipped embedder and encoder."""
    file = tmp_path_factory.mktemp("talk") / "talk.jsonl.xz"
    with lzma.open(file, "wt", encoding="utf-8") as lines:
        for talk in TALKS:
            messages = [
                {"role": ("user", "assistant")[n % 2], "content": text}
                for n, text in enumerate(talk)
            ]
            lines.write(json.dumps({"messages": messages}) + "\n")
    words = load_embedder(resources.embedder_dir())
    assert words is not None
    return WrittenReplies(read_exchanges(file), words, PieceEncoder.load(resources.pieces_dir()))


def test_the_same_message_is_surely_like_itself(replies: WrittenReplies) -> None:
    """Its reply comes with a likeness of 1, in whatever letters it is typed."""
    found = replies.nearest("tell me a joke")
    assert found is not None
    assert found.text == TALKS[0][1]
    assert found.likeness == pytest.approx(1, abs=0.01)


def test_other_words_for_the_same_are_nearer_than_other_things(replies: WrittenReplies) -> None:
    """What means nearly the same is found; what is about something else is less like anything."""
    near, far = replies.nearest("i miss home"), replies.nearest("Who won the election of 1912?")
    assert near is not None
    assert far is not None
    assert near.text == TALKS[3][1]
    assert near.likeness > 0.65 > far.likeness


def test_a_reaction_depends_on_what_it_reacts_to(replies: WrittenReplies) -> None:
    """Another joke after a joke, another riddle after a riddle."""
    for talk in TALKS[:2]:
        found = replies.nearest("another one please", before=talk[1])
        assert found is not None
        assert found.text == talk[3]


def test_the_first_message_is_no_reaction(replies: WrittenReplies) -> None:
    """Without anything before it, "another one" is compared with what opens a conversation."""
    found = replies.nearest("another one")
    assert found is not None
    assert found.text in {talk[1] for talk in TALKS}


def test_what_was_said_is_not_said_again(replies: WrittenReplies) -> None:
    """The next best reply comes instead; none is left when all were said."""
    found = replies.nearest("tell me a joke", said=[TALKS[0][1]])
    assert found is not None
    assert found.text == TALKS[2][1]
    assert replies.nearest("tell me a joke", said=[reply for t in TALKS for reply in t]) is None


@pytest.mark.parametrize("message", ["", "  \n", "word " * 50], ids=["empty", "blank", "long"])
def test_nothing_fits_nothing_or_a_whole_page(replies: WrittenReplies, message: str) -> None:
    assert replies.nearest(message) is None


def test_the_shipped_exchanges_are_whole() -> None:
    """Every message has its reply, and none denies what somebody's own sources may know."""
    exchanges = read_exchanges(resources.talk_file())
    assert len(exchanges) > 10_000
    assert all(one.message.strip() and one.reply.strip() for one in exchanges)
    assert not any("I don't know" in one.reply for one in exchanges)
