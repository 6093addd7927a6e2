"""Several providers, asked one after the other until one has results.

The thing to know: a provider that sent us away is left alone for a while and the next one is asked;
how each of them ended is kept, so that an answer without the web can say why. Cooldowns live as
long as the chain does.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from retrieval.web.providers.local import LocalIndex
from retrieval.web.providers.protocol import Found, SearchProvider, ShouldStop, Status, WebResult

# Seconds that a provider is left alone after its first refusal; each further one doubles them.
# SearXNG suspends an engine for an hour after a CAPTCHA, which is the longest here.
_COOLDOWNS: dict[Status, float] = {"rate_limited": 60.0, "blocked": 300.0, "unreachable": 15.0}
_LONGEST = 3600.0
_SHARE = 0.5  # of the time that is left: one provider that hangs leaves time for the others
# When nobody has results, the outcome that says most about what to do: it was looked, or somebody
# has to wait, or a person has to act, or nobody answered.
_TELLING: tuple[Status, ...] = ("none", "rate_limited", "blocked", "misconfigured", "unreachable")


@dataclass(frozen=True)
class Attempt:
    """How one provider ended; `skipped` when it was not asked because it is cooling down."""

    provider: str
    status: Status
    why: str
    seconds: float
    skipped: bool = False


@dataclass(frozen=True)
class Searched:
    """What a chain found, who found it ("" for nobody), and how everybody before it ended."""

    status: Status
    results: tuple[WebResult, ...]
    provider: str
    attempts: tuple[Attempt, ...]

    @property
    def why(self) -> str:
        """Say for each provider that gave nothing how it ended, in one line."""
        told = (attempt for attempt in self.attempts if attempt.status != "ok")
        return "; ".join(f"{attempt.provider}: {attempt.why}" for attempt in told)


@dataclass
class _Rest:
    """Until when a provider is left alone, why, and how often in a row it has sent us away."""

    until: float
    found: Found
    times: int


class ProviderChain:
    """Asks providers in order. Any thread may use it; the cooldowns are shared.

    Args:
        providers: whom to ask, first choice first.
        clock: seconds that only ever grow; tests bring their own.
    """

    def __init__(
        self, providers: Sequence[SearchProvider], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.providers = tuple(providers)
        self._clock = clock
        self._lock = threading.Lock()
        self._resting: dict[str, _Rest] = {}

    def search(
        self, query: str, limit: int, *, deadline: float, should_stop: ShouldStop
    ) -> Searched:
        """Return the results of the first provider that has any, by `deadline`. Never raises.

        Args:
            query: words to search for.
            limit: results wanted, at least 1.
            deadline: moment of `time.monotonic()`; each provider gets a share of what is left.
            should_stop: once it says yes, nobody else is asked.
        """
        attempts: list[Attempt] = []
        for place, provider in enumerate(self.providers):
            if should_stop():
                break
            rest = self._rest_of(provider.name)
            if rest is not None:
                attempts.append(rest)
                continue
            until = self._until(deadline, last=place == len(self.providers) - 1)
            began = time.monotonic()
            outcome = provider.search(query, limit, deadline=until, should_stop=should_stop)
            taken = time.monotonic() - began
            attempts.append(Attempt(provider.name, outcome.status, outcome.why, taken))
            if not should_stop():  # what was cut short says nothing about the provider
                self._note(provider.name, outcome)
            if outcome.status == "ok":
                return Searched("ok", outcome.results, provider.name, tuple(attempts))
        return Searched(_overall(attempts), (), "", tuple(attempts))

    def _until(self, deadline: float, *, last: bool) -> float:
        now = time.monotonic()
        return deadline if last else now + _SHARE * max(0.0, deadline - now)

    def _rest_of(self, name: str) -> Attempt | None:
        with self._lock:
            rest = self._resting.get(name)
            left = rest.until - self._clock() if rest else 0.0
        if rest is None or left <= 0:
            return None
        why = f"{rest.found.why}; not asked again for {left:.0f} s"
        return Attempt(name, rest.found.status, why, 0.0, skipped=True)

    def _note(self, name: str, outcome: Found) -> None:
        """Remember a refusal, and forget earlier ones once it works again."""
        with self._lock:
            before = self._resting.pop(name, None)
            if outcome.status not in _COOLDOWNS:
                return
            times = before.times + 1 if before else 1
            own = _COOLDOWNS[outcome.status] * 2 ** min(times - 1, 20)
            seconds = min(max(own, outcome.retry_after or 0.0), _LONGEST)
            self._resting[name] = _Rest(self._clock() + seconds, outcome, times)


def _overall(attempts: Sequence[Attempt]) -> Status:
    """Return the most telling status; without any attempt nobody could be reached.

    That the person's own index holds nothing does not mean that the web was searched.
    """
    web = [attempt for attempt in attempts if attempt.provider != LocalIndex.name]
    seen = {attempt.status for attempt in web or attempts}
    return next((status for status in _TELLING if status in seen), "unreachable")
