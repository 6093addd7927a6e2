"""What the encoder of recall is taught by is the score that recall gives, and it learns by it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import torch
from tokenizers import Tokenizer

from chatapp import resources
from chatapp.conversations import ConversationStore
from chatapp.memory.contexts import Contexts
from chatapp.memory.recall import Recall
from chatapp.memory.scoring import HELD, LENGTH, NEAR
from chatapp.memory.teaching.asked import Preparer, Question, other_rounds, read_asked
from chatapp.memory.teaching.matching import Matcher, learn, look_alikes
from chatapp.memory.weighing import Weighing
from retrieval.embedding import load_embedder
from retrieval.embedding.pieces import TOKENIZER_NAME, TURN, WEIGHTS_NAME, PieceEncoder
from retrieval.reading.encoder import Encoder, Shape
from retrieval.reading.files import read_weights
from tests.conversations.helpers import say

NOW = datetime(2026, 3, 18, 15, tzinfo=UTC)
ROUNDS = [
    ("I can't sleep because the neighbours party all night.", "Talk to them."),
    ("My sister plays the cello in an orchestra.", "Lovely."),
    ("We saw a film about a doll last week.", "Was it scary?"),
]
QUESTION = "Why was I so tired, what kept me awake?"


def tokenizer() -> Tokenizer:
    """Return the shipped one, as the teaching uses it."""
    loaded = Tokenizer.from_file(str(resources.pieces_dir() / TOKENIZER_NAME))
    loaded.no_padding()
    return loaded


def test_the_score_is_that_of_recall(store: ConversationStore) -> None:
    """Of the shipped encoder: what is stored in int8 costs a little."""
    for said, answered in ROUNDS:
        say(store, said, answered)
    recall = Recall(
        store,
        load_embedder(resources.embedder_dir()),
        PieceEncoder.load(resources.pieces_dir()),
    )
    recall.index_new()
    contexts = recall.contexts
    assert isinstance(contexts, Contexts)
    contexts.read_new(10)
    weighing = Weighing()
    terms = weighing.terms(QUESTION)
    weights = [3.0 + number for number in range(len(terms))]
    asked = contexts.ask(QUESTION, terms, weights, weighing)
    keys = store.read(lambda db: [row[0] for row in db.execute("select key from round_vectors")])
    near = contexts.likenesses(asked, keys)
    weighed = [weighing.weigh(terms, weights, *pair) for pair in ROUNDS]
    expected = [
        HELD * words.held
        - LENGTH * words.length
        + sum(weight * getattr(near, name)[row] for name, weight in NEAR._asdict().items())
        for row, words in enumerate(weighed)
    ]

    shape = json.loads((resources.pieces_dir() / "config.json").read_text("utf-8"))["shape"]
    stored = read_weights(resources.pieces_dir() / WEIGHTS_NAME)
    turn = stored.pop(TURN)
    encoder = Encoder(Shape(**shape))
    encoder.load_state_dict(stored)
    matcher = Matcher(encoder, turn.float()).eval()
    prepare = Preparer(tokenizer(), ROUNDS)
    question = Question(tokenizer().encode(QUESTION).ids, terms, weights, asked.every, asked.terms)
    rounds = [prepare.round(pair) for pair in ROUNDS]
    with torch.inference_mode():
        scores = matcher.scores([question], matcher.read([question]), rounds, matcher.read(rounds))
    assert torch.allclose(scores[0], torch.tensor(expected, dtype=torch.float32), atol=0.3)


def test_learning_brings_the_round_asked_for_to_the_front() -> None:
    """An encoder that knows nothing learns which of many rounds a question is about."""
    torch.manual_seed(0)
    things = ["cello", "doll", "garden", "boat", "soup", "exam", "snow", "tooth"]
    other = ["violin", "puppet", "lawn", "ship", "broth", "test", "ice", "dentist"]
    pairs = [(f"I told you of my {thing}.", "I see.") for thing in things]
    prepare = Preparer(tokenizer(), pairs)
    questions = [prepare.question(f"What did I say of the {thing}?") for thing in other]
    rounds = [prepare.round(pair) for pair in pairs]
    shape = Shape(pieces=30_522, width=24, heads=2, inner=48, layers=1, longest=64)
    matcher = Matcher(Encoder(shape), torch.randn(24, 8))

    def right() -> int:
        """Return how many questions have their own round before all others."""
        with torch.inference_mode():
            matcher.eval()
            scores = matcher.scores(
                questions, matcher.read(questions), rounds, matcher.read(rounds)
            )
        return int((scores.argmax(1) == torch.arange(len(questions))).sum())

    before = right()
    learn(matcher, questions, rounds, steps=200, rate=1e-3, batch=8, seed=0)
    assert before < 6 < right()
    assert all(
        place != row
        for row, best in enumerate(look_alikes(matcher, questions, rounds))
        for place in best[:-1]
    )


def test_dialogues_that_measure_are_left_out(tmp_path: Path) -> None:
    """By their names; what was said is kept with what was answered."""
    talk = [{"role": "user", "content": "Hi."}, {"role": "assistant", "content": "Hello."}]
    for name in ("self-dialogue", "topical-chat"):
        lines = [json.dumps({"id": number, "messages": talk}) for number in range(3)]
        (tmp_path / f"{name}.jsonl").write_text("\n".join(lines) + "\n")
    assert len(other_rounds(tmp_path, set(), 10, 0)) == 6
    assert other_rounds(tmp_path, {"self-dialogue/0"}, 10, 0) == [("Hi.", "Hello.")] * 5
    row = {"question": "Who?", "user": "Me.", "assistant": "You.", "source": "self-dialogue/1"}
    (tmp_path / "asked.jsonl").write_text(json.dumps(row) + "\n")
    [asked] = read_asked(tmp_path / "asked.jsonl")
    assert (asked.question, asked.round, asked.source) == (
        "Who?",
        ("Me.", "You."),
        "self-dialogue/1",
    )
