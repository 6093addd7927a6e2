"""A step over the cache equals the definition, whatever the cache went through before."""

from __future__ import annotations

import pytest
import torch

from chatapp.kernels.oracle import attend_oracle
from chatapp.kernels.patterns import Pattern
from chatapp.kernels.step import CacheViews, attend_step
from tests.kernels.cases import PATTERNS, filled_cache, random_qkv


@pytest.mark.parametrize("text", PATTERNS)
@pytest.mark.parametrize("tokens", [1, 3])
@pytest.mark.parametrize("spare", [0, 4])
def test_a_step_is_exact_at_every_length(text: str, tokens: int, spare: int) -> None:
    """From the first token to past twice the window, with and without room to roll back."""
    pattern, capacity = Pattern.parse(text), 20
    q, k, v = random_qkv(capacity)
    whole = attend_oracle(pattern, q, k, v)
    slots = 5 + tokens - 1 + spare
    for length in range(tokens, capacity + 1):
        views = filled_cache(k, v, [length] * 2, slots=slots, r=pattern.r or 1, capacity=capacity)
        new = slice(length - tokens, length)
        out = attend_step(pattern, q[:, :, new], views, torch.tensor([length, length]))
        torch.testing.assert_close(out, whole[:, :, new])


@pytest.mark.parametrize("text", PATTERNS)
def test_sequences_of_a_batch_have_lengths_of_their_own(text: str) -> None:
    """No sequence sees what is beyond its own end, which is NaN here."""
    pattern, lengths = Pattern.parse(text), [1, 5, 17]
    q, k, v = random_qkv(20, batch=3)
    views = filled_cache(k, v, lengths, slots=6, r=pattern.r or 1, capacity=20)
    newest = torch.stack([q[row, :, n - 1 : n] for row, n in enumerate(lengths)])
    whole = attend_oracle(pattern, q, k, v)
    expected = torch.stack([whole[row, :, n - 1 : n] for row, n in enumerate(lengths)])
    out = attend_step(pattern, newest, views, torch.tensor(lengths))
    torch.testing.assert_close(out, expected)


def test_a_cache_that_lacks_the_layout_is_refused() -> None:
    """The error names the layout."""
    q, k, v = random_qkv(1)
    with pytest.raises(ValueError, match="layout 'ring'"):
        attend_step(Pattern.parse("local(4)"), q, CacheViews(full=(k, v)), torch.tensor([1, 1]))


def test_a_ring_too_small_for_the_window_is_refused() -> None:
    """Three new tokens of window 5 need seven slots, once there are seven tokens."""
    q, k, v = random_qkv(3)
    views = CacheViews(ring=(k.new_zeros(2, 2, 6, 8), v.new_zeros(2, 2, 6, 8)))
    attend_step(Pattern.parse("local(5)"), q, views, torch.tensor([6, 6]))
    with pytest.raises(ValueError, match="a ring of 7 slots, got 6"):
        attend_step(Pattern.parse("local(5)"), q, views, torch.tensor([7, 7]))
