"""Every way that attention takes on the CPU equals the definition: a dense mask in float64."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import scaled_dot_product_attention

from chatapp.kernels import attention, cpu, slab, tiles
from chatapp.kernels.attention import attend
from chatapp.kernels.operator import attend_tiled
from chatapp.kernels.oracle import attend_oracle
from chatapp.kernels.patterns import Pattern
from tests.kernels.cases import PATTERNS, patterns_and_lengths, random_qkv

KV_HEADS = [1, 2, 4]


@pytest.fixture(params=["as it is", "tiny"], autouse=True, scope="module")
def pieces(request: pytest.FixtureRequest) -> Iterator[None]:
    """Run all as shipped, where these lengths take few tiles, and with tiles of a few rows."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "tiny":
            patch.setattr(attention, "TILED_FROM", 0)
            patch.setattr(cpu, "SLAB_BYTES", 1)
            patch.setattr(tiles, "CAUSAL_ROWS", 3)
            patch.setattr(slab, "_chunk", lambda *_: 4)
        yield


@settings(deadline=None, max_examples=100)
@given(patterns_and_lengths(), st.sampled_from(KV_HEADS))
def test_the_whole_sequence_at_once_is_exact(case: tuple[Pattern, int], kv_heads: int) -> None:
    """Windows shorter and longer than strides, and every length around their multiples."""
    pattern, length = case
    q, k, v = random_qkv(length, kv_heads=kv_heads)
    expected = attend_oracle(pattern, q, k, v)
    torch.testing.assert_close(attend(pattern, q, k, v), expected)
    torch.testing.assert_close(attend_tiled(q, k, v, str(pattern), 0)[0], expected)


@settings(deadline=None, max_examples=100)
@given(patterns_and_lengths(), st.sampled_from(KV_HEADS), st.integers(0, 20))
def test_gradients_are_exact(case: tuple[Pattern, int], kv_heads: int, start: int) -> None:
    """Of queries, keys and values, also of a chunk that continues."""
    pattern, length = case
    q, k, v = (x.requires_grad_() for x in random_qkv(start + length, kv_heads=kv_heads))
    q = q[:, :, start:]
    fast = attend_tiled(q, k, v, str(pattern), start)[0]
    slow = attend_oracle(pattern, q, k, v, start)
    torch.testing.assert_close(
        torch.autograd.grad(fast.square().sum(), (q, k, v)),
        torch.autograd.grad(slow.square().sum(), (q, k, v)),
    )


@pytest.mark.parametrize("text", PATTERNS)
def test_gradients_are_the_slopes_of_the_function(text: str) -> None:
    """The owned backward pass agrees with finite differences."""
    inputs = [x.requires_grad_() for x in random_qkv(8, batch=1, heads=2, kv_heads=1, width=4)]
    assert torch.autograd.gradcheck(lambda *qkv: attend_tiled(*qkv, text, 0)[0], inputs)


@settings(deadline=None, max_examples=60)
@given(patterns_and_lengths(), st.integers(1, 6))
def test_continuing_from_a_cache_equals_reading_it_all(
    case: tuple[Pattern, int], chunk: int
) -> None:
    """Chunks of any size, down to single tokens."""
    pattern, length = case
    q, k, v = random_qkv(length)
    whole = attend_oracle(pattern, q, k, v)
    for start in range(0, length, chunk):
        stop = min(length, start + chunk)
        part = attend(pattern, q[:, :, start:stop], k[:, :, :stop], v[:, :, :stop], start)
        torch.testing.assert_close(part, whole[:, :, start:stop])


@pytest.mark.parametrize("text", PATTERNS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_low_precision_is_as_close_as_pytorchs_own_attention(text: str, dtype: torch.dtype) -> None:
    """The error of output and gradients stays below twice that of the fused kernel with a mask."""
    pattern, length = Pattern.parse(text), 150
    inputs = [x.requires_grad_() for x in random_qkv(length, kv_heads=4, width=16, dtype=dtype)]
    exact = _output_and_gradients(attend_oracle(pattern, *inputs), inputs)
    ours = _output_and_gradients(attend_tiled(*inputs, text, 0)[0], inputs)
    own = scaled_dot_product_attention(*inputs, attn_mask=pattern.mask(0, length))
    theirs = _output_and_gradients(own, inputs)
    for truth, mine, peer in zip(exact, ours, theirs, strict=True):
        assert (mine - truth).abs().max() <= 2 * (peer - truth).abs().max()


def _output_and_gradients(out: torch.Tensor, inputs: list[torch.Tensor]) -> list[torch.Tensor]:
    grads = torch.autograd.grad(out.double().square().sum(), inputs)
    return [x.detach().double() for x in (out, *grads)]


@pytest.mark.parametrize("text", PATTERNS)
def test_any_layout_of_the_inputs_will_do(text: str) -> None:
    """Heads beside positions, as projections give them, and even columns before rows."""
    pattern = Pattern.parse(text)
    q, k, v = random_qkv(30)
    expected = attend_oracle(pattern, q, k, v)
    by_position = [x.transpose(1, 2).contiguous().transpose(1, 2) for x in (q, k, v)]
    by_column = [x.transpose(2, 3).contiguous().transpose(2, 3) for x in (q, k, v)]
    for inputs in (by_position, by_column):
        torch.testing.assert_close(attend_tiled(*inputs, text, 0)[0], expected)


@pytest.mark.parametrize("text", PATTERNS)
@pytest.mark.parametrize("length", [1, 2])
def test_the_first_rows_are_finite(text: str, length: int) -> None:
    """The first token sees itself alone: its output is its own value."""
    q, k, v = (x.requires_grad_() for x in random_qkv(length, kv_heads=4))
    out = attend_tiled(q, k, v, text, 0)[0]
    torch.testing.assert_close(out[:, :, 0], v[:, :, 0])
    for grad in torch.autograd.grad(out.sum(), (q, k, v)):
        assert grad.isfinite().all()


def test_under_autocast_the_lower_precision_is_used() -> None:
    """As in PyTorch's own attention, inputs of different precision included."""
    q, k, v = (x.float() for x in random_qkv(40))
    with torch.autocast("cpu", torch.bfloat16):
        out = attend(Pattern.parse("sparse(8, 4)"), q, k, v.bfloat16())
    assert out.dtype == torch.bfloat16


def test_the_operator_keeps_its_promises_to_the_compiler() -> None:
    """Shapes, dtypes and gradients are what torch.compile is told; nothing is changed in place."""
    inputs = [x.requires_grad_() for x in random_qkv(20, dtype=torch.float32)]
    torch.library.opcheck(attend_tiled, (*inputs, "sparse(8, 4)", 0))


def test_a_compiled_training_step_sees_one_operator() -> None:
    """The graph does not break, and the gradients are those of the plain function."""

    def loss(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        return attend(Pattern.parse("sparse(8, 4)"), q, k, v).square().sum()

    inputs = [x.requires_grad_() for x in random_qkv(40)]
    compiled = torch.compile(loss, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(
        torch.autograd.grad(compiled(*inputs), inputs), torch.autograd.grad(loss(*inputs), inputs)
    )
