"""The trained filter: text in, the probability that it asks for harm out.

The thing to know: it is a linear head over hashed words, not over the chat model. On the same
requests that did better than a head over the model's hidden states (see `docs/log.md`), it takes a
tenth of a millisecond, and it works before any model is loaded.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path

from chatapp.moderation.features import BUCKETS, features

CONFIG_NAME = "config.json"
WEIGHTS_NAME = "model.safetensors"


class FilterDamaged(Exception):
    """The filter's files are missing or do not belong together; `hint` names the fix."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.hint = "install chatapp again, or set content_filter to false."


class ContentFilter:
    """A logistic model; `threshold` is the probability from which a text is refused."""

    def __init__(self, weights: Sequence[float], bias: float, threshold: float) -> None:
        """`weights` has one number for each bucket of `features`."""
        self._weights, self._bias, self.threshold = weights, bias, threshold

    @classmethod
    def load(cls, directory: Path) -> ContentFilter:
        """Load from `config.json` and `model.safetensors`.

        Raises:
            FilterDamaged: a file is missing, truncated or does not fit the other.
        """
        from safetensors.numpy import load_file

        try:
            config = json.loads((directory / CONFIG_NAME).read_text("utf-8"))
            weights = load_file(directory / WEIGHTS_NAME)["weights"].astype("float64").tolist()
            bias, threshold = float(config["bias"]), float(config["threshold"])
        except Exception as error:  # safetensors has an error type of its own
            raise FilterDamaged(f"the content filter cannot be read: {error}") from error
        if len(weights) != BUCKETS:
            raise FilterDamaged(f"the content filter has {len(weights)} rows instead of {BUCKETS}")
        return cls(weights, bias, threshold)

    def probability(self, text: str) -> float:
        """Return the estimated probability that `text` asks for harm, from 0 to 1."""
        rows = features(text)
        # by the root of their number: long texts are not more certain for being long
        total = self._bias + sum(self._weights[row] for row in rows) / math.sqrt(len(rows))
        return 1.0 / (1.0 + math.exp(-max(-30.0, min(30.0, total))))

    def refuses(self, text: str) -> bool:
        """Say whether `text` is refused."""
        return self.probability(text) >= self.threshold
