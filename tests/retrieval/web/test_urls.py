"""Addresses have one spelling, which every part of the program agrees on."""

from __future__ import annotations

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.web.urls import BadUrl, dedupe_key, join, parse, shown_domain

SPELLINGS = [
    ("HTTP://Example.ORG", "http://example.org/"),
    ("https://example.org:443/a", "https://example.org/a"),
    ("http://example.org:8080", "http://example.org:8080/"),
    ("http://example.org./", "http://example.org/"),
    ("http://example.org/a/./b/../c", "http://example.org/a/c"),
    ("http://example.org/../../x", "http://example.org/x"),
    ("http://example.org/%2e%2E/x", "http://example.org/x"),
    ("http://example.org/a/..", "http://example.org/"),
    ("http://example.org/a//b", "http://example.org/a//b"),
    ("http://example.org/%7euser", "http://example.org/~user"),
    ("http://example.org/a%2fb", "http://example.org/a%2Fb"),
    ("http://example.org/a b", "http://example.org/a%20b"),
    ("http://example.org/100%", "http://example.org/100%25"),
    ("http://example.org/é", "http://example.org/%C3%A9"),
    ("http://example.org\\a\\b", None),
    ("http://example.org/a\\b", "http://example.org/a/b"),
    ("http://example.org?q=1#part", "http://example.org/?q=1"),
    ("http://example.org/?b=2&a=1", "http://example.org/?b=2&a=1"),
    ("http://example.org/?utm_source=x&a=1&fbclid=y&UTM_Medium=z", "http://example.org/?a=1"),
    ("http://example.org/?gclid=1", "http://example.org/"),
    ("  http://exam\nple.org/\t ", "http://example.org/"),
    ("http://bücher.example/", "http://xn--bcher-kva.example/"),
    ("http://BÜCHER.example/", "http://xn--bcher-kva.example/"),
    ("http://ｅｘａｍｐｌｅ．org/", "http://example.org/"),
    ("http://[2606:4700:0:0::1111]/", "http://[2606:4700::1111]/"),
    ("http://example.org:0x50/", None),
    ("http://example.org:８０/", None),
]


@pytest.mark.parametrize(("text", "expected"), SPELLINGS)
def test_each_address_has_one_spelling(text: str, expected: str | None) -> None:
    if expected is None:
        with pytest.raises(BadUrl):
            parse(text)
    else:
        assert str(parse(text)) == expected


HOSTS = st.from_regex(r"[a-zA-Z0-9-]{1,12}(\.[a-zA-Zé]{2,8}){1,2}", fullmatch=True)
TAILS = st.text(st.characters(blacklist_categories=("Cs",)), max_size=40)


@given(st.sampled_from(["http://", "https://", "HTTPS://"]), HOSTS, TAILS)
def test_the_spelling_is_stable_and_httpx_reads_the_same(scheme: str, host: str, tail: str) -> None:
    """Parsing what was written gives the same; the library that connects sees the same host."""
    try:
        url = parse(f"{scheme}{host}/{tail}")
    except BadUrl:
        return
    assert parse(str(url)) == url
    assert str(url).isascii()
    theirs = httpx.URL(str(url))
    assert theirs.raw_host.decode() == url.host
    assert theirs.port in (url.port, None)
    assert theirs.raw_path.decode() == url.target


@given(st.text(max_size=60))
def test_any_text_is_an_address_or_refused(text: str) -> None:
    """Nothing but `BadUrl` comes out of the parser, whatever goes in; also for links."""
    base = parse("https://example.org/a/b")
    for read in (parse, lambda link: join(base, link)):
        try:
            url = read(text)
        except BadUrl:
            continue
        assert url.scheme in ("http", "https")
        assert parse(str(url)) == url


def test_links_are_relative_to_their_page() -> None:
    base = parse("https://example.org/a/b?q=1")
    assert str(join(base, "c")) == "https://example.org/a/c"
    assert str(join(base, "//other.example/x")) == "https://other.example/x"
    assert str(join(base, "?r=2")) == "https://example.org/a/b?r=2"
    with pytest.raises(BadUrl):
        join(base, "mailto:somebody@example.org")


@pytest.mark.parametrize(
    ("url", "domain"),
    [
        ("https://en.wikipedia.org/wiki/Cheese", "wikipedia.org"),
        ("https://www.gov.uk/x", "www.gov.uk"),
        ("https://a.b.co.uk/", "b.co.uk"),
        ("https://paypal.com.evil.example/", "evil.example"),
        ("https://аpple.com/", "xn--pple-43d.com"),
        ("https://xn--pple-43d.com/", "xn--pple-43d.com"),
        ("http://93.184.216.34/", "93.184.216.34"),
    ],
)
def test_the_domain_shown_is_the_one_that_was_registered(url: str, domain: str) -> None:
    """A look-alike in another script and a familiar name in front both show what they are."""
    assert shown_domain(parse(url)) == domain


def test_pages_that_are_most_likely_the_same_have_one_key() -> None:
    """For sorting out results only: what is fetched keeps its order."""
    one = parse("https://www.example.org/a/?b=2&a=1&utm_source=x")
    two = parse("https://example.org/a?a=1&b=2")
    assert dedupe_key(one) == dedupe_key(two)
    assert str(one) != str(two)
