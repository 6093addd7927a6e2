"""From the logits of all spans to a few: the best that do not overlap."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

_TOP = 400  # spans that are looked at, best first; most overlap


class TokenSpan(NamedTuple):
    """Tokens first … last and by how much their logit is above that of "no answer"."""

    first: int
    last: int
    margin: float


def best_spans(spans: Floats, null: float, most: int) -> list[TokenSpan]:
    """Return up to `most` spans that do not overlap, best first.

    `spans` (length, longest) holds the logit of each span by its first token and its length;
    ties go to the earlier and shorter span.
    """
    import numpy as np

    longest = spans.shape[1]
    chosen: list[TokenSpan] = []
    for place in np.argsort(-spans.ravel(), kind="stable")[:_TOP].tolist():
        first, more = divmod(place, longest)
        last = first + more
        if last >= len(spans) or len(chosen) == most:
            break
        if not any(first <= other.last and other.first <= last for other in chosen):
            chosen.append(TokenSpan(first, last, float(spans[first, more]) - null))
    return chosen
