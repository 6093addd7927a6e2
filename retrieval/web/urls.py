"""Addresses of pages: parsed strictly, and written in one way, so that equal ones are equal texts.

The thing to know: parsers that disagree about an address are how guards are fooled, so there is
one parser, and what goes onto the wire, what is judged, what is cached and what is shown are all
made from its result. It follows the WHATWG's URL standard where browsers accept something harmless
and refuses the rest: user names, backslashes in a host, numbers that only some programs read as an
address (`0x7f.1`, `2130706433`, `0177.0.0.1`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from urllib.parse import parse_qsl, urljoin

LONGEST = 4096  # characters; RFC 9110 asks for 8,000 octets at least, of servers, not of readers
DEFAULT_PORTS = {"http": 80, "https": 443}

_SHAPE = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*):(?P<rest>.*)", re.I | re.S)
_STRIPPED = re.compile(r"[\t\r\n]")  # the URL standard drops these wherever they stand
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_PERCENT = re.compile(r"%([0-9a-fA-F]{2})|%")
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_PATH = _UNRESERVED | frozenset("!$&'()*+,;=:@/")
_QUERY = _PATH | frozenset("?[]|")
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_NUMBER = re.compile(r"\d+|0x[0-9a-f]*")

# Parameters that say where a reader came from and nothing about the page.
_TRACKING = re.compile(
    r"utm_\w+|fbclid|gclid|gclsrc|dclid|gbraid|wbraid|msclkid|yclid|twclid|ttclid|li_fat_id"
    r"|igshid|mc_[ce]id|_hsenc|_hsmi|vero_id|oly_(?:anon|enc)_id|wickedid|srsltid|ref_src|_ga|_gl",
    re.I,
)


class BadUrl(ValueError):
    """A text is no address of a page; the message says why."""


@dataclass(frozen=True)
class WebUrl:
    """A normalised address. `host` is ASCII (punycode), or an IP address without brackets."""

    scheme: str
    host: str
    port: int
    path: str
    query: str

    @property
    def authority(self) -> str:
        """The host, and the port where it is not the scheme's own: the `Host` header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def origin(self) -> str:
        """Scheme, host and port: `https://example.org`."""
        return f"{self.scheme}://{self.authority}"

    @property
    def target(self) -> str:
        """What stands in the request line."""
        return f"{self.path}?{self.query}" if self.query else self.path

    def __str__(self) -> str:
        return self.origin + self.target


def parse(text: str) -> WebUrl:
    """Return the address that `text` is. Idempotent: `parse(str(parse(x))) == parse(x)`.

    Raises:
        BadUrl: it is none, or one that no page has.
    """
    text = _STRIPPED.sub("", text.strip())
    if len(text) > LONGEST:
        raise BadUrl(f"the address is longer than {LONGEST} characters")
    if _CONTROL.search(text):
        raise BadUrl("the address holds control characters")
    scheme, rest = _scheme(text)
    authority, target = _divided(rest)
    host, port = _host_and_port(authority, scheme)
    path, _, query = target.partition("#")[0].partition("?")
    url = WebUrl(scheme, host, port, _path(path), _query(query))
    if len(str(url)) > LONGEST:
        raise BadUrl(f"the address is longer than {LONGEST} characters")
    return url


def join(base: WebUrl, reference: str) -> WebUrl:
    """Return where a link on the page at `base` leads. Raises BadUrl."""
    reference = _STRIPPED.sub("", reference.strip())
    try:
        return parse(urljoin(str(base), reference))
    except BadUrl:
        raise
    except ValueError as error:  # urllib reads brackets before we do
        raise BadUrl("the link is no address") from error


def dedupe_key(url: WebUrl) -> str:
    """Return what two addresses of most likely the same page have in common.

    Not for fetching: the order of parameters matters to some servers.
    """
    pairs = sorted(parse_qsl(url.query, keep_blank_values=True))
    host = url.host.removeprefix("www.")
    return f"{host}:{url.port}{url.path.rstrip('/')}?{pairs}"


def shown_domain(url: WebUrl) -> str:
    """Return the domain that somebody had to register for this address, in ASCII (punycode).

    A look-alike such as `аpple.com` (Cyrillic а) reads `xn--pple-43d.com`, and
    `paypal.com.evil.example` reads `evil.example`, whatever the text of the link says.
    """
    import tld  # reads its bundled list once; it downloads nothing unless asked to

    found = tld.get_fld(str(url), fail_silently=True, search_private=False)
    if isinstance(found, str):
        return found
    # the list's own rule for what it does not know: the last label is the suffix
    is_address = ":" in url.host or url.host[-1].isdigit()
    return url.host if is_address else ".".join(url.host.split(".")[-2:])


def _scheme(text: str) -> tuple[str, str]:
    found = _SHAPE.fullmatch(text)
    if found is None:
        raise BadUrl("the address has no scheme; it begins with https://")
    scheme = found["scheme"].lower()
    if scheme not in DEFAULT_PORTS:
        raise BadUrl(f"pages are read over http and https, not {scheme[:20]}:")
    if not found["rest"].startswith("//"):
        raise BadUrl(f"after {scheme}: come two slashes")
    return scheme, found["rest"][2:]


def _divided(rest: str) -> tuple[str, str]:
    """Return authority and target. A backslash in a host splits parsers: it is refused."""
    end = min((at for at in map(rest.find, "/?#") if at >= 0), default=len(rest))
    authority = rest[:end]
    if "\\" in authority or " " in authority:
        raise BadUrl("the host holds a backslash or a space")
    if "@" in authority:
        raise BadUrl("the address holds a user name, which hides where it leads")
    return authority, rest[end:]


def _host_and_port(authority: str, scheme: str) -> tuple[str, int]:
    if authority.startswith("["):
        literal, _, after = authority[1:].partition("]")
        host, colon, digits = _ipv6(literal), after[:1], after[1:]
        if after and colon != ":":
            raise BadUrl("something stands between the host and the port")
    else:
        name, _, digits = authority.partition(":")
        host = _host(name)
    return host, _port(digits, scheme)


def _port(digits: str, scheme: str) -> int:
    if not digits:
        return DEFAULT_PORTS[scheme]
    if not (digits.isascii() and digits.isdigit()) or len(digits) > 5:
        raise BadUrl("the port is no number")
    if not 0 < int(digits) < 65536:
        raise BadUrl("there is no such port")
    return int(digits)


def _ipv6(literal: str) -> str:
    try:
        if "%" in literal:
            raise AddressValueError("a zone names an interface of this machine")
        return str(IPv6Address(literal))
    except AddressValueError as error:
        raise BadUrl(f"the host is no IPv6 address: {error}") from error


def _host(name: str) -> str:
    if "%" in name:
        raise BadUrl("the host is percent-encoded")
    host = _ascii(name).removesuffix(".")
    labels = host.split(".")
    if not all(map(_LABEL.fullmatch, labels)) or len(host) > 253:
        raise BadUrl("the host is no name")
    if _NUMBER.fullmatch(labels[-1]):  # by the URL standard, a host that ends so is an address
        try:
            return str(IPv4Address(host))
        except AddressValueError:
            raise BadUrl("the host is a number in a form that programs read differently") from None
    return host


def _ascii(name: str) -> str:
    """Return the name in lower case and ASCII; full-width letters and dots become plain ones."""
    import idna

    if name.isascii():
        return name.lower()
    try:
        return idna.encode(name, uts46=True).decode("ascii").lower()
    except (idna.IDNAError, UnicodeError) as error:
        raise BadUrl(f"the host is no name: {error}") from error


def _path(path: str) -> str:
    return _without_dots(_encoded(path.replace("\\", "/"), _PATH)) or "/"


def _query(query: str) -> str:
    parts = (_encoded(part, _QUERY) for part in query.split("&"))
    return "&".join(part for part in parts if not _TRACKING.fullmatch(part.partition("=")[0]))


def _encoded(text: str, allowed: frozenset[str]) -> str:
    """Return `text` with each character percent-encoded exactly if it must be."""

    def again(found: re.Match[str]) -> str:
        if found[1] is None:
            return "%25"  # a lone per cent sign
        character = chr(int(found[1], 16))
        return character if character in _UNRESERVED else found[0].upper()

    def one(character: str) -> str:
        if character in allowed or character == "%":
            return character
        return "".join(f"%{byte:02X}" for byte in character.encode("utf-8", "replace"))

    return "".join(map(one, _PERCENT.sub(again, text)))


def _without_dots(path: str) -> str:
    """Remove `.` and `..` as RFC 3986, 5.2.4 does."""
    kept: list[str] = []
    segments = path.split("/")[1:]
    for number, segment in enumerate(segments):
        last = number == len(segments) - 1
        if segment == "..":
            del kept[-1:]
        if segment not in (".", ".."):
            kept.append(segment)
        elif last:
            kept.append("")
    return "/" + "/".join(kept)
