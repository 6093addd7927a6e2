"""What a suite is, so that one runner can show, limit, stop and report all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from chatapp.evaluation.estimates import Estimate
from chatapp.evaluation.result import Metrics, Result

Done = Callable[[int], object]
"""Told how many more items are measured."""


class Suite(Protocol):
    """A measurement that is set up: data read, model loaded, examples chosen."""

    name: str
    unit: str

    def size(self) -> int:
        """Return how many items `run` will report to `done`."""
        ...

    def run(self, done: Done) -> Result:
        """Measure and return the figures; nothing is printed and nothing is written."""
        ...


def present(estimates: Mapping[str, Estimate | None]) -> Metrics:
    """Leave out the metrics that applied to no item."""
    return {name: found for name, found in estimates.items() if found is not None}
