"""Every attention path equals the definition: a dense mask in float64."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from chatapp.kernels.attention import attend
from chatapp.kernels.oracle import attend_oracle
from chatapp.kernels.patterns import Pattern

PATTERNS = ["dense", "local({w})", "strided({r})", "sparse({w}, {r})", "fixed({w}, {r})"]


def random_qkv(
    length: int, *, kv_heads: int = 2, dtype: torch.dtype = torch.float64
) -> list[Tensor]:
    rng = torch.Generator().manual_seed(length)
    heads = (4, kv_heads, kv_heads)
    return [torch.randn(2, h, length, 8, generator=rng, dtype=dtype) for h in heads]


@st.composite
def cases(draw: st.DrawFn) -> tuple[Pattern, int]:
    """A pattern and a length around its window, its stride and their multiples."""
    w, r = draw(st.integers(1, 12)), draw(st.integers(1, 9))
    near = st.sampled_from([1, 2, w - 1, w, w + 1, 2 * w + 1, r * 4 - 1, r * 4, r * 4 + 1, 40])
    pattern = draw(st.sampled_from(PATTERNS)).format(w=w, r=min(r, w))
    return Pattern.parse(pattern), max(1, draw(near))


@settings(deadline=None, max_examples=150)
@given(cases())
def test_the_whole_sequence_at_once_is_exact(case: tuple[Pattern, int]) -> None:
    pattern, length = case
    q, k, v = random_qkv(length)
    torch.testing.assert_close(attend(pattern, q, k, v), attend_oracle(pattern, q, k, v))


@settings(deadline=None, max_examples=60)
@given(cases())
def test_gradients_are_exact(case: tuple[Pattern, int]) -> None:
    pattern, length = case
    tensors = [tensor.requires_grad_() for tensor in random_qkv(length)]
    fast = torch.autograd.grad(attend(pattern, *tensors).square().sum(), tensors)
    slow = torch.autograd.grad(attend_oracle(pattern, *tensors).square().sum(), tensors)
    torch.testing.assert_close(fast, slow)


@settings(deadline=None, max_examples=60)
@given(cases(), st.integers(1, 6))
def test_continuing_from_a_cache_equals_reading_it_all(
    case: tuple[Pattern, int], chunk: int
) -> None:
    pattern, length = case
    q, k, v = random_qkv(length)
    whole = attend_oracle(pattern, q, k, v)
    for start in range(0, length, chunk):
        stop = min(length, start + chunk)
        part = attend(pattern, q[:, :, start:stop], k[:, :, :stop], v[:, :, :stop], start)
        torch.testing.assert_close(part, whole[:, :, start:stop])


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_low_precision_is_as_close_as_pytorchs_own_attention(dtype: torch.dtype) -> None:
    pattern = Pattern.parse("sparse(16, 4)")
    q, k, v = random_qkv(200, kv_heads=4, dtype=dtype)
    exact = attend_oracle(pattern, q, k, v)
    error = (attend(pattern, q, k, v).double() - exact).abs().max()
    mask = pattern.mask(0, 200)
    own = (scaled_dot_product_attention(q, k, v, attn_mask=mask).double() - exact).abs().max()
    assert error <= 2 * own


def test_sparse_sees_the_band_and_the_stride_and_counts_no_key_twice() -> None:
    """sparse(3, 2) at position 7 sees 7, 6, 5 (band) and 3, 1 (stride), each once."""
    seen = Pattern.parse("sparse(3, 2)").mask(7, 8)[0]
    assert seen.nonzero().flatten().tolist() == [1, 3, 5, 6, 7]


@pytest.mark.parametrize("text", ["", "sprase(1, 2)", "local", "local(0)", "sparse(4)", "dense(3)"])
def test_a_pattern_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="attention pattern"):
        Pattern.parse(text)
