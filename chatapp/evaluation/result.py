"""What a suite returns, and the one JSON line that every evaluation ends with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from chatapp.evaluation.estimates import Estimate
from chatapp.machine import machine

Metrics = Mapping[str, Estimate]


@dataclass(frozen=True)
class Result:
    """The figures of one run: metrics by variant (a file, a model, a way to search).

    `n` is the number of items that were measured; `config` says all that the figures depend on.
    """

    variants: Mapping[str, Metrics]
    n: int
    config: Mapping[str, object] = field(default_factory=dict)


def line(result: Result) -> dict[str, object]:
    """Return the JSON form; with one variant its metrics stand flat, with several nested by name.

    `counts` says over how many items each metric was taken, `chance` what guessing would reach.
    """

    def pick(attribute: str) -> object:
        nested = {
            name: {
                metric: round(value, 6) if isinstance(value, float) else value
                for metric, estimate in metrics.items()
                if (value := getattr(estimate, attribute)) is not None
            }
            for name, metrics in result.variants.items()
        }
        return next(iter(nested.values())) if len(nested) == 1 else nested

    return {
        "metrics": pick("mean"),
        "n": result.n,
        "stderr": pick("stderr"),
        "counts": pick("n"),
        "chance": pick("chance"),
        "config": dict(result.config),
        "machine": machine(),
    }
