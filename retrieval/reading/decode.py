"""From start and end logits to spans: the best short runs of tokens, overlapping ones once."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

LONGEST = 24  # tokens of an answer
_TOP = 8  # starts and ends that are combined


class TokenSpan(NamedTuple):
    """Tokens first … last and the sum of their logits over that of "no answer"."""

    first: int
    last: int
    margin: float


def best_spans(starts: Floats, ends: Floats, most: int) -> list[TokenSpan]:
    """Return up to `most` spans that do not overlap, best first.

    `starts` and `ends` are (1 + length,), the null logit first; ties go to the earlier span.
    """
    import numpy as np

    null = float(starts[0] + ends[0])
    top_starts = np.argsort(-starts[1:], kind="stable")[:_TOP].tolist()
    top_ends = np.argsort(-ends[1:], kind="stable")[:_TOP].tolist()
    pairs = [
        TokenSpan(first, last, float(starts[1 + first] + ends[1 + last]) - null)
        for first in top_starts
        for last in top_ends
        if first <= last < first + LONGEST
    ]
    pairs.sort(key=lambda span: (-span.margin, span.first, span.last))
    chosen: list[TokenSpan] = []
    for span in pairs:
        if len(chosen) < most and not any(
            span.first <= other.last and other.first <= span.last for other in chosen
        ):
            chosen.append(span)
    return chosen
