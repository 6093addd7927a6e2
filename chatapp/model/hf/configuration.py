"""`ModelConfig` as a configuration of `transformers`."""

from __future__ import annotations

import dataclasses
from typing import Any

from transformers import PreTrainedConfig

from chatapp.model.config import ModelConfig

_FIELDS = [field.name for field in dataclasses.fields(ModelConfig)]


class ChatappConfig(PreTrainedConfig):
    """All fields of `ModelConfig`, as attributes, and the token ids that `generate` needs.

    The ids of a model trained here are always the same; an imported model's stand in its
    config.json.
    """

    model_type = "chatapp_gpt"
    attribute_map = {  # noqa: RUF012 - as the base class declares it
        "hidden_size": "d_model",
        "intermediate_size": "d_ff",
        "max_position_embeddings": "context_length",
        "num_attention_heads": "n_heads",
        "num_hidden_layers": "n_layers",
        "num_key_value_heads": "n_kv_heads",
        "tie_word_embeddings": "tie_embeddings",
    }

    def __init__(self, **values: Any) -> None:
        shape = {name: values.pop(name) for name in _FIELDS if name in values}
        values.pop("weights_sha256", None)  # true of one file, and this may write another
        config = ModelConfig.from_dict(shape) if shape else _SMALLEST
        for name, value in config.to_dict().items():
            if name != "model_type":
                setattr(self, name, value)
        ids = {"bos_token_id": 0, "eos_token_id": [1, 0], "pad_token_id": 2}
        super().__init__(**{**ids, **values, "tie_word_embeddings": config.tie_embeddings})

    def shape(self) -> ModelConfig:
        """Return our own config.

        Raises:
            ModelConfigError: an attribute was set to what describes no model.
        """
        return ModelConfig.from_dict({name: getattr(self, name) for name in _FIELDS})


# `transformers` makes a config of defaults to see which values of another are worth writing.
_SMALLEST = ModelConfig(8, 1, 8, 1, 1, 8, 8)
