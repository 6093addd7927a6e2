"""Tokenised data on disk, and batches out of it that depend on the step number alone.

A shard is a flat array of token ids with the documents' offsets (and, for chats, which tokens are
trained). `PackedBatches` lays the documents of each epoch end to end in a fresh random order and
cuts the result into sequences, so no token is thrown away but an epoch's last few, and any step's
batch can be computed directly: resuming needs no reader state.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from chatapp.model.checkpoint import write_atomically
from chatapp.model.tokenizer import ChatTokenizer
from chatapp.training.objectives import IGNORED, Batch
from chatapp.training.records import ChatRecord, TextRecord
from chatapp.training.tables import RecipeError


@dataclass(frozen=True)
class Shard:
    """Token ids of many documents. `offsets[i]:offsets[i + 1]` is document i.

    `tokens` is uint16 (N,), `trained` bool (N,) or None when every token is trained, `text_bytes`
    the UTF-8 bytes the tokens spell.
    """

    tokens: npt.NDArray[np.uint16]
    offsets: npt.NDArray[np.int64]
    trained: npt.NDArray[np.bool_] | None
    text_bytes: int

    def save(self, directory: Path, tokenizer: str) -> None:
        """Write the arrays; `shard.json` comes last and marks the shard complete.

        Args:
            tokenizer: fingerprint of the tokenizer whose ids these are.
        """
        directory.mkdir(parents=True, exist_ok=True)
        np.save(directory / "tokens.npy", self.tokens)
        np.save(directory / "offsets.npy", self.offsets)
        if self.trained is not None:
            np.save(directory / "trained.npy", self.trained)
        summary = {
            "documents": len(self.offsets) - 1,
            "tokens": len(self.tokens),
            "text_bytes": self.text_bytes,
            "tokenizer": tokenizer,
            "sha256": hashlib.sha256(self.tokens.tobytes()).hexdigest(),
        }
        write_atomically(directory / "shard.json", json.dumps(summary, indent=2) + "\n")

    @classmethod
    def load(cls, directory: Path, tokenizer: str) -> Shard | None:
        """Map a shard from disk, or return None when there is no complete one.

        Raises:
            RecipeError: its tokens are those of another tokenizer than the one of the fingerprint
                `tokenizer`.
        """
        if not (directory / "shard.json").is_file():
            return None
        summary = json.loads((directory / "shard.json").read_text(encoding="utf-8"))
        if summary["tokenizer"] != tokenizer:
            raise RecipeError(
                f"{directory} was made with another tokenizer than tokenizer.json beside it; "
                f"restore that file, or delete {directory.parent} to tokenise anew"
            )
        trained = directory / "trained.npy"
        return cls(
            np.load(directory / "tokens.npy", mmap_mode="r"),
            np.load(directory / "offsets.npy"),
            np.load(trained, mmap_mode="r") if trained.is_file() else None,
            summary["text_bytes"],
        )


class ShardWriter:
    """Collects tokenised documents into a `Shard`."""

    def __init__(self) -> None:
        self._tokens: list[npt.NDArray[np.uint16]] = []
        self._trained: list[npt.NDArray[np.bool_]] = []
        self._text_bytes = 0

    def add(self, ids: list[int], text_bytes: int, trained: list[bool] | None = None) -> None:
        """Append one document."""
        self._tokens.append(np.array(ids, dtype=np.uint16))
        self._text_bytes += text_bytes
        if trained is not None:
            self._trained.append(np.array(trained, dtype=np.bool_))

    def finish(self) -> Shard:
        """Return what was collected."""
        lengths = [len(document) for document in self._tokens]
        return Shard(
            np.concatenate(self._tokens) if self._tokens else np.zeros(0, np.uint16),
            np.concatenate(([0], np.cumsum(lengths))).astype(np.int64),
            np.concatenate(self._trained) if self._trained else None,
            self._text_bytes,
        )


def is_validation(identity: str, permille: int) -> bool:
    """Pin a document to the validation split by a hash of its id, whatever else is in the data."""
    return int.from_bytes(hashlib.sha256(identity.encode()).digest()[:4], "big") % 1000 < permille


def tokenise_texts(
    records: Iterable[TextRecord],
    tokenizer: ChatTokenizer,
    permille: int,
    progress: Callable[[int], None],
) -> tuple[Shard, Shard]:
    """Return the training and the validation shard; `progress` gets the bytes of each batch."""
    train, validation = ShardWriter(), ShardWriter()
    for batch in _batches(records, 256):
        for record, ids in zip(
            batch, tokenizer.encode_batch([record.text for record in batch]), strict=True
        ):
            target = validation if is_validation(record.id, permille) else train
            target.add([tokenizer.end_of_text, *ids], len(record.text.encode()))
        progress(sum(len(record.text) for record in batch))
    return train.finish(), validation.finish()


def tokenise_chats(
    records: Iterable[ChatRecord],
    tokenizer: ChatTokenizer,
    permille: int,
    progress: Callable[[int], None],
) -> tuple[Shard, Shard]:
    """Like `tokenise_texts`, with the assistant's tokens marked as trained."""
    train, validation = ShardWriter(), ShardWriter()
    for record in records:
        chat = tokenizer.encode_chat(record.messages)
        text_bytes = sum(len(content.encode()) for _, content in record.messages)
        target = validation if is_validation(record.id, permille) else train
        target.add(chat.ids, text_bytes, chat.trained)
        progress(text_bytes)
    return train.finish(), validation.finish()


def _batches(records: Iterable[TextRecord], size: int) -> Iterable[list[TextRecord]]:
    batch: list[TextRecord] = []
    for record in records:
        batch.append(record)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


class PackedBatches:
    """Batches of packed sequences; `batch(step)` is a pure function of the step."""

    def __init__(self, shard: Shard, *, sequence: int, batch: int, seed: int) -> None:
        self._shard, self._sequence, self._batch, self._seed = shard, sequence, batch, seed
        self._per_epoch = (len(shard.tokens) - 1) // sequence
        if self._per_epoch < 1:
            raise RecipeError(
                f"the data has {len(shard.tokens)} tokens, one sequence needs {sequence + 1}; "
                "give more records, a larger max_mb, or a shorter sequence"
            )
        self._epoch = -1
        self._order: npt.NDArray[np.int64] = np.zeros(0, np.int64)
        self._starts: npt.NDArray[np.int64] = np.zeros(0, np.int64)

    def batch(self, step: int) -> Batch:
        """Return the batch of one optimiser step."""
        first = step * self._batch
        rows = [self._sequence_at(first + row) for row in range(self._batch)]
        inputs = torch.from_numpy(np.stack([ids[:-1] for ids, _ in rows]).astype(np.int64))
        targets = torch.from_numpy(np.stack([ids[1:] for ids, _ in rows]).astype(np.int64))
        if self._shard.trained is not None:
            trained = torch.from_numpy(np.stack([mask[1:] for _, mask in rows if mask is not None]))
            targets = targets.masked_fill(~trained, IGNORED)
        return Batch(inputs, targets)

    def _sequence_at(
        self, number: int
    ) -> tuple[npt.NDArray[np.uint16], npt.NDArray[np.bool_] | None]:
        """Gather sequence `number`: T + 1 tokens of its epoch's order, across documents."""
        epoch, within = divmod(number, self._per_epoch)
        self._shuffle(epoch)
        position, missing = within * self._sequence, self._sequence + 1
        index = int(np.searchsorted(self._starts, position, side="right")) - 1
        spans: list[slice] = []
        while missing:
            document = self._order[index]
            begin = int(self._shard.offsets[document] + position - self._starts[index])
            end = min(int(self._shard.offsets[document + 1]), begin + missing)
            spans.append(slice(begin, end))
            missing -= end - begin
            position += end - begin
            index += 1
        ids = np.concatenate([self._shard.tokens[span] for span in spans])
        if self._shard.trained is None:
            return ids, None
        return ids, np.concatenate([self._shard.trained[span] for span in spans])

    def _shuffle(self, epoch: int) -> None:
        """Draw the epoch's document order, a function of the seed and the epoch."""
        if epoch == self._epoch:
            return
        lengths = np.diff(self._shard.offsets)
        self._order = np.random.default_rng((self._seed, epoch)).permutation(len(lengths))
        self._starts = np.concatenate(([0], np.cumsum(lengths[self._order])[:-1])).astype(np.int64)
        self._epoch = epoch
