"""Any sentence encoder that `transformers` can run: a Hugging Face directory to unit vectors.

The thing to know: pooling, longest input and the words put before queries and passages are read
from the files that sentence-transformers leaves beside a model; without them it is the mean over
at most 512 tokens. Code that comes with a model is never run and nothing is downloaded.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retrieval.errors import EmbedderDamaged

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

WEIGHTS_NAME = "model.safetensors"
_LONGEST = 512  # tokens, where no file says
_BATCH_TOKENS = 4_608  # activations of one batch stay within the caches of a core
_DECIDING = (WEIGHTS_NAME, "tokenizer.json", "config.json")
_HINT = "give another encoder, or fetch its files again"


@dataclass(frozen=True)
class Manner:
    """How sentences become one vector: what stands beside the weights."""

    pooling: str = "mean"  # or "cls"
    longest: int = _LONGEST
    query_prefix: str = ""
    passage_prefix: str = ""


class TransformerEmbedder:
    """A pooled encoder; bfloat16 where the processor has matrix tiles for it, else float32."""

    def __init__(self, name: str, model: Any, tokenizer: Any, manner: Manner) -> None:
        """Use `load`. `tokenizer` is one of `tokenizers`, truncation set."""
        self.id = name
        self.dimension = int(model.config.hidden_size)
        self._model, self._tokenizer, self._manner = model, tokenizer, manner

    @classmethod
    def load(cls, directory: Path, *, name: str) -> TransformerEmbedder:
        """Load model and tokenizer; `name` begins the id, the hash of the files ends it.

        Raises:
            EmbedderDamaged: the files do not make an encoder that can be run here; it says why.
        """
        from tokenizers import Tokenizer
        from transformers import AutoModel
        from transformers.utils import logging

        logging.disable_progress_bar()  # it would write into the terminal UI
        try:
            manner = read_manner(directory)
            tokenizer = Tokenizer.from_file(str(directory / "tokenizer.json"))
            tokenizer.no_padding()
            model = AutoModel.from_pretrained(
                directory,
                local_files_only=True,
                trust_remote_code=False,
                use_safetensors=True,
                dtype=quickest_dtype(),
            ).eval()
            tokenizer.enable_truncation(min(manner.longest, _positions(model)))
            return cls(f"{name}-{_revision(directory, model)}", model, tokenizer, manner)
        except EmbedderDamaged:
            raise
        except Exception as error:  # every architecture fails in its own way
            raise EmbedderDamaged(
                f"the encoder in {directory} cannot be used: {error}", _HINT
            ) from error

    def embed_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return unit rows, float32 (len(texts), dimension)."""
        return self._embed([self._manner.passage_prefix + text for text in texts])

    def embed_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return unit rows, float32 (len(texts), dimension)."""
        return self._embed([self._manner.query_prefix + text for text in texts])

    def _embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        import numpy as np
        import torch

        pieces = [encoded.ids for encoded in self._tokenizer.encode_batch(list(texts))]
        order = sorted(range(len(pieces)), key=lambda number: len(pieces[number]))
        result = np.zeros((len(pieces), self.dimension), dtype=np.float32)
        with torch.inference_mode():
            for batch in batches(order, [len(tokens) for tokens in pieces]):
                result[batch] = self._pooled([pieces[number] for number in batch]).numpy()
        return result

    def _pooled(self, pieces: Sequence[Sequence[int]]) -> torch.Tensor:
        """Return the unit vectors of one batch, (len(pieces), dimension)."""
        import torch
        from torch.nn import functional

        ids = torch.zeros(len(pieces), len(pieces[-1]), dtype=torch.long)
        mask = torch.zeros_like(ids)
        for row, tokens in enumerate(pieces):
            ids[row, : len(tokens)] = torch.tensor(tokens)
            mask[row, : len(tokens)] = 1
        states = self._model(input_ids=ids, attention_mask=mask).last_hidden_state.float()
        if self._manner.pooling == "cls":
            return functional.normalize(states[:, 0], dim=1)
        weights = mask[:, :, None].float()
        return functional.normalize((states * weights).sum(1), dim=1)


def read_manner(directory: Path) -> Manner:
    """Return how the encoder in `directory` is to be used.

    Raises:
        EmbedderDamaged: it asks for a step that is not built here.
    """
    for module in _read(directory / "modules.json") or []:
        kind = str(module.get("type", "")).rpartition(".")[2]
        if kind not in {"Transformer", "Pooling", "Normalize"}:
            raise EmbedderDamaged(f"the encoder in {directory} ends in a {kind} layer", _HINT)
    pooling = _read(directory / "1_Pooling" / "config.json") or {"pooling_mode_mean_tokens": True}
    chosen = {key for key, value in pooling.items() if key.startswith("pooling_mode") and value}
    names = {"pooling_mode_mean_tokens": "mean", "pooling_mode_cls_token": "cls"}
    if len(chosen) != 1 or not chosen <= names.keys():
        wanted = ", ".join(sorted(chosen)) or "none"
        raise EmbedderDamaged(f"the encoder in {directory} pools by {wanted}", _HINT)
    longest = (_read(directory / "sentence_bert_config.json") or {}).get("max_seq_length")
    prompts = (_read(directory / "config_sentence_transformers.json") or {}).get("prompts") or {}
    return Manner(
        pooling=names[chosen.pop()],
        longest=int(longest or _LONGEST),
        query_prefix=prompts.get("query", ""),
        passage_prefix=prompts.get("passage", prompts.get("document", "")),
    )


def _positions(model: Any) -> int:
    """Return how many tokens the model has positions for."""
    return int(getattr(model.config, "max_position_embeddings", None) or _LONGEST)


def _read(file: Path) -> Any:
    return json.loads(file.read_text("utf-8")) if file.is_file() else None


def batches(order: Sequence[int], lengths: Sequence[int]) -> list[list[int]]:
    """Cut texts, shortest first, into batches of about `_BATCH_TOKENS` tokens with padding."""
    cut: list[list[int]] = []
    for number in order:
        if cut and (len(cut[-1]) + 1) * lengths[number] <= _BATCH_TOKENS:
            cut[-1].append(number)
        else:
            cut.append([number])
    return cut


def quickest_dtype() -> torch.dtype:
    """Four times as fast on a processor with AMX; cosines change by less than 0.002."""
    import torch

    has_tiles = torch.cpu._is_amx_tile_supported()
    return torch.bfloat16 if has_tiles else torch.float32


def _revision(directory: Path, model: Any) -> str:
    """Return a hash of what decides a vector, the precision included."""
    digest = hashlib.sha256(str(model.dtype).encode())
    for name in _DECIDING:
        with (directory / name).open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:12]
