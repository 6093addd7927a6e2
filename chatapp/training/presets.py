"""The published shapes of GPT-1, GPT-2 and GPT-3, as configs of our own model.

A recipe takes one with `[model] preset = "gpt2-124m"`. The number of weights that each config gives
is counted by a test on the meta device; `published` is what the papers print, and `note` says where
that figure is rounded or disagrees with the shape beside it.
"""

from __future__ import annotations

from dataclasses import dataclass

from chatapp.model.config import ModelConfig


@dataclass(frozen=True)
class Preset:
    """A published model.

    Attributes:
        published: number of weights as the paper prints it.
        source: where the shape is printed.
        note: where the printed figure is rounded or inconsistent; empty if exact.
        batch_tokens: tokens per optimiser step in the paper; 0 when it gives none.
        tokens: tokens it was trained on; 0 when the paper does not say.
    """

    config: ModelConfig
    published: int
    source: str
    note: str = ""
    batch_tokens: int = 0
    tokens: int = 0


def _gpt2(layers: int, width: int, heads: int, **changes: object) -> ModelConfig:
    """Pre-norm with LayerNorm, learned positions, GELU, biases everywhere, tied head."""
    shape = {
        "vocab_size": 50_257,
        "n_layers": layers,
        "d_model": width,
        "n_heads": heads,
        "n_kv_heads": heads,
        "d_ff": 4 * width,
        "context_length": 1024,
        "attention": ("dense",),
        "norm_eps": 1e-5,
        "tie_embeddings": True,
        "norm": "layer",
        "embedding_norm": False,
        "qk_norm": "none",
        "mlp": "gelu",
        "positions": "learned",
        "bias": "all",
    }
    return ModelConfig.from_dict(shape | changes)


# "alternating dense and locally banded sparse attention patterns in the layers"; the paper does
# not print the width of the band, so 256 is our choice. It does not change the number of weights.
_GPT3 = {"context_length": 2048, "attention": ("dense", "local(256)")}
_GPT3_ROWS = [  # name, published, layers, width, heads, batch in tokens
    ("gpt3-125m", 125e6, 12, 768, 12, 500_000),
    ("gpt3-350m", 350e6, 24, 1024, 16, 500_000),
    ("gpt3-760m", 760e6, 24, 1536, 16, 500_000),
    ("gpt3-1.3b", 1.3e9, 24, 2048, 16, 1_000_000),
    ("gpt3-2.7b", 2.7e9, 32, 2560, 32, 1_000_000),
    ("gpt3-6.7b", 6.7e9, 32, 4096, 32, 2_000_000),
    ("gpt3-13b", 13e9, 40, 5120, 40, 2_000_000),
    ("gpt3-175b", 175e9, 96, 12_288, 96, 3_200_000),
]
_GPT3_NOTES = {
    "gpt3-1.3b": "the paper prints 24 heads of 128, which is 3,072 and not its width of 2,048 (and "
    "would make 1.5B weights); 16 heads of 128 give its 1.3B",
    "gpt3-13b": "the paper prints a width of 5,140, which 40 heads of 128 do not make; 5,120 is "
    "taken, and the figure is rounded",
}
_GPT2_ROWS = [  # name, published, layers, width, heads
    ("gpt2-124m", 117e6, 12, 768, 12),
    ("gpt2-355m", 345e6, 24, 1024, 16),
    ("gpt2-774m", 762e6, 36, 1280, 20),
    ("gpt2-1558m", 1542e6, 48, 1600, 25),
]

PRESETS: dict[str, Preset] = {
    "gpt1-117m": Preset(
        _gpt2(12, 768, 12, vocab_size=40_478, context_length=512, norm_placement="post"),
        117_000_000,
        "Radford et al. 2018, section 4.1; the figure is from table 2 of the GPT-2 paper",
        note="the paper rounds",
        batch_tokens=64 * 512,
    ),
    **{
        name: Preset(
            _gpt2(layers, width, heads),
            int(published),
            "Radford et al. 2019, table 2",
            note="the paper prints less than its own shape holds; the released weights go by "
            "the larger name",
            batch_tokens=512 * 1024,
        )
        for name, published, layers, width, heads in _GPT2_ROWS
    },
    **{
        name: Preset(
            _gpt2(layers, width, heads, **_GPT3),
            int(published),
            "Brown et al. 2020 (arXiv:2005.14165), table 2.1",
            note=_GPT3_NOTES.get(name, "the paper rounds"),
            batch_tokens=batch,
            tokens=300_000_000_000,
        )
        for name, published, layers, width, heads, batch in _GPT3_ROWS
    },
}
