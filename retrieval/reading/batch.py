"""Token arrays to padded batches, for training and use alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

from retrieval.reading.network import Side

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from retrieval.reading.words import Tokens

MOST_QUESTION = 40  # tokens
MOST_TITLE = 14
MOST_PASSAGE = 320


class Encoded(NamedTuple):
    """One side of one example as arrays (length, …), in the order of `network.Side`."""

    pieces: NDArray[np.int32]
    keys: NDArray[np.int32]
    stems: NDArray[np.int32]
    rarity: NDArray[np.float32]
    shapes: NDArray[np.uint8]
    sentences: NDArray[np.int32]
    sides: NDArray[np.uint8]

    def followed_by(self, other: Encoded) -> Encoded:
        """Return both, one after the other."""
        return Encoded(
            np.concatenate([self.pieces, other.pieces]),
            np.concatenate([self.keys, other.keys]),
            np.concatenate([self.stems, other.stems]),
            np.concatenate([self.rarity, other.rarity]),
            np.concatenate([self.shapes, other.shapes]),
            np.concatenate([self.sentences, other.sentences]),
            np.concatenate([self.sides, other.sides]),
        )


def encode_question(tokens: Tokens) -> Encoded:
    """Return a question's tokens, cut after 40."""
    return _side(tokens, 0, 0, MOST_QUESTION)


def encode_passage(title: Tokens, body: Tokens) -> tuple[Encoded, int]:
    """Return title and passage as one side, and at which of its tokens the passage starts."""
    head = _side(title, 1, 0, MOST_TITLE)
    tail = _side(body, 2, 1 if len(head.keys) else 0, MOST_PASSAGE)
    return head.followed_by(tail), len(head.keys)


def _side(tokens: Tokens, side: int, before: int, most: int) -> Encoded:
    length = min(most, len(tokens.keys))
    sentences = np.cumsum(tokens.opens[:length] > 0, dtype=np.int32) + before
    return Encoded(
        tokens.pieces[:length],
        tokens.keys[:length],
        tokens.stems[:length],
        tokens.rarity[:length],
        tokens.shapes[:length],
        np.maximum(sentences, 1),
        np.full(length, side, dtype=np.uint8),
    )


def collate(encoded: Sequence[Encoded]) -> Side:
    """Pad to the longest; an empty side becomes one token of padding."""
    longest = max(1, *(len(one.keys) for one in encoded))
    columns = []
    for field in range(len(Encoded._fields)):
        floating = Encoded._fields[field] == "rarity"
        rest = encoded[0][field].shape[1:]
        padded = np.zeros((len(encoded), longest, *rest), np.float32 if floating else np.int64)
        for number, one in enumerate(encoded):
            padded[number, : len(one.keys)] = one[field]
        columns.append(torch.from_numpy(padded))
    return Side(*columns)
