"""The mini-web behaves like the web it stands for, so that what is tested on it means something."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote
from urllib.request import Request, urlopen

import pytest

from chatapp import resources
from tests.miniweb import Article, Fault, MiniWeb
from tests.miniweb.articles import read_articles
from tests.miniweb.linking import Linker
from tests.miniweb.samples import ARTICLES


@pytest.fixture(scope="module")
def web() -> Iterator[MiniWeb]:
    """A mini-web of a few articles."""
    with MiniWeb(ARTICLES, resources.embedder_dir()) as opened:
        yield opened


def get(url: str) -> tuple[int, str]:
    """Return status and body, straight and without a proxy."""
    try:
        with urlopen(Request(url), timeout=10) as reply:
            return reply.status, reply.read().decode()
    except OSError as error:
        status = getattr(error, "code", 0)
        return status, error.read().decode() if hasattr(error, "read") else ""


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def test_an_article_links_to_the_articles_that_exist(web: MiniWeb) -> None:
    """Each link leads somewhere, itself is not linked, and what has no article is plain text."""
    status, page = get(f"{web.base}/wiki/Marie_Curie")
    assert status == 200
    assert '<a href="/wiki/Warsaw" title="Warsaw">Warsaw</a>' in page
    assert 'href="/wiki/Marie_Curie"' not in page
    assert ">polonium<" not in page
    assert "<h2" in page
    assert "infobox" in page
    assert "2019-07-20" in page


def test_its_search_apis_find_the_article(web: MiniWeb) -> None:
    """Both forms, each with an address that can be opened."""
    asked = quote("river in Poland longest")
    wiki = f"{web.base}/w/api.php?action=query&list=search&format=json&srsearch={asked}"
    found = json.loads(get(wiki)[1])
    assert found["query"]["search"][0]["title"] == "Vistula"
    assert "searchmatch" in found["query"]["search"][0]["snippet"]
    found = json.loads(get(f"{web.base}/search?format=json&q={asked}")[1])
    assert get(found["results"][0]["url"])[0] == 200
    assert get(f"{web.base}/search?q=x")[0] == 403


def test_what_is_not_there_is_a_404_and_a_known_page_a_304(web: MiniWeb) -> None:
    """As servers do, so that caches and error pages have something to show."""
    assert get(f"{web.base}/wiki/No_such_page")[0] == 404
    with urlopen(f"{web.base}/wiki/Radium", timeout=10) as reply:
        tag = reply.headers["ETag"]
    again = Request(f"{web.base}/wiki/Radium", headers={"If-None-Match": tag})
    with pytest.raises(OSError, match="304"):
        urlopen(again, timeout=10)


@pytest.mark.parametrize(
    ("kind", "status"), [("error", 500), ("captcha", 200), ("rate_limit", 429), ("accepted", 202)]
)
def test_faults_happen_as_often_as_told(web: MiniWeb, kind: str, status: int) -> None:
    """Once, on the paths that were named, and then all is well again."""
    web.faults.set(Fault(kind, "/wiki/Radium", times=1))  # type: ignore[arg-type]
    assert get(f"{web.base}/wiki/Warsaw")[0] == 200
    failed = get(f"{web.base}/wiki/Radium")
    assert failed[0] == status
    assert "atomic number" not in failed[1]
    assert "atomic number" in get(f"{web.base}/wiki/Radium")[1]


def test_every_request_is_on_record(web: MiniWeb) -> None:
    """What a test asserts about egress is read from here."""
    before = len(web.log)
    get(f"{web.base}/robots.txt")
    assert [asked.path for asked in web.log[before:]] == ["/robots.txt"]


def test_titles_are_linked_where_they_are_names() -> None:
    """The longest one wins, each once, and a word that opens a sentence is no name."""
    linker = Linker(["New York", "New York City", "May", "Paris"])
    text = "May I go to New York City in May? Paris is far. New York City and Paris."
    found = [title for _, _, title in linker.links(text, "Paris", set())]
    assert found == ["New York City", "May"]


def test_records_of_both_kinds_become_articles(tmp_path: Path) -> None:
    """Paragraphs of questions make one article a title; no title is taken twice."""
    knowledge, questions = tmp_path / "k.jsonl", tmp_path / "q.jsonl"
    knowledge.write_text(json.dumps({"id": "1", "title": "A b", "text": "One.", "url": None}))
    rows = [("Q1?", "P1"), ("Q2?", "P1"), ("Q3?", "P2")]
    questions.write_text(
        "\n".join(
            json.dumps({"question": q, "answers": ["x"], "context": c, "title": "A_b"})
            for q, c in rows
        )
    )
    assert list(read_articles([knowledge, questions])) == [
        Article("A b", "One."),
        Article("A b (2)", "P1\n\nP2"),
    ]
