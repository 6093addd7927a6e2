"""Where nothing may go: addresses of this machine, of its network, and of a cloud's innards.

The thing to know: names prove nothing, so it is the *addresses* of a name that are judged, all of
them, after one look-up, and the connection is then made to one that was judged (`connect`). An
address passes only if it is public by two separate accounts: Python's registry of networks and the
list below, which closes its gaps (shared address space, translators and tunnels that carry an IPv4
address inside, multicast, which counts as "global").
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from retrieval.web.errors import Forbidden
from retrieval.web.urls import WebUrl, parse

PORTS = frozenset({80, 443})

# https://www.iana.org/assignments/iana-ipv4-special-registry, and what clouds keep for themselves
_DENIED_4 = {
    IPv4Network(network): what
    for network, what in {
        "0.0.0.0/8": "this host",
        "10.0.0.0/8": "a private network",
        "100.64.0.0/10": "a provider's own network",
        "127.0.0.0/8": "this machine",
        "168.63.129.16/32": "a cloud's own service",
        "169.254.0.0/16": "this link, and a cloud's metadata",
        "172.16.0.0/12": "a private network",
        "192.0.0.0/24": "special use",
        "192.0.2.0/24": "documentation",
        "192.31.196.0/24": "special use",
        "192.52.193.0/24": "special use",
        "192.88.99.0/24": "a tunnel",
        "192.168.0.0/16": "a private network",
        "192.175.48.0/24": "special use",
        "198.18.0.0/15": "benchmarks",
        "198.51.100.0/24": "documentation",
        "203.0.113.0/24": "documentation",
        "224.0.0.0/4": "multicast",
        "240.0.0.0/4": "reserved",
    }.items()
}
_PUBLIC_6 = IPv6Network("2000::/3")  # the only block from which public addresses are given
_DENIED_6 = {
    IPv6Network(network): what
    for network, what in {
        "2001::/23": "special use",
        "2001:db8::/32": "documentation",
        "2002::/16": "a tunnel",
        "2620:4f:8000::/48": "special use",
        "3fff::/20": "documentation",
    }.items()
}
_MAPPED = IPv6Network("::ffff:0:0/96")
_NAT64 = IPv6Network("64:ff9b::/96")
_COMPATIBLE = IPv6Network("::/96")
_TRANSLATED = IPv6Network("::ffff:0:0:0/96")
_ISATAP = {0x00005EFE, 0x02005EFE}

# RFC 6761, 6762, 8375, 9476, and what routers and companies use: never asked of a public server
_LOCAL_NAMES = tuple(
    f".{name}"
    for name in (
        *("localhost", "local", "internal", "intranet", "lan", "home", "corp", "private"),
        *("home.arpa", "onion", "alt", "test", "invalid", "in-addr.arpa", "ip6.arpa"),
    )
)


def verdict(address: str) -> str:
    """Return "" for a public address, else what it is instead; what is no address is not public."""
    try:
        found = ip_address(address)
    except ValueError:
        return "no address"
    if isinstance(found, IPv4Address):
        return _verdict_4(found)
    for inner in embedded(found):
        if what := _verdict_4(inner):
            return f"{what}, wrapped as {inner}"
    return "" if found in _MAPPED or found in _NAT64 else _verdict_6(found)


def embedded(address: IPv6Address) -> Iterator[IPv4Address]:
    """Yield the IPv4 addresses that an IPv6 address carries: mapped, compatible, translated,
    NAT64, 6to4, Teredo (its server and its client) and ISATAP.
    """
    number = int(address)
    if any(address in network for network in (_MAPPED, _NAT64, _COMPATIBLE, _TRANSLATED)):
        yield IPv4Address(number & 0xFFFFFFFF)
    if address.sixtofour is not None:
        yield address.sixtofour
    if address.teredo is not None:
        yield from address.teredo
    if (number >> 32) & 0xFFFFFFFF in _ISATAP:
        yield IPv4Address(number & 0xFFFFFFFF)


def _verdict_4(address: IPv4Address) -> str:
    for network, what in _DENIED_4.items():
        if address in network:
            return what
    return "" if address.is_global and not address.is_multicast else "special use"


def _verdict_6(address: IPv6Address) -> str:
    if address.scope_id is not None or address not in _PUBLIC_6:
        return "this machine" if address.is_loopback else "a private network"
    for network, what in _DENIED_6.items():
        if address in network:
            return what
    return "" if address.is_global and not address.is_multicast else "special use"


class Guard:
    """Judges where a request may go.

    Args:
        allow: origins that a person named, such as `http://192.168.1.5:8888`, or without a scheme
            for both; neither their address nor their port is judged. Raises BadUrl.
        ports: what others may be asked on.
    """

    def __init__(self, allow: Iterable[str] = (), ports: Iterable[int] = PORTS) -> None:
        self._origins = frozenset(parse(each).origin for entry in allow for each in _both(entry))
        self._places = {(url.host, url.port) for url in map(parse, self._origins)}
        self._ports = frozenset(ports)

    def allows(self, url: WebUrl) -> bool:
        """Whether a person named this origin."""
        return url.origin in self._origins

    def check_url(self, url: WebUrl) -> None:
        """Judge what can be judged without a look-up. Raises Forbidden."""
        if self.allows(url):
            return
        if url.port not in self._ports:
            raise Forbidden(f"port {url.port} is none on which pages are read")
        if _is_address(url.host):
            self.check_addresses(url.host, url.port, [url.host])
        elif "." not in url.host or url.host.endswith(_LOCAL_NAMES):
            raise Forbidden(f"{url.host} is a name of this machine or its network")

    def check_addresses(self, host: str, port: int, addresses: Iterable[str]) -> None:
        """Judge all addresses of a host, before a connection to any. Raises Forbidden."""
        if (host, port) in self._places:
            return
        for address in addresses:
            if what := verdict(address):
                raise Forbidden(f"{host} leads to {address} ({what})")


def _both(entry: str) -> list[str]:
    """Return an entry with each scheme it stands for."""
    return [entry] if "://" in entry else [f"{scheme}://{entry}" for scheme in ("http", "https")]


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
