"""The query side of our embedder: one small transformer block over the rows of a question.

The thing to know: passages stay sums of rows, so an index is built fast; only the few words of a
question are read in context. The block gives each row a weight and adds a correction; with its
output at zero it is the plain sum again. NumPy only: a question takes well under a millisecond.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float32]

PREFIX = "asking."  # of its tensors in the embedder's weights
_EPSILON = 1e-5
_BIASED = ("mix", "mixed", "wide", "narrow", "inside", "attended", "widened", "outside")
NAMES = {"place", "weigh", "correct", *_BIASED, *(f"{name}_bias" for name in _BIASED)}


class AskingBlock:
    """Rows of one question to its (not yet unit) vector.

    Weights, d being the dimension: `place` (longest, d); `inside`, `attended`, `widened` and
    `outside` of layer norms (d,); `mix` (3 d, d) and `mixed` (d, d) of attention; `wide`
    (hidden, d) and `narrow` (d, hidden); `weigh` (d,) and `correct` (d, d). Biases end in `_bias`.
    """

    def __init__(self, weights: Mapping[str, Array], heads: int) -> None:
        missing = NAMES - weights.keys()
        if missing:
            raise ValueError(f"the query side lacks {', '.join(sorted(missing))}")
        self._w = weights
        self._heads = heads
        self.longest = int(weights["place"].shape[0])

    def __call__(self, rows: Array) -> Array:
        """Return the vector, float32 (d,), of `rows` (length, d), the first `longest` of them."""
        import numpy as np

        w, rows = self._w, rows[: self.longest]
        state = self._norm(rows, "inside") + w["place"][: len(rows)]
        state = state + self._attend(self._norm(state, "attended"))
        wide = self._norm(state, "widened") @ w["wide"].T + w["wide_bias"]
        state = state + np.maximum(wide, 0) @ w["narrow"].T + w["narrow_bias"]
        state = self._norm(state, "outside")
        weights = np.exp(state @ w["weigh"])
        vector: Array = (weights[:, None] * rows + state @ w["correct"].T).sum(axis=0)
        return vector

    def _norm(self, state: Array, name: str) -> Array:
        import numpy as np

        centred = state - state.mean(axis=1, keepdims=True)
        scale = np.sqrt((centred**2).mean(axis=1, keepdims=True) + _EPSILON)
        result: Array = centred / scale * self._w[name] + self._w[f"{name}_bias"]
        return result

    def _attend(self, state: Array) -> Array:
        """Multi-head attention of every row to every row (Vaswani et al. 2017)."""
        import numpy as np

        length, width = state.shape
        mixed = state @ self._w["mix"].T + self._w["mix_bias"]
        query, key, value = mixed.reshape(length, 3, self._heads, -1).transpose(1, 2, 0, 3)
        scores = query @ key.transpose(0, 2, 1) / np.sqrt(np.float32(width / self._heads))
        shares = np.exp(scores - scores.max(axis=2, keepdims=True))
        shares /= shares.sum(axis=2, keepdims=True)
        heads = (shares @ value).transpose(1, 0, 2).reshape(length, width)
        result: Array = heads @ self._w["mixed"].T + self._w["mixed_bias"]
        return result
