"""The patterns are what they say, and what is none is refused."""

from __future__ import annotations

import pytest

from chatapp.kernels.patterns import Pattern


def test_sparse_sees_the_band_and_the_stride_and_counts_no_key_twice() -> None:
    """sparse(3, 2) at position 7 sees 7, 6, 5 (band) and 3, 1 (stride), each once."""
    seen = Pattern.parse("sparse(3, 2)").mask(7, 8)[0]
    assert seen.nonzero().flatten().tolist() == [1, 3, 5, 6, 7]


def test_a_window_of_w_counts_the_token_itself() -> None:
    """local(3) at position 7 sees 5, 6 and 7: three tokens, not four."""
    assert Pattern.parse("local(3)").mask(7, 8)[0].nonzero().flatten().tolist() == [5, 6, 7]


def test_fixed_sees_its_block_and_the_last_columns_of_all_blocks() -> None:
    """fixed(4, 1) at position 9 sees 3 and 7 (last of their blocks), then 8 and 9."""
    assert Pattern.parse("fixed(4, 1)").mask(9, 10)[0].nonzero().flatten().tolist() == [3, 7, 8, 9]


@pytest.mark.parametrize("text", ["", "sprase(1, 2)", "local", "local(0)", "sparse(4)", "dense(3)"])
def test_a_pattern_that_is_none_is_refused(text: str) -> None:
    """The error says what is known."""
    with pytest.raises(ValueError, match="attention pattern"):
        Pattern.parse(text)
