"""From settings to providers: which of them are set up, and what each of the others lacks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol
from urllib.parse import urlsplit

from retrieval.web.limits import printable
from retrieval.web.providers.api import Api
from retrieval.web.providers.chain import ProviderChain
from retrieval.web.providers.ddgs import Ddgs
from retrieval.web.providers.keyed import Brave, Tavily
from retrieval.web.providers.local import LocalIndex, Searchable
from retrieval.web.providers.mediawiki import MediaWiki
from retrieval.web.providers.protocol import Found, SearchProvider
from retrieval.web.providers.searxng import SearxNg

NAMES = ("wikipedia", "searxng", "brave", "tavily", "ddgs", "index")


class Options(Protocol):
    """What is chosen about providers; the app's `[web]` settings are such options."""

    @property
    def providers(self) -> Sequence[str]:
        """Names of `NAMES`, first choice first."""
        ...

    @property
    def wikipedia_url(self) -> str:
        """Address of the wiki."""
        ...

    @property
    def searxng_url(self) -> str:
        """Address of a SearXNG, or nothing."""
        ...

    @property
    def brave_key_env(self) -> str:
        """Name of the environment variable that holds the key."""
        ...

    @property
    def tavily_key_env(self) -> str:
        """Name of the environment variable that holds the key."""
        ...


def chosen_addresses(options: Options) -> list[str]:
    """Return the addresses that a person put into their settings: these may be in their network.

    Wikipedia's own is none of them: it has to be public like any other.
    """
    wiki = options.wikipedia_url
    public = (urlsplit(wiki).hostname or "").endswith(".wikipedia.org")
    return [address for address in (options.searxng_url, "" if public else wiki) if address]


def user_agent(version: str, contact: str) -> str:
    """Return how we introduce ourselves: the program, its version, and how to reach who runs it.

    https://foundation.wikimedia.org/wiki/Policy:Wikimedia_Foundation_User-Agent_Policy asks for it.
    """
    return f"chatapp/{version} ({printable(contact) or 'an assistant that one person runs'})"


def make_provider(
    name: str,
    options: Options,
    api: Api,
    *,
    user_agent: str,
    index: Searchable | None,
    environment: Mapping[str, str],
) -> SearchProvider | Found:
    """Return the provider of this name, or as `misconfigured` what it lacks.

    Raises:
        ValueError: no provider has this name; the message lists them.
    """
    match name:
        case "wikipedia":
            return MediaWiki(api, options.wikipedia_url, user_agent)
        case "searxng":
            if not options.searxng_url:
                return _lacks("no address is set", "set web.searxng_url to the address of yours.")
            return SearxNg(api, options.searxng_url, user_agent)
        case "brave" | "tavily":
            variable = options.brave_key_env if name == "brave" else options.tavily_key_env
            key = environment.get(variable, "").strip()
            if not key:
                return _lacks("there is no key", f"put one into the variable {variable}.")
            return (Brave if name == "brave" else Tavily)(api, key, variable)
        case "ddgs":
            return Ddgs()
        case "index":
            return LocalIndex(index) if index else _lacks("there is no index", "add sources to it.")
    raise ValueError(f"there is no search provider {name!r}; there are {', '.join(NAMES)}")


def make_chain(
    options: Options,
    api: Api,
    *,
    user_agent: str,
    index: Searchable | None,
    environment: Mapping[str, str],
) -> ProviderChain:
    """Return the chain of those providers that are set up; the others are no part of it."""
    made = (
        make_provider(
            name, options, api, user_agent=user_agent, index=index, environment=environment
        )
        for name in options.providers
    )
    return ProviderChain([provider for provider in made if not isinstance(provider, Found)])


def _lacks(why: str, fix: str) -> Found:
    return Found("misconfigured", why=why, fix=fix)
