"""Checks of web search: what is set up, and, when a person asks for it, whether it answers.

The thing to know: without `--online` nobody is contacted. With it each provider that is set up gets
one search for a word that gives nothing away.
"""

from __future__ import annotations

import os
import time
from contextlib import closing
from typing import TYPE_CHECKING

from chatapp.cli.doctor.check import Check, Status
from chatapp.settings import WebSettings, load_settings

if TYPE_CHECKING:
    from retrieval.web.fetch import Fetcher
    from retrieval.web.providers.protocol import Found, SearchProvider

_WORD = "encyclopedia"
_PATIENCE = 15.0  # seconds for one provider
_FIXES = {
    "none": "its index may be empty; ask it for the word in a browser.",
    "blocked": "wait some hours, or put another provider first in web.providers.",
    "rate_limited": "wait some minutes; until then the next provider is asked.",
    "unreachable": "check the network, a firewall, and the address in your settings.",
}


def web() -> Check:
    """Whether the web may be searched, and through whom; nobody is contacted."""
    settings = load_settings().settings.web
    if settings.consent == "never":
        return Check("web", "ok", "switched off by the setting web.consent")
    ready, missing = [], []
    for name in settings.providers:
        lacks = _lacks(name, settings)
        if lacks:
            missing.append(f"{name} ({lacks})")
        else:
            ready.append(name)
    detail = f"consent: {settings.consent}; set up: {', '.join(ready) or 'nobody'}"
    if missing:
        detail += f"; not set up: {', '.join(missing)}"
    if not ready:
        return Check("web", "warn", detail, "set up one of web.providers, or name `wikipedia`.")
    return Check("web", "ok", f"{detail}; `chatapp doctor --online` tries them")


def providers() -> list[Check]:
    """Each provider that is set up answers one search."""
    settings = load_settings().settings.web
    if settings.consent == "never":
        return []
    return [_tried(name, settings) for name in settings.providers if name != "index"]


def _tried(name: str, settings: WebSettings) -> Check:
    from retrieval.web.providers.protocol import Found

    label = f"web {name}"
    with closing(_fetcher(settings)) as fetcher:
        provider = _provider(name, settings, fetcher)
        if isinstance(provider, Found):
            return Check(label, "ok", f"not set up: {provider.why}; to use it, {provider.fix}")
        began = time.monotonic()
        outcome = provider.search(_WORD, 3, deadline=began + _PATIENCE, should_stop=lambda: False)
        seconds = time.monotonic() - began
    if outcome.status == "ok":
        return Check(label, "ok", f"{len(outcome.results)} results in {seconds:.1f} s")
    status: Status = "fail" if outcome.status == "misconfigured" else "warn"
    detail = f"{outcome.status.replace('_', ' ')}: {outcome.why}"
    return Check(label, status, detail, outcome.fix or _FIXES[outcome.status])


def _lacks(name: str, settings: WebSettings) -> str:
    """Return what a provider needs before it can be asked, or nothing."""
    from retrieval.web.providers.protocol import Found

    if name == "index":
        return ""  # an index is made when it is first asked
    with closing(_fetcher(settings)) as fetcher:
        provider = _provider(name, settings, fetcher)
    return provider.why if isinstance(provider, Found) else ""


def _fetcher(settings: WebSettings) -> Fetcher:
    """Return a fetcher as answers use it; it starts nothing before it is asked."""
    from chatapp.version import __version__
    from retrieval.web.fetch import Fetcher
    from retrieval.web.limits import FetchSettings

    agent = f"chatapp/{__version__}"
    return Fetcher(FetchSettings(agent, contact=settings.contact, allow=settings.allow))


def _provider(name: str, settings: WebSettings, fetcher: Fetcher) -> SearchProvider | Found:
    from chatapp.version import __version__
    from retrieval.web.providers.build import chosen_addresses, make_provider, user_agent
    from retrieval.web.providers.guarded import GuardedApi

    api = GuardedApi(fetcher, chosen_addresses(settings))
    agent = user_agent(__version__, settings.contact)
    return make_provider(name, settings, api, user_agent=agent, index=None, environment=os.environ)
