"""`chatapp eval filter`: how well the content filter tells requests for harm from all others.

The thing to know: precision depends on how many of the requests are harmful. It is taken over the
files as they are; `false_alarms`, the share of other requests that are refused, does not depend on
that.
"""

from __future__ import annotations

from collections.abc import Sequence

from chatapp.evaluation.estimates import Estimate, estimate
from chatapp.evaluation.result import Result
from chatapp.evaluation.suite import Done, present
from chatapp.moderation.filter import ContentFilter


class FilterSuite:
    """A filter, requests that it should refuse, and others, all distinct."""

    name = "filter"
    unit = "request"

    def __init__(self, judge: ContentFilter, harmful: Sequence[str], others: Sequence[str]) -> None:
        self._judge, self._harmful, self._others = judge, harmful, others

    def size(self) -> int:
        """See `Suite.size`."""
        return len(self._harmful) + len(self._others)

    def run(self, done: Done) -> Result:
        """See `Suite.run`."""
        caught = self._refused(self._harmful, done)
        wrong = self._refused(self._others, done)
        refused = [1.0] * int(sum(caught)) + [0.0] * int(sum(wrong))
        found: dict[str, Estimate | None] = {
            "recall": estimate(caught),
            "false_alarms": estimate(wrong),
            "precision": estimate(refused, chance=len(caught) / max(1, self.size())),
        }
        return Result({"filter": present(found)}, self.size())

    def _refused(self, texts: Sequence[str], done: Done) -> list[float]:
        verdicts = []
        for text in texts:
            verdicts.append(float(self._judge.refuses(text)))
            done(1)
        return verdicts
