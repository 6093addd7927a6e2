"""Bits per byte: compression of the validation text, comparable across tokenizers.

The sum of the negative log-likelihoods of all text tokens divided by the bytes those tokens
spell. Special tokens are read as context but not counted, as they spell nothing.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from chatapp.model.gpt import GPT
from chatapp.model.tokenizer import ChatTokenizer


def windows(tokens: npt.NDArray[np.uint16], sequence: int) -> npt.NDArray[np.int64]:
    """Cut into rows of `sequence + 1`, each starting with the last token of the row before."""
    count = (len(tokens) - 1) // sequence
    starts = np.arange(count)[:, None] * sequence
    rows: npt.NDArray[np.uint16] = tokens[starts + np.arange(sequence + 1)]
    return rows.astype(np.int64)


def model_bits_per_byte(
    model: GPT, tokenizer: ChatTokenizer, tokens: npt.NDArray[np.uint16], sequence: int
) -> float:
    """Return the bits per byte of a model on `tokens`, read in independent windows.

    Args:
        tokens: ids of the validation documents, shape (N,); a tail shorter than a window is left.
        sequence: window length in tokens.
    """
    device = model.embedding.weight.device
    rows = torch.from_numpy(windows(tokens, sequence)).to(device)
    lengths = torch.tensor(tokenizer.byte_lengths(), device=device)
    bits, text_bytes = 0.0, 0
    with torch.no_grad():
        for part in torch.split(rows, 8):
            targets = part[:, 1:]
            losses = functional.cross_entropy(
                model(part[:, :-1]).flatten(0, 1), targets.flatten(), reduction="none"
            )
            counted = lengths[targets.flatten()]
            bits += losses[counted > 0].double().sum().item() / math.log(2)
            text_bytes += int(counted.sum())
    return bits / text_bytes
