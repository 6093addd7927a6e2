"""The encoder against another's, and how question and passage become one line of pieces."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import BertConfig, BertModel

from retrieval.reading.batch import collate, encode_passage, encode_question
from retrieval.reading.encoder import Encoder
from retrieval.reading.network import ReaderNetwork, _line, asked_features
from retrieval.reading.train import starting
from retrieval.reading.words import BEGIN, END, Vocabulary
from tests.retrieval.reading.conftest import SHAPE


@pytest.fixture
def bert(tmp_path: Path) -> BertModel:
    """A small BERT with random weights, and its files."""
    torch.manual_seed(2)
    config = BertConfig(
        vocab_size=SHAPE.pieces,
        hidden_size=SHAPE.width,
        num_hidden_layers=SHAPE.layers,
        num_attention_heads=SHAPE.heads,
        intermediate_size=SHAPE.inner,
        max_position_embeddings=SHAPE.longest,
    )
    model = BertModel(config, add_pooling_layer=False).eval()
    model.save_pretrained(tmp_path / "bert")
    return model


@pytest.mark.parametrize("training", [False, True])
def test_the_encoder_gives_the_states_of_transformers(
    bert: BertModel, tmp_path: Path, *, training: bool
) -> None:
    """The same weights, padding included, give the same states, by either way of attending."""
    encoder = Encoder(SHAPE).train(training)
    starting.begin(encoder, tmp_path / "bert")
    ids = torch.randint(1, SHAPE.pieces, (3, 40))
    ids[1, 25:] = 0
    types = (torch.arange(40) > 12).long().expand(3, 40)
    with torch.inference_mode():
        ours = encoder(ids, types, None, 0.0)
        theirs = bert(ids, attention_mask=(ids > 0).long(), token_type_ids=types)[0]
    there = ids > 0
    assert torch.allclose(ours[there], theirs[there], atol=1e-5)


def test_question_and_passage_are_one_line_without_gaps(vocabulary: Vocabulary) -> None:
    """[CLS] question [SEP] passage [SEP], each word found again at its first piece."""
    question = collate([encode_question(vocabulary.encode(text)) for text in ("Who?", "the book")])
    bodies = [vocabulary.encode("orn was the king"), vocabulary.encode("she")]
    passage = collate([encode_passage(vocabulary.encode(""), body)[0] for body in bodies])
    line = _line(question, passage, SHAPE.longest)
    rows = [[piece for piece in row if piece] for row in line.ids.tolist()]
    pieces = [[p for word in body.pieces.tolist() for p in word if p] for body in bodies]
    assert rows[0][0] == BEGIN
    assert rows[0][-len(pieces[0]) - 2 :] == [END, *pieces[0], END]
    assert rows[1][-3:] == [END, *pieces[1], END]
    firsts = line.ids.gather(1, line.firsts)
    assert firsts[0].tolist() == [word[0] for word in bodies[0].pieces.tolist()]
    assert line.seen.tolist() == [[True] * 4, [True, False, False, False]]
    assert line.types[0].tolist() == [0] * (len(rows[0]) - len(pieces[0]) - 1) + [1] * (
        len(pieces[0]) + 1
    )


def test_the_question_is_told_which_of_its_words_are_missing(vocabulary: Vocabulary) -> None:
    """Said exactly, said with another ending, in the title, followed by its next word, absent."""
    question = collate([encode_question(vocabulary.encode("Who wrote the books of halm zorn?"))])
    body, title = vocabulary.encode("she wrote the book"), vocabulary.encode("halm")
    passage = collate([encode_passage(title, body)[0]])
    said, meant, titled, followed, absent, _, _ = asked_features(question, passage)[0].T.tolist()
    assert said == [0, 1, 1, 0, 0, 0, 0, 0]
    assert meant == [0, 1, 1, 1, 0, 0, 0, 0]
    assert titled == [0, 0, 0, 0, 0, 1, 0, 0]
    assert followed == [0, 1, 0, 0, 0, 0, 0, 0]
    assert absent == [0, 0, 0, 0, 0, 0, 1, 0]


def test_what_lies_beyond_the_line_cannot_answer(vocabulary: Vocabulary) -> None:
    """A passage of more pieces than the encoder reads loses its end, not its beginning."""
    torch.manual_seed(4)
    network = ReaderNetwork(SHAPE).eval()
    question = collate([encode_question(vocabulary.encode("Who wrote the book?"))])
    body = vocabulary.encode("abcdefghij " * 200)
    passage = collate([encode_passage(vocabulary.encode(""), body)[0]])
    with torch.inference_mode():
        judged = network(question, passage, torch.zeros(1, dtype=torch.long))
    held = judged.spans[0, :, 0] > -5_000
    assert held[:80].all()
    assert not held[100:].any()
