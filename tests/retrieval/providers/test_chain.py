"""The chain asks the next one when one will not answer, and leaves alone who wants to be."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from retrieval.index import Index
from retrieval.web.providers.chain import ProviderChain, Searched
from retrieval.web.providers.local import LocalIndex, document_of
from retrieval.web.providers.mediawiki import MediaWiki
from retrieval.web.providers.protocol import Found, ShouldStop, WebResult
from retrieval.web.providers.searxng import SearxNg
from tests.miniweb import Fault, MiniWeb
from tests.retrieval.providers.asking import api

RESULT = WebResult("https://a.example/", "A", "a")
OK = Found("ok", (RESULT,))


class FakeProvider:
    """Says what it is told to say, and counts how often it was asked."""

    def __init__(self, name: str, *says: Found) -> None:
        self.name = name
        self.asked = 0
        self.deadline = 0.0
        self._says = says

    def search(self, query: str, limit: int, *, deadline: float, should_stop: ShouldStop) -> Found:
        self.deadline = deadline
        self.asked += 1
        return self._says[min(self.asked, len(self._says)) - 1]


class Clock:
    """Moves when told."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def ask(chain: ProviderChain, query: str = "q", seconds: float = 20) -> Searched:
    return chain.search(query, 5, deadline=time.monotonic() + seconds, should_stop=lambda: False)


def test_the_first_with_results_wins_and_the_rest_are_not_asked() -> None:
    """No query goes to more places than it must."""
    empty, full, spare = (
        FakeProvider("a", Found("none", why="nothing")),
        FakeProvider("b", OK),
        FakeProvider("c", OK),
    )
    found = ask(ProviderChain([empty, full, spare]))
    assert (found.status, found.provider, found.results) == ("ok", "b", (RESULT,))
    assert [attempt.provider for attempt in found.attempts] == ["a", "b"]
    assert spare.asked == 0


def test_a_provider_that_sent_us_away_is_left_alone_as_long_as_it_asked() -> None:
    """Then it gets another chance; a second refusal doubles the wait, a success forgets it."""
    clock = Clock()
    limited = Found("rate_limited", why="status 429", retry_after=100)
    provider = FakeProvider("a", limited, limited, OK, limited)
    chain = ProviderChain([provider], clock)
    assert ask(chain).status == "rate_limited"
    clock.now = 99
    found = ask(chain)
    assert (provider.asked, found.attempts[0].skipped) == (1, True)
    assert "not asked again for 1 s" in found.why
    clock.now = 101
    ask(chain)  # refused again: 120 s of its own beat the 100 it asked for
    clock.now = 101 + 119
    assert ask(chain).attempts[0].skipped
    clock.now = 101 + 121
    assert ask(chain).status == "ok"
    ask(chain)
    clock.now += 101
    assert not ask(chain).attempts[0].skipped


def test_no_cooldown_is_longer_than_an_hour() -> None:
    """However often it refuses, and whatever it asks for."""
    clock = Clock()
    provider = FakeProvider("a", Found("blocked", why="CAPTCHA", retry_after=1e9))
    chain = ProviderChain([provider], clock)
    for _ in range(30):
        ask(chain)
        clock.now += 3601
    assert provider.asked == 30


def test_nothing_found_and_nothing_configured_cost_no_cooldown() -> None:
    """Neither is the provider's fault."""
    for status in ("none", "misconfigured"):
        provider = FakeProvider("a", Found(status, why="x"))
        chain = ProviderChain([provider])
        ask(chain)
        ask(chain)
        assert provider.asked == 2


@pytest.mark.parametrize(
    ("says", "status"),
    [
        (["blocked", "none"], "none"),
        (["blocked", "unreachable"], "blocked"),
        (["unreachable", "rate_limited", "blocked"], "rate_limited"),
        (["misconfigured", "unreachable"], "misconfigured"),
        ([], "unreachable"),
    ],
)
def test_without_results_the_most_telling_reason_stands(says: list[str], status: str) -> None:
    """That somebody looked and found nothing says more than that somebody else did not look."""
    found = ask(
        ProviderChain([FakeProvider(str(n), Found(said, why=said)) for n, said in enumerate(says)])  # type: ignore[arg-type]
    )
    assert found.status == status
    assert all(said in found.why for said in says)


def test_one_that_takes_all_its_time_leaves_some_for_the_next() -> None:
    """Each gets half of what is left, the last one all of it."""
    first, second = FakeProvider("a", Found("unreachable", why="x")), FakeProvider("b", OK)
    now = time.monotonic()
    ProviderChain([first, second]).search("q", 5, deadline=now + 100, should_stop=lambda: False)
    assert first.deadline < now + 51
    assert second.deadline == now + 100


def test_whoever_stops_asks_nobody_else() -> None:
    """And a provider that was cut short is not blamed for it."""
    first, second = FakeProvider("a", Found("unreachable", why="stopped")), FakeProvider("b", OK)
    chain = ProviderChain([first, second])
    answers = iter([False, True, True])
    chain.search("q", 5, deadline=time.monotonic() + 9, should_stop=lambda: next(answers))
    assert (first.asked, second.asked) == (1, 0)
    assert ask(chain).provider == "b"
    assert first.asked == 2


@pytest.fixture
def sources(tmp_path: Path, embedder_dir: Path) -> Iterator[Index]:
    """A person's own sources: one note."""
    index = Index.open(tmp_path / "index.sqlite3", embedder_dir=embedder_dir)
    index.add_text("note:1", "My note", "The cat of the queen is called Gold.", collection="notes")
    yield index
    index.close()


def test_with_every_server_down_the_own_index_answers_and_the_reasons_are_told(
    web: MiniWeb, sources: Index
) -> None:
    """A CAPTCHA here, silence there: what is known locally is found, within the deadline."""
    web.faults.set(Fault("captcha", "/w/api.php"), Fault("slow", "/search", seconds=60))
    chain = ProviderChain(
        [
            MediaWiki(api(web.base), web.base, "test"),
            SearxNg(api(web.base), web.base, "test"),
            MediaWiki(api("http://127.0.0.1:9"), "http://127.0.0.1:9", "test"),
            LocalIndex(sources),
        ]
    )
    began = time.monotonic()
    found = ask(chain, "queen cat", seconds=4)
    assert time.monotonic() - began < 20
    assert (found.status, found.provider) == ("ok", "index")
    document = document_of(found.results[0].url)
    assert document is not None
    assert "Gold" in sources.document(document).text
    assert "CAPTCHA" in found.why
    assert "searxng" in found.why


def test_that_the_own_sources_hold_nothing_does_not_mean_that_the_web_was_searched(
    web: MiniWeb, tmp_path: Path, embedder_dir: Path
) -> None:
    """An honest refusal says "blocked", not "nothing was found"."""
    web.faults.set(Fault("captcha"))
    empty = Index.open(tmp_path / "empty.sqlite3", embedder_dir=embedder_dir)
    chain = ProviderChain([MediaWiki(api(web.base), web.base, "test"), LocalIndex(empty)])
    found = ask(chain, "zirconium tariffs")
    empty.close()
    assert (found.status, found.provider) == ("blocked", "")
    assert "your sources hold nothing" in found.why


def test_an_address_of_the_own_index_is_no_address_of_the_web() -> None:
    """And the other way round."""
    assert document_of("index:abc") == "abc"
    assert document_of("https://a.example/") is None
