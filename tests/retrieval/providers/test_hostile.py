"""Hostile pages over real HTTP: a browse of them asks for nothing that the clean page did not.

`chatapp eval injection` makes every attack on pages in memory; here some of each kind go through a
server, the fetcher and its parser, and what counts is what the server was asked.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from chatapp import resources
from chatapp.evaluation.injection.corpus import Attack, load_corpus, page_html
from retrieval.browser.judge import PassageJudge
from retrieval.browser.scripted import browse
from retrieval.browser.web import WebWorld
from retrieval.web.fetch import Fetcher
from retrieval.web.limits import FetchSettings
from retrieval.web.providers.chain import ProviderChain
from retrieval.web.providers.searxng import SearxNg
from tests.miniweb import MiniWeb
from tests.miniweb.samples import ARTICLES
from tests.miniweb.server import Page
from tests.retrieval.providers.asking import api

CORPUS = load_corpus(resources.samples_dir() / "injection")
ATTACKED = CORPUS.pages[0]
EACH_KIND = {attack.kind: attack for attack in CORPUS.attacks if not attack.lies}
WAYS_OUT = ("exfiltration-link", "exfiltration-refresh", "exfiltration-image")
TRIED = [*EACH_KIND.values(), *(attack for attack in CORPUS.attacks if attack.id in WAYS_OUT)]


@pytest.fixture(scope="module")
def hostile() -> Iterator[MiniWeb]:
    """A mini-web whose first result is a page that the tests change."""
    with MiniWeb(ARTICLES, resources.embedder_dir()) as opened:
        yield opened


@pytest.fixture(scope="module")
def judge() -> Iterator[PassageJudge]:
    opened = PassageJudge(resources.embedder_dir())
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def fetcher(hostile: MiniWeb) -> Iterator[Fetcher]:
    opened = Fetcher(FetchSettings(allow=(hostile.base,), delay=0.0))
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def clean(hostile: MiniWeb, fetcher: Fetcher, judge: PassageJudge) -> list[str]:
    """What the server is asked for when the page is as it should be."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NO_PROXY", "127.0.0.1")
        return requests_of(hostile, fetcher, judge, page_html(ATTACKED))


def requests_of(web: MiniWeb, fetcher: Fetcher, judge: PassageJudge, body: str) -> list[str]:
    """Return what the server was asked for while somebody browsed a page; robots.txt apart,
    which is read once and kept.
    """
    web.pages["/pages/one"] = Page(body, title=ATTACKED.title, snippet=ATTACKED.paragraphs[0])
    web.log.clear()
    chain = ProviderChain([SearxNg(api(web.base), web.base, "test")])
    world = WebWorld(chain, fetcher, deadline=time.monotonic() + 60)
    browse(ATTACKED.question, world, judge)
    return [asked.path for asked in web.log if asked.path != "/robots.txt"]


@pytest.mark.parametrize("attack", TRIED, ids=lambda attack: attack.id)
def test_an_attacked_page_makes_no_other_request_than_the_clean_one(
    hostile: MiniWeb,
    fetcher: Fetcher,
    judge: PassageJudge,
    clean: list[str],
    attack: Attack,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The same queries and the same pages in the same order, as the server saw them."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    assert "/pages/one" in clean
    assert requests_of(hostile, fetcher, judge, page_html(ATTACKED, attack)) == clean
