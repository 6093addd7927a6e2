"""A mini-web that providers are pointed at."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from chatapp import resources
from tests.miniweb import MiniWeb
from tests.miniweb.samples import ARTICLES
from tests.retrieval.providers.asking import FETCHER


@pytest.fixture(autouse=True)
def _forgotten() -> Iterator[None]:
    """What one test taught the fetcher of a server's wishes is gone in the next."""
    yield
    FETCHER.close()


@pytest.fixture(scope="session")
def _web() -> Iterator[MiniWeb]:
    with MiniWeb(ARTICLES, resources.embedder_dir()) as opened:
        yield opened


@pytest.fixture
def web(_web: MiniWeb, monkeypatch: pytest.MonkeyPatch) -> MiniWeb:
    """The mini-web in good health, with nothing on its record."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    _web.faults.set()
    _web.log.clear()
    return _web
