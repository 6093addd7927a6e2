"""A `Decoder` over any text model that `transformers` can run: the architectures our own lacks.

The model is a Hugging Face directory as it was imported. Code that comes with a model is never run
and nothing is downloaded. Caches are those of `transformers`, which grow as they are needed.
"""

from __future__ import annotations

import copy
import inspect
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from chatapp.inference.generator import ContextOverflow
from chatapp.model.checkpoint import CONFIG_FILE, ModelUnavailable
from chatapp.model.interop.tokenizer import load_tokenizer
from chatapp.model.tokenizer import ChatTokenizer, TokenizerError

# The names that architectures give to the longest sequence they read, and what is safe without one.
_CONTEXT_FIELDS = ("max_position_embeddings", "n_positions", "max_seq_len", "seq_length")
_CONTEXT_DEFAULT = 2048


def needs_transformers(directory: Path) -> bool:
    """Whether a model directory holds an architecture that is not our own."""
    try:
        values = json.loads((directory / CONFIG_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False  # our own loader says what is wrong
    return isinstance(values, dict) and values.get("model_type", "chatapp_gpt") != "chatapp_gpt"


def load_transformers(
    directory: Path, *, slots: int, longest: int = 0
) -> tuple[TransformersDecoder, ChatTokenizer]:
    """Load a model in the dtype of its files, with its tokenizer.

    It reads at most `longest` tokens if that is not 0.

    Raises:
        ModelUnavailable: `transformers` cannot load it; the message says why.
    """
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging

    logging.disable_progress_bar()  # it would write into the terminal UI
    try:
        tokenizer = load_tokenizer(directory)
        model = AutoModelForCausalLM.from_pretrained(
            directory, dtype="auto", local_files_only=True, trust_remote_code=False
        )
    except TokenizerError as error:
        raise ModelUnavailable(f"the model at {directory} cannot be read: {error}") from error
    except Exception as error:  # every architecture fails in its own way
        raise ModelUnavailable(
            f"transformers cannot load the model at {directory}: {error}"
        ) from error
    decoder = TransformersDecoder(model.eval(), slots=slots)
    if longest:
        decoder.context_length = min(decoder.context_length, longest)
    return decoder, tokenizer


class TransformersDecoder:
    """See `chatapp.inference.decoder.Decoder`.

    An architecture whose cache cannot be cut back is read again from the start, and one that has no
    cache of the usual kind is read whole for every token: slow, and right.
    """

    def __init__(self, model: Any, *, slots: int = 1) -> None:
        self._model = model
        self._takes_cache = "past_key_values" in inspect.signature(model.forward).parameters
        config = model.config.get_text_config()
        self.vocab_size = int(config.vocab_size)
        named = (getattr(config, field, None) for field in _CONTEXT_FIELDS)
        self.context_length = next((int(length) for length in named if length), _CONTEXT_DEFAULT)
        self.slots = slots
        self._caches = [self._fresh() for _ in range(slots)]
        self._tokens: list[list[int]] = [[] for _ in range(slots)]

    def _fresh(self) -> Any:
        from transformers import DynamicCache

        return DynamicCache(config=self._model.config) if self._takes_cache else None

    def length(self, slot: int) -> int:
        """See `Decoder.length`."""
        return len(self._tokens[slot])

    @torch.inference_mode()
    def read(self, slot: int, tokens: Sequence[int], *, every: bool = False) -> Tensor:
        """See `Decoder.read`."""
        held = self._tokens[slot]
        if len(held) + len(tokens) > self.context_length:
            raise ContextOverflow(
                f"{len(held) + len(tokens)} tokens, the model reads {self.context_length}"
            )
        held.extend(tokens)
        logits = self._logits(slot, list(tokens))
        return logits[-len(tokens) :] if every else logits[-1]

    def _logits(self, slot: int, tokens: list[int]) -> Tensor:
        """Run the model on the new tokens, or on all where nothing is cached; (T, V), float32."""
        if not self._takes_cache:
            ids = torch.tensor([self._tokens[slot]], device=self._model.device)
            return self._model(input_ids=ids).logits[0].float()  # type: ignore[no-any-return]
        ids = torch.tensor([tokens], device=self._model.device)
        output = self._model(input_ids=ids, past_key_values=self._caches[slot], use_cache=True)
        return output.logits[0].float()  # type: ignore[no-any-return]

    def step(self, slots: Sequence[int], tokens: Sequence[int]) -> Tensor:
        """See `Decoder.step`."""
        return torch.stack(
            [self.read(slot, [token]) for slot, token in zip(slots, tokens, strict=True)]
        )

    def truncate(self, slot: int, length: int) -> int:
        """See `Decoder.truncate`."""
        from transformers.cache_utils import DynamicLayer

        if length >= len(self._tokens[slot]):
            return len(self._tokens[slot])
        cache = self._caches[slot]
        if length and cache is not None:
            # any other kind of layer, such as a window, no longer has what came before
            if all(type(layer) is DynamicLayer for layer in cache.layers):
                cache.crop(length - len(self._tokens[slot]))  # below 0: so many fewer
            else:
                length = 0
        if not length:
            self._caches[slot] = self._fresh()
        del self._tokens[slot][length:]
        return length

    def copy(self, source: int, target: int) -> None:
        """See `Decoder.copy`."""
        if source != target:
            self._caches[target] = copy.deepcopy(self._caches[source])
            self._tokens[target] = list(self._tokens[source])

    def cache_bytes(self) -> int:
        """See `Decoder.cache_bytes`; what is held now, for these caches grow."""
        layers = [layer for cache in self._caches if cache is not None for layer in cache.layers]
        kept = [getattr(layer, name, None) for layer in layers for name in ("keys", "values")]
        return sum(tensor.nbytes for tensor in kept if isinstance(tensor, Tensor))
