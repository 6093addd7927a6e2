"""What a search provider is, and what it can say: results, none, or why there are none.

The thing to know: "nothing was found" and "nobody would look" are different answers. A page that
asks for a CAPTCHA parses as zero hits, and taking it for "no results" would make the app say that
something does not exist. So every search ends in one `Status`, and no provider raises.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

Status = Literal["ok", "none", "blocked", "rate_limited", "unreachable", "misconfigured"]
"""`ok`: there are results. `none`: it looked and found nothing. `blocked`: it wants to see a human.
`rate_limited`: it wants to be asked later. `unreachable`: no answer, or none that can be read.
`misconfigured`: a person has to change something first; `Found.fix` says what."""

ShouldStop = Callable[[], bool]


@dataclass(frozen=True)
class WebResult:
    """One result: sanitised text, and an address that is http(s) and nothing more is known of.

    `date` is an ISO day or empty. Whoever opens `url` has the fetcher's guard judge it first.
    """

    url: str
    title: str
    snippet: str
    date: str = ""


@dataclass(frozen=True)
class Found:
    """How one search ended.

    `why` says in words why there are no results, `fix` what a person can do about it, and
    `retry_after` how many seconds the provider asked to be left alone, if it said so.
    """

    status: Status
    results: tuple[WebResult, ...] = ()
    why: str = ""
    retry_after: float | None = None
    fix: str = ""


class SearchProvider(Protocol):
    """Somebody who can be asked for pages."""

    @property
    def name(self) -> str:
        """Return the word that names it in settings, traces and reports."""
        ...

    def search(self, query: str, limit: int, *, deadline: float, should_stop: ShouldStop) -> Found:
        """Return at most `limit` results for `query`, best first. Never raises.

        Args:
            query: words, as a person would type them.
            limit: at least 1.
            deadline: moment of `time.monotonic()` at which it has returned.
            should_stop: asked often; once it says yes, the search ends soon.
        """
        ...


def found(results: tuple[WebResult, ...], why: str = "nothing was found") -> Found:
    """Return `ok` with results, `none` without."""
    return Found("ok", results) if results else Found("none", why=why)
