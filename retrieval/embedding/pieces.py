"""Texts to the states of their word pieces, each in its context: what late interaction compares.

ColBERT (Khattab and Zaharia 2020) matches every piece of a question with its nearest piece in a
text. The encoder is that of all-MiniLM-L6-v2, as `retrieval.reading.encoder` writes it down. The
thing to know: pieces are kept in a few dimensions, in which the states of dialogue vary most;
`python -m chatapp.memory.teaching` makes the files, int8 with a scale a row.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from retrieval.embedding.encoder import batches, quickest_dtype
from retrieval.embedding.protocol import CONFIG_NAME
from retrieval.errors import EmbedderDamaged

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray
    from tokenizers import Encoding, Tokenizer

    from retrieval.reading.encoder import Encoder, Shape

TOKENIZER_NAME = "tokenizer.json"
WEIGHTS_NAME = "model.safetensors"
TURN = "turn"  # the tensor that brings a state into fewer dimensions
_LONGEST = 256  # pieces of a text, its two marks among them


class Pieces(NamedTuple):
    """A text as it was read.

    Attributes:
        mean: (width,) float32, the mean of all states, unit length.
        states: (pieces, kept) float32, unit rows, without the marks at both ends.
        offsets: (pieces, 2), the characters that each piece stands for.
    """

    mean: NDArray[np.float32]
    states: NDArray[np.float32]
    offsets: NDArray[np.int64]


class PieceEncoder:
    """`width` is that of a mean, `kept` that of a piece; `id` names the exact weights.

    Safe to use from several threads.
    """

    def __init__(
        self, name: str, encoder: Encoder, tokenizer: Tokenizer, turn: torch.Tensor
    ) -> None:
        """Use `load`; `turn` is (width, kept)."""
        self.id = name
        self.width, self.kept = (int(size) for size in turn.shape)
        self._encoder, self._tokenizer, self._turn = encoder, tokenizer, turn
        tokenizer.enable_truncation(_LONGEST)  # here: a tokenizer in use must not be changed
        tokenizer.no_padding()

    @classmethod
    def load(cls, directory: Path) -> PieceEncoder:
        """Load from the three files that `save` wrote.

        Raises:
            EmbedderDamaged: a file is missing, damaged, or not the one that `config.json` names.
        """
        from tokenizers import Tokenizer

        from retrieval.reading.encoder import Encoder, Shape
        from retrieval.reading.files import checked_config, read_weights

        try:
            config = checked_config(directory)
            tokenizer = Tokenizer.from_file(str(directory / TOKENIZER_NAME))
            weights = read_weights(directory / WEIGHTS_NAME)
            turn = weights.pop(TURN)
            encoder = Encoder(Shape(**config["shape"]))
            encoder.load_state_dict(weights)
        except Exception as error:
            raise EmbedderDamaged(
                f"the encoder in {directory} is damaged: {error}",
                "restore the directory from the project's release",
            ) from error
        name = f"pieces-{config['sha256'][WEIGHTS_NAME][:12]}"
        return cls(name, encoder.eval().to(quickest_dtype()), tokenizer, turn)

    def read(self, texts: Sequence[str]) -> list[Pieces]:
        """Read every text, of a long one its first 256 pieces."""
        import torch

        encoded = self._tokenizer.encode_batch(list(texts))
        order = sorted(range(len(encoded)), key=lambda number: len(encoded[number].ids))
        result: dict[int, Pieces] = {}
        with torch.inference_mode():
            for batch in batches(order, [len(one.ids) for one in encoded]):
                read = self._read([encoded[number] for number in batch])
                result.update(zip(batch, read, strict=True))
        return [result[number] for number in range(len(encoded))]

    def _read(self, batch: Sequence[Encoding]) -> list[Pieces]:
        import numpy as np
        import torch
        from torch.nn import functional

        ids = torch.zeros(len(batch), len(batch[-1].ids), dtype=torch.long)
        for row, one in enumerate(batch):
            ids[row, : len(one.ids)] = torch.tensor(one.ids)
        states = self._encoder(ids, torch.zeros_like(ids), None, 0.0).float()
        turned = functional.normalize(states @ self._turn, dim=-1)
        return [
            Pieces(
                functional.normalize(states[row, : len(one.ids)].mean(0), dim=0).numpy(),
                turned[row, 1 : len(one.ids) - 1].numpy().copy(),
                np.array(one.offsets[1:-1], np.int64).reshape(-1, 2),
            )
            for row, one in enumerate(batch)
        ]


def save(
    encoder: Encoder, shape: Shape, tokenizer: bytes, turn: torch.Tensor, directory: Path
) -> None:
    """Write an encoder as it ships: its matrices int8, all else float16."""
    from safetensors.torch import save_file

    from retrieval.reading.files import SCALES, quantise, sha256

    directory.mkdir(parents=True, exist_ok=True)
    (directory / TOKENIZER_NAME).write_bytes(tokenizer)
    weights: dict[str, torch.Tensor] = {TURN: turn.half().contiguous()}
    for name, value in encoder.state_dict().items():
        if value.ndim == 2:
            weights[name], weights[name + SCALES] = quantise(value)
        else:
            weights[name] = value.half().contiguous()
    save_file(weights, directory / WEIGHTS_NAME)
    sums = {name: sha256(directory / name) for name in (TOKENIZER_NAME, WEIGHTS_NAME)}
    config = {"kind": "pieces", "shape": asdict(shape), "sha256": sums}
    (directory / CONFIG_NAME).write_text(json.dumps(config, indent=2) + "\n")
