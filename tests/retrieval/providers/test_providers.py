"""Search providers over real HTTP: results that are safe to show, and refusals told apart."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import pytest

from retrieval.web.http import Request
from retrieval.web.providers.api import Answer
from retrieval.web.providers.build import (
    NAMES,
    make_chain,
    make_provider,
    user_agent,
)
from retrieval.web.providers.chain import ProviderChain
from retrieval.web.providers.keyed import Brave, Tavily
from retrieval.web.providers.mediawiki import MediaWiki
from retrieval.web.providers.protocol import Found, SearchProvider, ShouldStop
from retrieval.web.providers.searxng import SearxNg
from tests.miniweb import Fault, MiniWeb
from tests.retrieval.providers.asking import api

AGENT = user_agent("1.0", "me@example.org")


def never() -> bool:
    return False


def ask(provider: SearchProvider, query: str, limit: int = 5, seconds: float = 20) -> Found:
    """Search with a deadline so generous that only a hang meets it."""
    return provider.search(query, limit, deadline=time.monotonic() + seconds, should_stop=never)


def wiki(web: MiniWeb) -> MediaWiki:
    return MediaWiki(api(web.base), web.base, AGENT)


def searx(web: MiniWeb) -> SearxNg:
    return SearxNg(api(web.base), web.base, AGENT)


def test_wikipedia_finds_pages_and_says_who_asks(web: MiniWeb) -> None:
    """Title, clean snippet, date and an address that can be opened; the User-Agent is ours."""
    found = ask(wiki(web), "Which river in Poland is the longest?")
    assert found.status == "ok"
    best = found.results[0]
    assert (best.title, best.url) == ("Vistula", f"{web.base}/wiki/Vistula")
    assert best.date == "2019-07-20"
    assert "<" not in best.snippet
    assert "longest river" in best.snippet
    assert {asked.user_agent for asked in web.log} == {"chatapp/1.0 (me@example.org)"}


def test_searxng_finds_pages(web: MiniWeb) -> None:
    """The other API, the same results."""
    found = ask(searx(web), "atomic number of radium")
    assert found.results[0].title == "Radium"
    assert len(found.results) <= 5


@pytest.mark.parametrize("make", [wiki, searx])
@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("captcha", "blocked"),
        ("rate_limit", "rate_limited"),
        ("accepted", "rate_limited"),
        ("error", "unreachable"),
        ("drop", "unreachable"),
        ("garbage", "unreachable"),
    ],
)
def test_a_refusal_is_never_taken_for_no_results(
    web: MiniWeb, make: Callable[[MiniWeb], SearchProvider], kind: str, status: str
) -> None:
    """A CAPTCHA comes with status 200 and no results, and is still told apart."""
    web.faults.set(Fault(kind))  # type: ignore[arg-type]
    found = ask(make(web), "radium")
    assert (found.status, found.results) == (status, ())
    assert found.why


def test_a_server_may_say_how_long_to_wait(web: MiniWeb) -> None:
    """Its `Retry-After` is passed on."""
    web.faults.set(Fault("rate_limit", seconds=77))
    assert ask(wiki(web), "radium").retry_after == 77


def test_a_forbidden_wiki_is_blocked_and_a_forbidden_searxng_needs_json(web: MiniWeb) -> None:
    """403 means two things, and only one of them can be mended in a settings file."""
    web.faults.set(Fault("forbidden"))
    assert ask(wiki(web), "radium").status == "blocked"
    found = ask(searx(web), "radium")
    assert (found.status, "search.formats" in found.fix) == ("misconfigured", True)


def test_a_slow_server_is_left_at_the_deadline(web: MiniWeb) -> None:
    """Nobody waits for it longer than they said."""
    web.faults.set(Fault("slow", seconds=30))
    began = time.monotonic()
    found = ask(wiki(web), "radium", seconds=0.5)
    assert found.status == "unreachable"
    assert time.monotonic() - began < 15


def test_a_search_can_be_stopped(web: MiniWeb) -> None:
    """Whoever stops waits for no server."""
    web.faults.set(Fault("slow", seconds=30))
    began = time.monotonic()
    found = wiki(web).search("radium", 5, deadline=began + 25, should_stop=lambda: True)
    assert (found.status, found.why) == ("unreachable", "stopped")
    assert time.monotonic() - began < 15


def test_nobody_listens_there() -> None:
    """A dead address is unreachable, at once."""
    assert ask(
        MediaWiki(api("http://127.0.0.1:9"), "http://127.0.0.1:9", AGENT), "radium"
    ).status == ("unreachable")


class Canned:
    """An API that answers one text and keeps what it was asked."""

    def __init__(self, body: object, status: int = 200) -> None:
        text = body if isinstance(body, str) else json.dumps(body)
        self._answer = Answer(status, text)
        self.asked: list[Request] = []

    def ask(self, request: Request, *, deadline: float, should_stop: ShouldStop) -> Answer:
        self.asked.append(request)
        return self._answer


def test_a_wiki_that_is_busy_says_so_with_status_200() -> None:
    """Its own errors are no results either."""
    busy = Canned({"error": {"code": "maxlag", "info": "Waiting for db"}})
    assert ask(MediaWiki(busy, "https://w.example", AGENT), "x").status == "rate_limited"
    other = Canned({"error": {"code": "internal_api_error"}})
    assert ask(MediaWiki(other, "https://w.example", AGENT), "x").status == "unreachable"


def test_search_operators_in_a_question_are_words_to_a_wiki() -> None:
    """Whatever a person types is looked for, never obeyed; and then looked for by any word."""
    api = Canned({"query": {"search": [], "general": {"articlepath": "/wiki/$1"}}})
    found = ask(MediaWiki(api, "https://w.example", AGENT), 'who "wrote" insource:/x/ -the *book*?')
    assert found.status == "none"
    first, second = (request.url for request in api.asked)
    assert "srsearch=wrote+insource+x+book&" in first
    assert "wrote+OR+insource+OR+x+OR+book" in second


@pytest.mark.parametrize(
    ("engines", "status"),
    [
        ([], "none"),
        ([["google", "CAPTCHA"], ["bing", "timeout"]], "blocked"),
        ([["brave", "Suspended: too many requests"]], "blocked"),
        ([["bing", "timeout"]], "unreachable"),
        ("nonsense", "none"),
    ],
)
def test_engines_that_were_kept_out_found_nothing_for_a_reason(
    engines: object, status: str
) -> None:
    """An empty list of results beside engines that would not look is not "no results"."""
    api = Canned({"results": [], "unresponsive_engines": engines})
    assert ask(SearxNg(api, "https://s.example", AGENT), "x").status == status


def test_results_are_cleaned_before_anybody_sees_them() -> None:
    """Escapes, bidi marks and tags go; addresses of no page are left out; each address once."""
    rows = [
        {
            "url": "https://a.example/1",
            "title": "T\x1b[2J\u202e<b>x</b>",
            "content": "a\u200bb &amp; c",
        },
        {"url": "https://a.example/1", "title": "again", "content": ""},
        {"url": "javascript:alert(1)", "title": "no", "content": ""},
        {"url": "file:///etc/passwd", "title": "no", "content": ""},
        {"url": "https://user:pass@a.example/", "title": "no", "content": ""},
        {"url": "https://a.example/\u202etxt", "title": "no", "content": ""},
        {"url": "https://a.example/" + "x" * 5000, "title": "no", "content": ""},
        {"url": ["https://a.example/"], "title": "no", "content": ""},
        {"title": "no address", "content": ""},
        "no object",
        {"url": "http://b.example/2", "title": None, "content": 7, "publishedDate": "2020-01-02T0"},
    ]
    found = ask(SearxNg(Canned({"results": rows}), "https://s.example", AGENT), "x", 10)
    assert [(r.url, r.title, r.snippet, r.date) for r in found.results] == [
        ("https://a.example/1", "T[2Jx", "ab & c", ""),
        ("http://b.example/2", "http://b.example/2", "", "2020-01-02"),
    ]


@pytest.mark.parametrize("body", ["[]", "{}", '{"results": 7}', '{"query": []}', "[" * 100_000])
def test_an_answer_of_another_shape_is_no_result_and_no_crash(body: str) -> None:
    """Servers may say anything."""
    for provider in (
        MediaWiki(Canned(body), "https://w.example", AGENT),
        SearxNg(Canned(body), "https://s.example", AGENT),
        Tavily(Canned(body), "k", "TAVILY_API_KEY"),
    ):
        assert ask(provider, "x").status in ("unreachable", "misconfigured")


def test_brave_and_tavily_send_the_key_in_a_header_only() -> None:
    """It stands in no address, and a key that is refused is named by its variable alone."""
    row = {"url": "https://a.example/", "title": "A", "description": "d", "content": "d"}
    brave = Canned({"web": {"results": [{**row, "page_age": "2024-05-06T07:08:09"}]}})
    found = ask(Brave(brave, "sesame", "BRAVE_API_KEY"), "two words")
    assert (found.results[0].snippet, found.results[0].date) == ("d", "2024-05-06")
    assert "sesame" not in brave.asked[0].url
    assert brave.asked[0].headers["X-Subscription-Token"] == "sesame"
    tavily = Canned({"results": [row]})
    assert ask(Tavily(tavily, "sesame", "TAVILY_API_KEY"), "x").results[0].title == "A"
    assert tavily.asked[0].json["query"] == "x"
    for refused in (
        ask(Brave(Canned("{}", 422), "sesame", "BRAVE_API_KEY"), "x"),
        ask(Tavily(Canned("{}", 401), "sesame", "TAVILY_API_KEY"), "x"),
    ):
        assert refused.status == "misconfigured"
        assert "_API_KEY" in refused.fix
        assert "sesame" not in refused.why + refused.fix
    assert ask(Tavily(Canned("{}", 432), "k", "T"), "x").status == "rate_limited"


@pytest.mark.parametrize("key", ["“abc”", "schlüssel", "a\nb", "a\x7f"])
@pytest.mark.parametrize("kind", [Brave, Tavily])
def test_a_key_that_no_header_can_hold_is_named_and_never_sent(
    kind: type[Brave | Tavily], key: str
) -> None:
    """Quotes that were pasted along are the usual reason; the chain asks the next one."""
    canned = Canned({"results": []})
    chain = ProviderChain([kind(canned, key, "OWN_KEY"), kind(api(), key, "OWN_KEY")])
    found = chain.search("x", 5, deadline=time.monotonic() + 20, should_stop=never)
    assert (found.status, canned.asked) == ("misconfigured", [])
    assert key not in found.why
    assert "variable OWN_KEY" in ask(kind(canned, key, "OWN_KEY"), "x").fix


def test_a_contact_may_have_any_letters() -> None:
    """A header holds what of it is ASCII, as for pages."""
    assert user_agent("1.0", "jürgen@example.org") == "chatapp/1.0 (jrgen@example.org)"


class Choice:
    """Options as a person may set them."""

    providers = NAMES
    wikipedia_url = "https://en.wikipedia.org"
    searxng_url = ""
    brave_key_env = "BRAVE_API_KEY"
    tavily_key_env = "TAVILY_API_KEY"


def test_what_is_not_set_up_is_no_part_of_the_chain() -> None:
    """Without keys and addresses only those are asked that need none."""
    chain = make_chain(Choice(), api(), user_agent=AGENT, index=None, environment={})
    assert [provider.name for provider in chain.providers] == ["wikipedia", "ddgs"]
    keys = {"BRAVE_API_KEY": "k", "TAVILY_API_KEY": "k"}
    chain = make_chain(Choice(), api(), user_agent=AGENT, index=None, environment=keys)
    assert {"brave", "tavily"} < {provider.name for provider in chain.providers}


def test_an_unknown_provider_is_named() -> None:
    """With all that there are."""
    with pytest.raises(ValueError, match="no search provider 'gogle'; there are wikipedia"):
        make_provider("gogle", Choice(), api(), user_agent=AGENT, index=None, environment={})
