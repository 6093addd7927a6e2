"""The GPT: one configurable decoder-only transformer.

As we train it: pre-norm blocks with RMSNorm, rotary positions, grouped-query attention
(arXiv:2305.13245), query-key normalisation and SwiGLU, which is the better feed-forward when data
are limited. As `ModelConfig` says otherwise, it is a GPT-1/2/3, Llama, Qwen or SmolLM. Attention
patterns alternate by layer; see `chatapp.kernels.patterns`.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from chatapp.model.blocks import Block, make_norm, unit_rms
from chatapp.model.cache import AttentionCache
from chatapp.model.config import ModelConfig
from chatapp.model.rope import rotary_tables


class GPT(nn.Module):
    """Token ids in, next-token logits out."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.embedding = _table(config.vocab_size, config.d_model)
        if config.positions == "learned":
            self.positions = _table(config.context_length, config.d_model)
        self.blocks = nn.ModuleList(Block(config, layer) for layer in range(config.n_layers))
        pre_norm = config.norm_placement == "pre"
        self.final_norm = make_norm(config) if pre_norm else nn.Identity()
        self.head = nn.Linear(config.d_model, config.vocab_size, bias=False)
        if config.tie_embeddings:
            self.head.weight = self.embedding.weight
        self.cos: Tensor
        self.sin: Tensor
        self.reset_rotary_tables()

    def reset_rotary_tables(self) -> None:
        """Compute the rotary tables anew, e.g. after building on the meta device."""
        cos, sin = rotary_tables(self.config, self.embedding.weight.device)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)

    def initialise(self, generator: torch.Generator) -> None:
        """Draw fresh weights: scaled normals, output projections and head near zero.

        Zero output projections make every block the identity at the start, which lets deep
        stacks take large steps at once (nanochat, modded-nanogpt).
        """
        width = self.config.d_model
        special = {
            "embedding.weight": 0.02 if self.config.tie_embeddings else 0.5,
            "positions.weight": 0.02,
            "head.weight": 0.001,
        }
        for name, weight in self.named_parameters():
            if name.endswith("bias"):
                nn.init.zeros_(weight)
            elif weight.ndim < 2:
                nn.init.ones_(weight)
            elif name.endswith(("output.weight", "down.weight")):
                nn.init.zeros_(weight)
            else:
                nn.init.normal_(weight, std=special.get(name, width**-0.5), generator=generator)

    def hidden(self, tokens: Tensor, cache: AttentionCache | None = None) -> Tensor:
        """Return the normalised last hidden states.

        Args:
            tokens: int64, shape (B, T).
            cache: keys and values of what came before; extended by these T positions.

        Returns:
            (B, T, d_model).
        """
        return self.hidden_of(self.embedding(tokens), cache)

    def hidden_of(self, embedded: Tensor, cache: AttentionCache | None = None) -> Tensor:
        """`hidden` of vectors in place of tokens, e.g. a soft prompt; (B, T, d_model) in and out.

        They take the place of rows of the embedding table, before any norm or position.
        """
        length = embedded.shape[1]
        if cache is not None:
            positions = cache.positions(length)
        else:
            positions = torch.arange(length, device=embedded.device)
        x = unit_rms(embedded) if self.config.embedding_norm else embedded
        if self.config.positions == "learned":
            x = x + self.positions(positions)
        # a dimension for the heads: (T, D/2) -> (1, T, D/2), (B, T, D/2) -> (B, 1, T, D/2)
        cos, sin = self.cos[positions].unsqueeze(-3), self.sin[positions].unsqueeze(-3)
        for block in self.blocks:
            x = block(x, cos, sin, cache)
        if cache is not None:
            cache.advance(length)
        return self.final_norm(x)  # type: ignore[no-any-return]

    def forward(self, tokens: Tensor, cache: AttentionCache | None = None) -> Tensor:
        """Return logits, shape (B, T, vocab_size), float32."""
        return self.head(self.hidden(tokens, cache)).float()  # type: ignore[no-any-return]


def _table(rows: int, width: int) -> nn.Embedding:
    """Return an embedding, drawn as PyTorch draws it unless it is on the meta device.

    Drawing there loads PyTorch's compiler, which takes longer than loading the whole model.
    """
    weight = torch.empty(rows, width)
    if not weight.is_meta:
        nn.init.normal_(weight)
    return nn.Embedding(rows, width, _weight=weight)
