"""The `GPT` as a causal language model of `transformers`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache, GenerationMixin, PreTrainedModel
from transformers.modeling_outputs import CausalLMOutputWithPast

from chatapp.model.gpt import GPT
from chatapp.model.hf.cache import PaddedCache
from chatapp.model.hf.configuration import ChatappConfig
from chatapp.model.weights import WeightFiles

# Arguments of `from_pretrained` that change nothing for a local directory.
_HARMLESS = {
    "adapter_kwargs",
    "attn_implementation",
    "local_files_only",
    "trust_remote_code",
    "_from_auto",
    "_commit_hash",
}
_PREFIX = "model."  # of our weights inside this module; files have none


class ChatappForCausalLM(PreTrainedModel, GenerationMixin):
    """Token ids in, logits out, in the ways of `transformers`.

    Left and right padding give each row the logits it has alone. What our model has no use for is
    refused: attention weights as an output, 4-D masks, and positions that skip.
    """

    config_class = ChatappConfig
    base_model_prefix = "model"
    _no_split_modules = ["Block"]  # noqa: RUF012 - as the base class declares it
    _tied_weights_keys = {"model.head.weight": "model.embedding.weight"}  # noqa: RUF012
    _supports_sdpa = True

    def __init__(self, config: ChatappConfig) -> None:
        super().__init__(config)
        self.model = GPT(config.shape())
        self.post_init()  # type: ignore[no-untyped-call]

    @classmethod
    def from_pretrained(  # type: ignore[override]
        cls, source: Any, *args: Any, **kwargs: Any
    ) -> Any:
        """Load as `transformers` does; our int8 files, which it cannot read, are multiplied out."""
        directory = Path(str(source))
        if not (directory / "config.json").is_file() or not WeightFiles(directory).int8:
            return super().from_pretrained(source, *args, **kwargs)
        known = {"config", "dtype"}
        if asked := {name for name in kwargs if kwargs[name] is not None} - known - _HARMLESS:
            raise ValueError(
                f"{directory} has int8 weights, which are loaded without {', '.join(sorted(asked))}"
            )
        model = cls(kwargs.get("config") or ChatappConfig.from_pretrained(directory))
        model.load_int8(WeightFiles(directory))
        if isinstance(dtype := kwargs.get("dtype"), torch.dtype):
            model.model.to(dtype)
        return model.eval()  # type: ignore[no-untyped-call]

    def load_int8(self, weights: WeightFiles) -> None:
        """Take weights from int8 files, in float32."""
        names = (name for name in weights.names() if not name.endswith(".weight_scale"))
        tensors = {name: weights.read_float(name) for name in names}
        if self.config.tie_embeddings:
            tensors["head.weight"] = tensors["embedding.weight"]
        self.model.load_state_dict(tensors)

    def _init_weights(self, module: torch.nn.Module) -> None:
        """Compute what files do not hold, and draw fresh weights where there is no file."""
        if isinstance(module, GPT):
            module.reset_rotary_tables()
        super()._init_weights(module)  # type: ignore[no-untyped-call]

    def adjust_generation_fn(self, *args: Any, **kwargs: Any) -> None:
        """Let the config say what ends a text, where no generation_config.json does."""
        super().adjust_generation_fn(*args, **kwargs)  # type: ignore[misc]
        for name in ("bos_token_id", "eos_token_id", "pad_token_id"):
            if getattr(self.generation_config, name) is None:
                setattr(self.generation_config, name, getattr(self.config, name))

    def get_input_embeddings(self) -> torch.nn.Module:
        """Return the table of token embeddings."""
        return self.model.embedding  # type: ignore[no-any-return]

    def set_input_embeddings(self, value: torch.nn.Module) -> None:
        """Replace the table of token embeddings."""
        self.model.embedding = value

    def get_output_embeddings(self) -> torch.nn.Module:
        """Return the head."""
        return self.model.head  # type: ignore[no-any-return]

    def set_output_embeddings(self, new_embeddings: torch.nn.Module) -> None:
        """Replace the head."""
        self.model.head = new_embeddings

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        past_key_values: Any = None,
        inputs_embeds: Tensor | None = None,
        labels: Tensor | None = None,
        use_cache: bool | None = None,
        logits_to_keep: int | Tensor = 0,
        output_hidden_states: bool | None = None,
        **kwargs: Any,
    ) -> CausalLMOutputWithPast:
        """Return logits (B, T, V) in float32, and the loss if there are labels.

        Args:
            attention_mask: (B, past + T), 0 at padding, which may stand on either side.
            position_ids: ignored where they say what the mask says, which is all `generate` does.
            logits_to_keep: only the last so many logits, or those at these indices; 0 keeps all.

        Raises:
            ValueError: tokens and vectors both or neither, or a mask that is not (B, past + T).
        """
        if (input_ids is None) == (inputs_embeds is None):
            raise ValueError("give either input_ids or inputs_embeds")
        if kwargs.get("output_attentions"):
            raise ValueError("attention weights are never formed, so they cannot be put out")
        if attention_mask is not None and attention_mask.ndim != 2:
            raise ValueError(f"attention_mask must be (B, T), not {tuple(attention_mask.shape)}")
        vectors = self.model.embedding(input_ids) if inputs_embeds is None else inputs_embeds
        if use_cache is None:
            use_cache = not self.training
        if use_cache and past_key_values is None:
            past_key_values = DynamicCache()
        view = PaddedCache(past_key_values, attention_mask, vectors.shape[1], vectors.device)
        hidden = self.model.hidden_of(vectors, view)
        kept = slice(-logits_to_keep, None) if isinstance(logits_to_keep, int) else logits_to_keep
        logits = self.model.head(hidden[:, kept]).float()
        loss = None
        if labels is not None:
            loss = self.loss_function(logits, labels, self.config.vocab_size, **kwargs)
        return CausalLMOutputWithPast(
            loss=loss,
            logits=logits,
            past_key_values=past_key_values if use_cache else None,
            hidden_states=(hidden,) if output_hidden_states else None,
        )

    def save_pretrained(  # type: ignore[override]
        self,
        save_directory: str | Path,
        *,
        state_dict: dict[str, Tensor] | None = None,
        **kwargs: Any,
    ) -> None:
        """Write config and weights under the names that our own loader reads."""
        named = state_dict or self.state_dict()
        bare = {name.removeprefix(_PREFIX): tensor for name, tensor in named.items()}
        if self.config.tie_embeddings:
            bare.pop("head.weight", None)
        super().save_pretrained(save_directory, state_dict=bare, **kwargs)
