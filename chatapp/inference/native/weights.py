"""Handing a GPT's weights to the runtime: which shapes it runs, and in which form it wants them."""

from __future__ import annotations

import ctypes
from ctypes import c_int32

import torch
from torch import Tensor, nn

from chatapp.inference.native.build import NativeUnavailable
from chatapp.inference.native.library import Shape
from chatapp.model.blocks import Block
from chatapp.model.config import ModelConfig
from chatapp.model.gpt import GPT
from chatapp.model.int8 import quantised

_PATTERNS = {"dense": 0, "local": 1, "strided": 2, "sparse": 3, "fixed": 4}
_TILE = 16  # outputs that stand together in a packed panel
_MAX_HEAD_DIM, _MAX_WIDTH = 256, 8192  # kMaxHeadDim and kMaxWidth of runtime.h


def shape_of(config: ModelConfig, context: int, slack: int) -> Shape:
    """Return the runtime's form of a config.

    Raises:
        NativeUnavailable: the runtime does not run such a model.
    """
    if config.norm_placement != "pre":
        raise NativeUnavailable("the compiled runtime has no post-norm layers")
    if config.head_dim % 16 or config.head_dim > _MAX_HEAD_DIM:
        raise NativeUnavailable(
            f"the compiled runtime wants heads of a multiple of 16 up to {_MAX_HEAD_DIM}, "
            f"these are {config.head_dim} wide"
        )
    if config.d_model > _MAX_WIDTH:
        raise NativeUnavailable(
            f"the compiled runtime is for widths up to {_MAX_WIDTH}, this is {config.d_model}"
        )
    return Shape(
        vocab=config.vocab_size,
        layers=config.n_layers,
        d_model=config.d_model,
        heads=config.n_heads,
        kv_heads=config.n_kv_heads,
        head_dim=config.head_dim,
        d_ff=-(-config.d_ff // _TILE) * _TILE,
        context=context,
        layer_norm=config.norm == "layer",
        embedding_norm=config.embedding_norm,
        head_norm=config.qk_norm != "none",
        gated=config.mlp == "swiglu",
        ring_slack=slack,
    )


def layer_table(config: ModelConfig) -> ctypes.Array[c_int32]:
    """Return kind, w, r and whether it rotates, for each layer."""
    patterns = [config.pattern(layer) for layer in range(config.n_layers)]
    values = [
        value
        for layer, pattern in enumerate(patterns)
        for value in (_PATTERNS[pattern.kind], pattern.w, pattern.r, config.rotates(layer))
    ]
    return (c_int32 * len(values))(*values)


def fill(library: ctypes.CDLL, runtime: int, model: GPT) -> list[Tensor]:
    """Pack all matrices into the runtime.

    Returns:
        The tensors that it goes on reading in place; they must live as long as it does.
    """
    return _Filler(library, runtime).fill(model)


class _Filler:
    def __init__(self, library: ctypes.CDLL, runtime: int) -> None:
        self._library, self._runtime = library, runtime
        self._kept: list[Tensor] = []

    def fill(self, model: GPT) -> list[Tensor]:
        embedding, scales, _ = quantised(model.embedding)
        learned = model.config.positions == "learned"
        self._library.native_set_tables(
            self._runtime,
            self._keep(embedding, torch.int8),
            self._keep(scales),
            self._keep(model.positions.weight) if learned else None,
            self._keep(model.cos),
            self._keep(model.sin),
        )
        self._norm(-1, 0, model.final_norm)
        self._norm(-1, 1, None)
        self._linear(-1, 0, [model.head])
        for layer, block in enumerate(model.blocks):
            assert isinstance(block, Block)
            self._layer(layer, block)
        return self._kept

    def _layer(self, layer: int, block: Block) -> None:
        attention = block.attention
        self._norm(layer, 0, block.attention_norm)
        self._norm(layer, 1, block.mlp_norm)
        weighted = attention.qk_norm == "weighted"
        self._norm(layer, 2, attention.query_norm if weighted else None)
        self._norm(layer, 3, attention.key_norm if weighted else None)
        self._linear(layer, 0, [attention.query, attention.key, attention.value])
        self._linear(layer, 1, [attention.output])
        gate = getattr(block.mlp, "gate", None)
        self._linear(layer, 2, [block.mlp.up] if gate is None else [gate, block.mlp.up], mixed=True)
        self._linear(layer, 3, [block.mlp.down], pad_inputs=gate is not None)

    def _norm(self, layer: int, which: int, norm: nn.Module | None) -> None:
        """Set one norm; None is the one without weights."""
        weight, bias = getattr(norm, "weight", None), getattr(norm, "bias", None)
        epsilon = getattr(norm, "eps", torch.finfo(torch.float32).eps)
        self._library.native_set_norm(
            self._runtime,
            layer,
            which,
            None if weight is None else self._keep(weight),
            None if bias is None else self._keep(bias),
            epsilon,
        )

    def _keep(self, tensor: Tensor, dtype: torch.dtype = torch.float32) -> int:
        self._kept.append(tensor.detach().to(dtype).contiguous())
        return self._kept[-1].data_ptr()

    def _linear(
        self,
        layer: int,
        which: int,
        modules: list[nn.Module],
        *,
        mixed: bool = False,
        pad_inputs: bool = False,
    ) -> None:
        """Pack one matrix, or several that share their input.

        Two `mixed` ones alternate by 16 outputs, so that gate and up of the same hidden values are
        at hand together. `pad_inputs` makes the inputs a multiple of 16, as those outputs are.
        """
        parts = [quantised(module) for module in modules]
        join = _alternate if mixed and len(parts) > 1 else torch.cat
        weight = join([part[0] for part in parts])
        if pad_inputs:
            weight = nn.functional.pad(weight, (0, -weight.shape[1] % _TILE))
        weight = weight.contiguous()
        scale = join([part[1] for part in parts]).contiguous()
        biases = [part[2] for part in parts if part[2] is not None]
        bias = join([item.detach().float() for item in biases]).contiguous() if biases else None
        failed = self._library.native_set_linear(
            self._runtime,
            layer,
            which,
            weight.data_ptr(),
            scale.data_ptr(),
            None if bias is None else bias.data_ptr(),
            *weight.shape,
        )
        if failed:
            raise NativeUnavailable("there is no memory for the model's weights")


def _alternate(parts: list[Tensor]) -> Tensor:
    """Alternate the rows of two tensors by 16, the last ones filled up with zeros."""
    padding = (0, 0) * (parts[0].ndim - 1) + (0, -len(parts[0]) % _TILE)
    pieces = [nn.functional.pad(part, padding).unflatten(0, (-1, _TILE)) for part in parts]
    return torch.stack(pieces, dim=1).flatten(0, 2)
