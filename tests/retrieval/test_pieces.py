"""The encoder of word pieces gives their states in context, and notices damaged files."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from chatapp import resources
from retrieval.embedding.pieces import PieceEncoder
from retrieval.errors import EmbedderDamaged

TEXTS = [
    "My dog is called Rex.",
    "Which films did I like?",
    "Rain.",
    "The hound's name is Rex, too.",
]


@pytest.fixture(scope="module")
def encoder() -> PieceEncoder:
    """Return the shipped one."""
    return PieceEncoder.load(resources.pieces_dir())


def test_pieces_are_unit_vectors_with_the_characters_they_stand_for(encoder: PieceEncoder) -> None:
    read = encoder.read(TEXTS)
    for text, pieces in zip(TEXTS, read, strict=True):
        assert pieces.states.shape == (len(pieces.offsets), encoder.kept)
        assert np.allclose(np.linalg.norm(pieces.states, axis=1), 1, atol=1e-3)
        assert np.isclose(np.linalg.norm(pieces.mean), 1, atol=1e-3)
        assert "".join(text[a:b] for a, b in pieces.offsets) == text.replace(" ", "")


def test_a_piece_is_nearest_to_its_like_in_another_text(encoder: PieceEncoder) -> None:
    """The dog of one sentence is the hound of the other."""
    one, _, _, other = encoder.read(TEXTS)
    near = one.states[1] @ other.states.T
    start, end = other.offsets[int(near.argmax())]
    assert TEXTS[3][start:end] == "hound"


def test_a_text_is_read_alike_alone_and_among_others(encoder: PieceEncoder) -> None:
    alone = encoder.read(TEXTS[2:3])[0]
    among = encoder.read(TEXTS)[2]
    assert float(alone.mean @ among.mean) > 0.999


def test_an_empty_text_has_no_pieces_and_a_long_one_is_cut(encoder: PieceEncoder) -> None:
    empty, long = encoder.read(["", "word " * 1_000])
    assert empty.states.shape == (0, encoder.kept)
    assert len(long.states) == 254


@pytest.mark.parametrize("damage", ["model.safetensors", "tokenizer.json", "config.json"])
def test_a_damaged_file_is_named(damage: str, tmp_path: Path) -> None:
    copy = tmp_path / "recall"
    shutil.copytree(resources.pieces_dir(), copy)
    (copy / damage).write_bytes((copy / damage).read_bytes()[:-200])
    with pytest.raises(EmbedderDamaged, match=r"recall is damaged.*"):
        PieceEncoder.load(copy)
