"""Spans scored as a whole: what the network says of each, and which of them are taken."""

from __future__ import annotations

import numpy as np
import torch

from retrieval.reading.decode import best_spans
from retrieval.reading.network import LONGEST, SpanHead


def test_a_span_counts_its_start_its_end_and_what_lies_between() -> None:
    """Untrained, the head adds nothing; trained, the same ends with other words between differ."""
    torch.manual_seed(1)
    head, starts, ends = SpanHead(4, hidden=8), torch.randn(2, 6), torch.randn(2, 6)
    read = torch.randn(2, 6, 4)
    plain = head(read, starts, ends)
    assert plain.shape == (2, 6, LONGEST)
    assert torch.allclose(plain[:, 1, 3], starts[:, 1] + ends[:, 4])
    torch.nn.init.ones_(head.inside.weight)
    other = read.clone()
    other[:, 2] += 1
    assert not torch.allclose(head(read, starts, ends)[:, 1, 3], head(other, starts, ends)[:, 1, 3])
    assert torch.allclose(head(read, starts, ends)[:, 3, 2], head(other, starts, ends)[:, 3, 2])


def test_a_span_beyond_the_passage_is_never_taken() -> None:
    """What would end behind the last token has no chance, however good its start."""
    head = SpanHead(4, hidden=8)
    spans = head(torch.zeros(1, 3, 4), torch.tensor([[0.0, 1.0, 9.0]]), torch.zeros(1, 3))
    found = best_spans(spans[0].detach().numpy(), 0.0, 9)
    assert all(span.last < 3 for span in found)
    assert (found[0].first, found[0].last, found[0].margin) == (2, 2, 9.0)


def test_spans_are_taken_best_first_and_never_overlap() -> None:
    """The second best span is the best of those that share no token with the first."""
    spans = np.full((6, LONGEST), -50.0, dtype=np.float32)
    spans[1, 2], spans[2, 1], spans[5, 0], spans[0, 0] = 5.0, 4.0, 3.0, 2.0
    found = best_spans(spans, 1.0, 3)
    assert [(span.first, span.last) for span in found] == [(1, 3), (5, 5), (0, 0)]
    assert [span.margin for span in found] == [4.0, 2.0, 1.0]
