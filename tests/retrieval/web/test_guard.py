"""Which addresses may be reached: every form of every range that is not the public internet."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.web.errors import Forbidden
from retrieval.web.guard import Guard, embedded, verdict
from retrieval.web.urls import BadUrl, parse

PUBLIC = ["8.8.8.8", "93.184.216.34", "1.1.1.1", "2606:4700:4700::1111", "2a00:1450:4001:82a::200e"]

# one of each range, and the two ends where they are near to something public
NOT_PUBLIC = [
    *("0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.100.100.200"),
    *("127.0.0.1", "127.255.255.254", "168.63.129.16", "169.254.169.254", "169.254.170.2"),
    *("172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.0.192", "192.0.2.1", "192.88.99.1"),
    *("192.168.0.1", "192.168.255.255", "198.18.0.1", "198.19.255.255", "198.51.100.7"),
    *("203.0.113.9", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255"),
    *("::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:0:127.0.0.1"),
    *("64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "100::1", "2001::1", "2001:2::1"),
    *("2001:db8::1", "2001:10::1", "2002:7f00:1::", "2002:a00:1::1", "3fff::1", "5f00::1"),
    *("fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1", "ff0e::1"),
    *("2001:0:7f00:1::", "2606:4700::5efe:127.0.0.1", "2606:4700::200:5efe:10.0.0.1"),
    "2001:0:5db8:d822:0:0:80ff:fffe",  # Teredo of a public server whose client is 127.0.0.1
]
NO_ADDRESS = ["", "localhost", "127.1", "2130706433", "0x7f.0.0.1", "1.2.3.4.5", "[::1]", "::g"]

# how pages, people and attackers write addresses of this machine and its network
FORMS = [
    *("http://127.0.0.1/", "http://127.1/", "http://127.0.1/", "http://0/", "http://0.0.0.0/"),
    *("http://2130706433/", "http://0x7f000001/", "http://0x7f.1/", "http://0x7f.0.0.1/"),
    *("http://017700000001/", "http://0177.0.0.1/", "http://0177.1/", "http://127.0.0.01/"),
    *("http://127.0.0.1./", "http://127.0.0.1:80/", "http://127.0.0.256/", "http://1.2.3.4.5/"),
    *("http://4294967295/", "http://0xffffffffff/", "http://localhost/", "http://LOCALHOST./"),
    *("http://a.localhost/", "http://printer.local/", "http://intranet/", "http://nas.lan/"),
    *("http://metadata.google.internal/", "http://router.home.arpa/", "http://x.onion/"),
    *("http://[::1]/", "http://[::]/", "http://[0:0:0:0:0:0:0:1]/", "http://[::ffff:127.0.0.1]/"),
    *("http://[::ffff:7f00:1]/", "http://[::127.0.0.1]/", "http://[64:ff9b::7f00:1]/"),
    *("http://[2002:7f00:1::]/", "http://[2001:0:7f00:1::]/", "http://[fe80::1%25eth0]/"),
    *("http://[fe80::1]/", "http://[fd00:ec2::254]/", "http://[::1%2e]/", "http://[1::2::3]/"),
    *("http://169.254.169.254/latest/meta-data/", "http://168.63.129.16/", "http://100.64.0.1/"),
    *("http://10.0.0.1/", "http://172.16.0.1/", "http://192.168.1.1/", "http://224.0.0.1/"),
    *("http://①②⑦.⓪.⓪.①/", "http://１２７.0.0.1/", "http://127。0。0。1/", "http://ⓛocalhost/"),
    *("http://user@example.org/", "http://a:b@127.0.0.1/", "http://example.org@127.0.0.1/"),
    *("http://example.org\\@127.0.0.1/", "http://127.0.0.1%2f@example.org/", "http://%31%32%37.1/"),
    *("http://example.org:22/", "http://example.org:6379/", "https://example.org:8443/"),
    *("http://example.org:0/", "http://example.org:65536/", "http://example.org:99999999999/"),
    *("file:///etc/passwd", "ftp://example.org/", "gopher://example.org:70/_x", "dict://x:1/"),
    *("data:text/html,x", "javascript:alert(1)", "jar:http://x!/", "//example.org/", "example.org"),
    *("http:example.org", "http:/example.org", "http://", "http:///x", "https://[", "http://a b/"),
    *("http://exa mple.org/", "http://example.org\x00/", "http://-x.org/", "http://" + "a" * 5000),
]


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_pass(address: str) -> None:
    assert verdict(address) == ""


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_every_other_range_is_refused(address: str) -> None:
    """Also where Python's own account of a range lets it through."""
    assert verdict(address) != ""


@pytest.mark.parametrize("text", NO_ADDRESS)
def test_what_is_no_address_is_not_public(text: str) -> None:
    assert verdict(text) == "no address"


@pytest.mark.parametrize("form", FORMS)
def test_no_way_of_writing_leads_inside(form: str) -> None:
    """Either the text is no address of a page, or the guard does not let it through."""
    with pytest.raises((BadUrl, Forbidden)):
        Guard().check_url(parse(form))


def wrapped(inner: IPv4Address) -> list[IPv6Address]:
    """Return the IPv6 addresses that carry an IPv4 address, in each way that is known."""
    number = int(inner)
    flipped = number ^ 0xFFFFFFFF
    return [
        IPv6Address(value)
        for value in (
            number,
            0xFFFF << 32 | number,
            0xFFFF << 48 | number,
            0x0064FF9B << 96 | number,
            0x2002 << 112 | number << 80,
            0x20010000 << 96 | number << 64 | 0x08080808,
            0x20010000 << 96 | 0x08080808 << 64 | flipped,
            0x26064700 << 96 | 0x00005EFE << 32 | number,
        )
    ]


PRIVATE = st.sampled_from(
    ("10.0.0.0/8", "127.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")
).flatmap(lambda network: st.ip_addresses(v=4, network=network))


@given(PRIVATE)
def test_a_private_address_is_found_in_every_wrapping(inner: IPv4Address) -> None:
    """Unwrapping finds it, and the verdict is no."""
    assert verdict(str(inner)) != ""
    for outer in wrapped(inner):
        assert inner in set(embedded(outer)), outer
        assert verdict(str(outer)) != "", outer


@given(st.ip_addresses())
def test_nothing_passes_that_python_does_not_call_global(
    address: IPv4Address | IPv6Address,
) -> None:
    """The list is a second lock, not another key."""
    if verdict(str(address)):
        return
    carried = list(embedded(address)) if isinstance(address, IPv6Address) else []
    assert all(each.is_global for each in carried or [address])
    assert not address.is_multicast


def test_one_bad_address_spoils_a_name() -> None:
    """A name that leads to a public and a private address is refused before any connection."""
    with pytest.raises(Forbidden, match=r"a\.example leads to 127\.0\.0\.1 \(this machine\)"):
        Guard().check_addresses("a.example", 80, ["93.184.216.34", "127.0.0.1"])


def test_an_allowed_origin_is_that_origin_alone() -> None:
    """Neither another port, nor https, nor another name of the same machine."""
    guard = Guard(["http://127.0.0.1:8888"])
    guard.check_url(parse("http://127.0.0.1:8888/search?q=x"))
    guard.check_addresses("127.0.0.1", 8888, ["127.0.0.1"])
    for other in ("http://127.0.0.1:8889/", "http://127.0.0.2:8888/", "http://localhost:8888/"):
        with pytest.raises(Forbidden):
            guard.check_url(parse(other))
    with pytest.raises(Forbidden):
        guard.check_url(parse("https://127.0.0.1:8888/"))


def test_an_origin_may_be_allowed_without_its_scheme() -> None:
    """As people write it into a setting; what is no address is said at once."""
    guard = Guard(["192.168.1.5:8080"])
    for url in ("http://192.168.1.5:8080/", "https://192.168.1.5:8080/"):
        guard.check_url(parse(url))
    for other in ("http://192.168.1.5/", "http://192.168.1.6:8080/"):
        with pytest.raises(Forbidden):
            guard.check_url(parse(other))
    with pytest.raises(BadUrl):
        Guard(["not an address"])
