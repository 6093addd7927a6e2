"""An API as the app has one, for servers on loopback; its one fetcher serves all tests."""

from __future__ import annotations

from retrieval.web.fetch import Fetcher
from retrieval.web.limits import FetchSettings
from retrieval.web.providers.guarded import GuardedApi

FETCHER = Fetcher(FetchSettings(delay=0.0))


def api(base: str = "") -> GuardedApi:
    """Return an API that may ask `base`, as if it stood in somebody's settings."""
    return GuardedApi(FETCHER, [base])
