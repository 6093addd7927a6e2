"""Weights in 8 bits: one signed byte a weight and one scale for each output.

A matrix W is stored as `X.weight` (int8, shape (out, in)) and `X.weight_scale` (float32, (out,)),
W ~ weight * weight_scale[:, None], its row's largest magnitude at 127. Embeddings likewise, with a
scale for each token. Inputs of a matrix product are brought to 8 bits on the fly with one scale for
each row; the sums are exact integers, so the compiled runtime and PyTorch get the same ones.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from chatapp.model.gpt import GPT

LARGEST = 127


def quantise_rows(x: Tensor) -> tuple[Tensor, Tensor]:
    """Bring each row to 8 bits, its largest magnitude at 127; rows of zeros get scale 0.

    Args:
        x: (N, K), any float dtype.

    Returns:
        int8 (N, K) and float32 scales (N,).
    """
    if x.is_meta:  # sums there would load PyTorch's compiler, which takes longer than a model
        return x.new_empty(x.shape, dtype=torch.int8), x.new_empty(len(x), dtype=torch.float32)
    x = x.detach().float()
    bound = x.abs().amax(dim=1)
    inverse = torch.where(bound > 0, LARGEST / bound, 0.0)
    return (x * inverse[:, None]).round().to(torch.int8), bound / LARGEST


def loaded_dtype(name: str, tensor: Tensor, wanted: torch.dtype) -> torch.dtype:
    """Return the dtype a stored tensor is held in: int8 weights and their scales keep theirs."""
    kept = tensor.dtype == torch.int8 or name.endswith(".weight_scale")
    return tensor.dtype if kept else wanted


class Int8Linear(nn.Module):
    """A linear layer over an int8 matrix."""

    weight: Tensor
    weight_scale: Tensor
    bias: Tensor | None

    def __init__(self, weight: Tensor, scale: Tensor, bias: Tensor | None = None) -> None:
        super().__init__()
        self.register_buffer("weight", weight)
        self.register_buffer("weight_scale", scale)
        self.register_buffer("bias", bias)

    def forward(self, x: Tensor) -> Tensor:
        """Return x W^T + b; (..., in) to (..., out), in float32."""
        rows, scales = quantise_rows(x.reshape(-1, x.shape[-1]))
        exact = torch._int_mm(rows, self.weight.t())
        y = exact.float() * (self.weight_scale * scales[:, None])
        if self.bias is not None:
            y = y + self.bias
        return y.view(*x.shape[:-1], -1)


class Int8Embedding(nn.Module):
    """An embedding table of int8 rows."""

    weight: Tensor
    weight_scale: Tensor

    def __init__(self, weight: Tensor, scale: Tensor) -> None:
        super().__init__()
        self.register_buffer("weight", weight)
        self.register_buffer("weight_scale", scale)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return the rows of `tokens`, float32, shape (..., d_model)."""
        return self.weight[tokens].float() * self.weight_scale[tokens, None]


def quantised(module: nn.Module) -> tuple[Tensor, Tensor, Tensor | None]:
    """Return int8 weights, scales and bias of a linear layer or an embedding, 8 bits or not."""
    bias = getattr(module, "bias", None)
    if isinstance(module, Int8Linear | Int8Embedding):
        return module.weight, module.weight_scale, bias
    assert isinstance(module.weight, Tensor)
    return *quantise_rows(module.weight), bias


def quantise_model(model: GPT) -> GPT:
    """Return a copy whose matrices are int8, for inference in float32; norms stay as they are."""
    result = copy.deepcopy(model).float().requires_grad_(False)
    make_int8(result)
    return result.eval()


def make_float(model: GPT) -> None:
    """Replace the int8 forms by float32 ones with the same values, in place, e.g. to train them."""
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, Int8Linear | Int8Embedding):
                setattr(parent, name, _float_form(child))
    if model.config.tie_embeddings:
        model.head.weight = model.embedding.weight


def _float_form(module: Int8Linear | Int8Embedding) -> nn.Linear | nn.Embedding:
    weight = module.weight.float() * module.weight_scale[:, None]
    rows, columns = weight.shape
    form: nn.Linear | nn.Embedding
    if isinstance(module, Int8Embedding):
        form = nn.Embedding(rows, columns, _weight=weight)
    else:
        form = nn.Linear(columns, rows, bias=module.bias is not None, device="meta")
        form.weight = nn.Parameter(weight)
        if module.bias is not None:
            form.bias = nn.Parameter(module.bias.float())
    return form


def make_int8(model: GPT) -> None:
    """Replace the token embedding and every linear layer by their int8 forms, in place."""
    weight, scale = quantise_rows(model.embedding.weight)
    model.embedding = Int8Embedding(weight, scale)  # type: ignore[assignment]
    if model.config.tie_embeddings:
        model.head = Int8Linear(weight, scale)  # type: ignore[assignment]
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.Linear):
                setattr(parent, name, Int8Linear(*quantised(child)))
