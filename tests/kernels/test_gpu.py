"""The Triton kernels equal the definition; without a GPU, in Triton's interpreter.

The interpreter takes about 0.1 s a launch, so shapes are tiny and blocks as small as they may be:
16 rows, so that a few dozen tokens already meet every kind of edge.
"""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from chatapp.kernels import gpu
from chatapp.kernels.oracle import attend_oracle
from chatapp.kernels.patterns import Pattern
from chatapp.kernels.step import CacheViews
from tests.kernels.cases import PATTERNS, filled_cache, random_qkv

pytest.importorskip("triton")
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
WIDE = [*PATTERNS, "local(17)", "sparse(20, 4)", "fixed(17, 3)"]


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give every kernel the smallest blocks; on a GPU this also compiles fast."""
    from chatapp.kernels.gpu import prefill, step

    smallest = prefill.Blocks(16, 16, 4, 1)
    for table in ("FORWARD", "OF_QUERIES", "OF_KEYS"):
        monkeypatch.setattr(prefill, table, (smallest,) * 4)
    monkeypatch.setattr(step, "KEYS", 16)


def on_device(length: int, **shape: int) -> list[Tensor]:
    """Two query heads on one key head, float32, each tensor a leaf with gradients."""
    shape = {"batch": 1, "heads": 2, "kv_heads": 1, **shape}
    tensors = random_qkv(length, dtype=torch.float32, **shape)
    return [x.to(DEVICE).requires_grad_() for x in tensors]


def assert_exact(pattern: Pattern, q: Tensor, k: Tensor, v: Tensor, start: int) -> None:
    """Output and gradients of a chunk of queries against the oracle's."""
    expected = attend_oracle(pattern, q, k, v, start)
    grad = torch.randn_like(q)
    expected_grads = torch.autograd.grad(expected, (q, k, v), grad.double())
    with torch.no_grad():
        out, lse = gpu.attend(q, k, v, str(pattern), start)
        grads = gpu.attend_backward(q, k, v, out, lse, grad, str(pattern), start)
    torch.testing.assert_close(out.double(), expected, atol=2e-6, rtol=1e-5)
    torch.testing.assert_close(grads, expected_grads, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("text", WIDE)
@pytest.mark.parametrize("length", [1, 16, 35])
def test_a_whole_sequence_is_exact(text: str, length: int) -> None:
    """One token, one block exactly, and blocks that end in the middle; gradients too."""
    assert_exact(Pattern.parse(text), *on_device(length), start=0)


@pytest.mark.parametrize("text", WIDE)
def test_a_chunk_that_continues_is_exact(text: str) -> None:
    """The chunk begins in the middle of a window, a class and a block."""
    q, k, v = on_device(34)
    chunk = q[:, :, 13:].detach().requires_grad_()
    assert_exact(Pattern.parse(text), chunk, k, v, start=13)


def test_batches_and_heads_do_not_mix() -> None:
    """Two sequences, two groups of two heads, and heads of a width that is no power of 2."""
    assert_exact(
        Pattern.parse("sparse(5, 3)"), *on_device(20, batch=2, heads=4, kv_heads=2, width=12), 0
    )


def test_inputs_may_lie_in_any_order() -> None:
    """Heads beside positions, as projections give them."""
    q, k, v = (x.detach().transpose(1, 2).contiguous().transpose(1, 2) for x in on_device(20))
    out, _ = gpu.attend(q, k, v, "sparse(5, 3)", 0)
    expected = attend_oracle(Pattern.parse("sparse(5, 3)"), q, k, v)
    torch.testing.assert_close(out.double(), expected, atol=2e-6, rtol=1e-5)


@pytest.mark.parametrize("text", ["dense", "sparse(20, 4)", "fixed(17, 3)"])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_low_precision_is_as_close_as_pytorchs_own_attention(text: str, dtype: torch.dtype) -> None:
    """The error stays below twice that of the fused kernel with a mask.

    The interpreter cuts bfloat16 off where a GPU rounds, which alone doubles the error: 3 there.
    """
    pattern = Pattern.parse(text)
    q, k, v = (x.detach().to(dtype) for x in on_device(50, kv_heads=2, width=16))
    exact = attend_oracle(pattern, q, k, v)
    mask = pattern.mask(0, 50, q.device)
    own = scaled_dot_product_attention(q, k, v, attn_mask=mask).double() - exact
    out, _ = gpu.attend(q, k, v, text, 0)
    bound = 3 if DEVICE == "cpu" and dtype == torch.bfloat16 else 2
    assert (out.double() - exact).abs().max() <= bound * own.abs().max()


@pytest.mark.parametrize("text", WIDE)
@pytest.mark.parametrize(("tokens", "shares"), [(1, 1), (2, 4)])
def test_a_step_is_exact_for_sequences_of_different_lengths(
    text: str, tokens: int, shares: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Alone and split among programs, of which short sequences leave some without a key."""
    from chatapp.kernels.gpu import step

    monkeypatch.setattr(step, "_shares", lambda *_: shares)
    pattern, lengths = Pattern.parse(text), [tokens, 21, 44]
    q, k, v = (x.detach() for x in on_device(44, batch=3))
    whole = attend_oracle(pattern, q, k, v)
    newest = [slice(length - tokens, length) for length in lengths]
    slots = max(1, pattern.w + tokens - 1)
    views = filled_cache(k, v, lengths, slots=slots, r=pattern.r or 1, capacity=48)
    out = step.attend_step(
        pattern,
        torch.stack([q[row, :, at] for row, at in enumerate(newest)]),
        views,
        torch.tensor(lengths, device=DEVICE),
    )
    expected = torch.stack([whole[row, :, at] for row, at in enumerate(newest)])
    torch.testing.assert_close(out.double(), expected, atol=2e-6, rtol=1e-5)


def test_a_free_slot_of_a_batch_gives_zero() -> None:
    """A sequence of length 0 sees nothing, and says so without NaN."""
    from chatapp.kernels.gpu import step

    q, k, v = (x.detach() for x in on_device(20, batch=2))
    views = filled_cache(k, v, [0, 20], slots=5, r=3, capacity=20)
    out = step.attend_step(
        Pattern.parse("sparse(5, 3)"), q[:, :, -1:], views, torch.tensor([0, 20], device=DEVICE)
    )
    assert torch.equal(out[0], torch.zeros_like(out[0]))
    assert out[1].isfinite().all()


def test_keys_and_values_that_lie_differently_are_refused() -> None:
    """The kernel reads both with the same strides."""
    from chatapp.kernels.gpu import step

    q, k, v = (x.detach() for x in on_device(4))
    views = CacheViews(full=(k, torch.cat((v, v), dim=2)[:, :, ::2]))
    with pytest.raises(ValueError, match="must lie alike"):
        step.attend_step(Pattern.parse("dense"), q[:, :, -1:], views, torch.tensor([4]))


@pytest.mark.skipif(DEVICE == "cpu", reason="needs a CUDA device")
@pytest.mark.parametrize("text", ["local(64)", "sparse(100, 16)", "fixed(64, 8)"])
def test_training_on_a_gpu_goes_through_the_kernels(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As shipped, blocks and all: the public entry, with autograd, in bfloat16."""
    from chatapp.kernels.attention import attend

    monkeypatch.undo()
    pattern = Pattern.parse(text)
    q, k, v = (x.detach().bfloat16().requires_grad_() for x in on_device(700, width=64))
    out = attend(pattern, q, k, v)
    mask = pattern.mask(0, 700, q.device)
    own = scaled_dot_product_attention(q, k, v, attn_mask=mask, enable_gqa=True)
    exact = attend_oracle(pattern, q, k, v)
    grad = torch.randn_like(out)
    for mine, peer, truth in zip(
        (out, *torch.autograd.grad(out, (q, k, v), grad)),
        (own, *torch.autograd.grad(own, (q, k, v), grad)),
        (exact, *torch.autograd.grad(exact, (q, k, v), grad.double())),
        strict=True,
    ):
        error, allowed = (mine.double() - truth).abs().max(), (peer.double() - truth).abs().max()
        assert error <= 2 * allowed
