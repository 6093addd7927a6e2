"""Attention to parts of the keys, and the parts put together again."""

from __future__ import annotations

import pytest
import torch

from chatapp.kernels.oracle import attend_oracle
from chatapp.kernels.partial import attend_part, attend_part_by_definition, merge
from chatapp.kernels.patterns import Pattern
from tests.kernels.cases import random_qkv


def test_parts_merge_into_the_whole_and_overlap_would_not() -> None:
    """Two disjoint sets of keys give the softmax over both; a key counted twice spoils it."""
    q, k, v = random_qkv(12, kv_heads=4)
    mask = Pattern.parse("dense").mask(0, 12)
    early, late = mask.clone(), mask.clone()
    early[:, 5:], late[:, :5] = False, False
    expected = attend_oracle(Pattern.parse("dense"), q, k, v)
    merged, _ = merge(attend_part(q, k, v, late), attend_part(q, k, v, early))
    torch.testing.assert_close(merged, expected)
    late[:, :6] = mask[:, :6]
    twice, _ = merge(attend_part(q, k, v, late), attend_part(q, k, v, early))
    assert (twice - expected).abs().max() > 0.01


@pytest.mark.parametrize("attend", [attend_part, attend_part_by_definition])
def test_a_query_that_sees_nothing_weighs_nothing(attend: object) -> None:
    """Its output is 0 and its weight in a merge too, with the fused kernel and without."""
    q, k, v = random_qkv(6, kv_heads=4)
    mask = Pattern.parse("dense").mask(0, 6)
    mask[2] = False
    assert callable(attend)
    out, lse = attend(q, k, v, mask)
    assert torch.equal(out[:, :, 2], torch.zeros_like(out[:, :, 2]))
    assert (lse[:, :, 2] == -torch.inf).all()
    whole = attend(q, k, v, None)
    merged, _ = merge(whole, (out, lse))
    torch.testing.assert_close(merged[:, :, 2], whole[0][:, :, 2])


def test_both_ways_to_a_part_agree() -> None:
    """Output and log-sum-exp."""
    q, k, v = random_qkv(9, kv_heads=4)
    mask = Pattern.parse("local(3)").mask(0, 9)
    torch.testing.assert_close(attend_part(q, k, v, mask), attend_part_by_definition(q, k, v, mask))
