"""Nothing leaves towards an address that was not judged, whatever a page or a name server says.

`switchboard.dialled` is every connection that the code under test asked for, by address; `witness`
is what the interpreter reports of the whole process, which must be loopback alone.
"""

from __future__ import annotations

import gzip
import socket
import ssl
from collections.abc import Callable
from typing import Any

import httpx
import pytest
import trustme

from retrieval.web.fetch import Fetcher
from retrieval.web.http import Request
from retrieval.web.limits import FetchSettings
from retrieval.web.pages import Fetched, Unfetchable
from tests.retrieval.web.conftest import Witness
from tests.retrieval.web.internet import PUBLIC, Names, Server, Switchboard, moves, says
from tests.retrieval.web.test_guard import FORMS, NOT_PUBLIC

ARTICLE = "<html><title>Cheese</title><body><p>Cheese is made of milk, slowly.</p></body></html>"
TEXT = says("Cheese is made of milk.", "text/plain")
Web = Callable[..., Server]


def problem(found: Fetched) -> str:
    """Return the code of what went wrong; a page is a failure of the test."""
    assert found.page is None, found
    assert found.problem is not None
    assert found.problem.message
    assert "\n" not in found.problem.message
    return found.problem.code


def only_loopback(witness: Witness) -> bool:
    """Say whether every connection of the process stayed on this machine."""
    return all(place[0] == "127.0.0.1" for place in witness.connected if isinstance(place, tuple))


@pytest.mark.parametrize("form", FORMS)
def test_no_form_of_an_inner_address_is_even_looked_up(
    fetcher: Fetcher, names: Names, switchboard: Switchboard, witness: Witness, form: str
) -> None:
    """It is refused with nothing sent, no name asked for, and no connection tried."""
    names.asked.clear()
    assert problem(fetcher.fetch(form, deadline=10)) in ("bad_url", "forbidden")
    assert switchboard.dialled == []
    assert names.asked == []
    assert (witness.connected, witness.looked_up) == ([], [])


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_a_name_that_leads_inside_is_refused(
    fetcher: Fetcher, names: Names, switchboard: Switchboard, witness: Witness, address: str
) -> None:
    """Alone or behind a public address, it is judged before any connection."""
    names.known["inside.example"] = [address]
    names.known["both.example"] = [(PUBLIC, address)]
    for host in ("inside.example", "both.example"):
        found = fetcher.fetch(f"http://{host}/", deadline=10)
        assert problem(found) == "forbidden"
        assert found.problem is not None
        assert host in found.problem.message
    assert switchboard.dialled == []
    assert witness.connected == []


def test_a_name_that_changes_its_mind_is_asked_once(
    fetchers: Callable[..., Fetcher], web: Web, switchboard: Switchboard, witness: Witness
) -> None:
    """Rebinding: public at first, then this machine. What is judged is what is dialled."""
    names = Names()
    names.known["rebind.example"] = [PUBLIC, "127.0.0.1"]
    server = web({"/": TEXT, "/robots.txt": says(status=404)})
    fetcher = fetchers(resolver=names)
    # robots.txt takes the first connection, and the server closes it: the page needs a second
    assert problem(fetcher.fetch("http://rebind.example/", deadline=10)) == "forbidden"
    assert switchboard.dialled == [(PUBLIC, 80)]
    assert server.paths == ["/robots.txt"]
    assert names.asked == ["rebind.example"] * 2
    assert only_loopback(witness)


INSIDE = [
    "file:///etc/passwd",
    "http://127.0.0.1/",
    "http://localhost/",
    "http://[::1]/",
    "http://169.254.169.254/latest/meta-data/iam/security-credentials/",
    "http://metadata.google.internal/computeMetadata/v1/",
    "http://2130706433/",
    "http://10.0.0.1:80/",
    "//192.168.1.1/admin",
    "http://example.org:22/",
    "http://user:secret@example.org/",
    "gopher://127.0.0.1:6379/_FLUSHALL",
    "javascript:alert(1)",
    "data:text/html,hello",
    "http://inner.example/",
    "",
]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("target", INSIDE)
def test_a_redirect_inside_is_judged_like_any_address(
    fetcher: Fetcher, names: Names, web: Web, switchboard: Switchboard, target: str, status: int
) -> None:
    """Whatever kind of redirect, and whether it names an address or a name that leads to one."""
    names.known["inner.example"] = ["10.1.2.3"]
    web({"/": moves(target, status)})
    found = fetcher.fetch("http://redirects.example/", deadline=10)
    assert problem(found) in ("redirects", "forbidden")
    assert {address for address, _ in switchboard.dialled} == {PUBLIC}


def test_redirects_end(fetcher: Fetcher, web: Web) -> None:
    """In a circle, to itself, and after five hops."""
    pages = {f"/{n}": moves(f"/{n + 1}") for n in range(10)}
    server = web({**pages, "/6": TEXT, "/self": moves("/self"), "/a": moves("/b"),
                  "/b": moves("/a")})  # fmt: skip
    host = "http://circles.example"
    assert problem(fetcher.fetch(f"{host}/self")) == "redirects"
    assert problem(fetcher.fetch(f"{host}/a")) == "redirects"
    assert problem(fetcher.fetch(f"{host}/0")) == "redirects"
    assert "/6" not in server.paths
    found = fetcher.fetch(f"{host}/1")
    assert (found.final_url, found.status) == (f"{host}/6", 200)


def test_the_environment_does_not_lead_elsewhere(
    fetchers: Callable[..., Fetcher],
    web: Web,
    switchboard: Switchboard,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A proxy in the environment is not asked, and gets no page to see."""
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9/")
    web({"/": TEXT})
    assert fetchers().fetch("http://no-proxy.example/").page is not None
    assert {address for address, _ in switchboard.dialled} == {PUBLIC}


def test_a_request_says_who_asks_and_nothing_else(
    fetchers: Callable[..., Fetcher], web: Web
) -> None:
    """A name, a contact, what is understood; no cookie comes back, no referrer is told."""
    server = web({"/": says("text", "text/plain", Set_Cookie="id=1; Path=/"), "/2": TEXT})
    contact = FetchSettings(agent="chatapp/9.9", contact="m\xfcller\n me@example.org", delay=0.0)
    fetcher = fetchers(contact)
    fetcher.fetch("http://cookies.example/")
    fetcher.fetch("http://cookies.example/2")
    sent = server.seen[-1].headers
    assert set(sent) == {
        "host", "user-agent", "accept", "accept-encoding", "accept-language",
    }  # fmt: skip
    assert sent["host"] == "cookies.example"
    assert sent["user-agent"].startswith("chatapp/9.9 (")
    assert "; +mller me@example.org)" in sent["user-agent"]


def test_a_key_for_an_api_stays_with_the_api(fetcher: Fetcher, web: Web) -> None:
    """A redirect of an API is not followed, so nobody else is told the key; POST or not."""
    server = web({"/api": moves("http://thief.example/"), "/": says("{}", "application/json")})
    for body in (None, {"query": "x"}):
        headers = {"Authorization": "Bearer secret"}
        said = fetcher.ask(Request("http://api.example/api", headers, body))
        assert (said.status, said.body) == (302, "")
    assert server.paths == ["/api", "/api"]


@pytest.mark.parametrize("body", [None, {"query": "x"}])
def test_a_provider_that_leads_into_this_network_is_told_nothing(
    fetcher: Fetcher, names: Names, switchboard: Switchboard, body: object
) -> None:
    """No query and no key goes to a private address, whatever a name server says."""
    names.known["search.example"] = ["10.0.0.7"]
    with pytest.raises(Unfetchable) as caught:
        fetcher.ask(Request("https://search.example/s", {"X-Key": "secret"}, body))
    assert caught.value.problem.code == "forbidden"
    assert switchboard.dialled == []


def test_an_answer_of_an_api_is_read_within_limits(fetcher: Fetcher, web: Web) -> None:
    """A bomb is a problem, like one in a page."""
    bomb = gzip.compress(b"0" * (64 << 20))
    web({"/api": says(bomb, "application/json", Content_Encoding="gzip")})
    with pytest.raises(Unfetchable) as caught:
        fetcher.ask(Request("http://bomb-api.example/api", {}))
    assert caught.value.problem.code == "too_large"


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def served_by(authority: trustme.CA, *names: str) -> ssl.SSLContext:
    """Return the server's side of TLS, with a certificate for these names."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names).configure_cert(context)
    return context


def test_tls_is_spoken_with_the_name_while_the_address_is_dialled(
    fetchers: Callable[..., Fetcher], web: Web, switchboard: Switchboard, authority: trustme.CA
) -> None:
    """The server hears the name (SNI), its certificate is checked against it, `Host` is kept."""
    heard: list[str | None] = []
    context = served_by(authority, "secure.example")
    context.sni_callback = lambda sock, name, ctx: heard.append(name)
    server = web({"/": TEXT}, tls=context)
    trust = ssl.create_default_context()
    authority.configure_trust(trust)
    found = fetchers(tls=trust).fetch("https://secure.example/")
    assert found.page is not None
    assert set(heard) == {"secure.example"}
    assert {address for address, _ in switchboard.dialled} == {PUBLIC}
    assert server.seen[-1].headers["host"] == "secure.example"


@pytest.mark.parametrize("names", [("secure.example",), ("other.example",)])
def test_a_wrong_certificate_is_an_end(
    fetchers: Callable[..., Fetcher],
    web: Web,
    switchboard: Switchboard,
    authority: trustme.CA,
    names: tuple[str, ...],
) -> None:
    """Of an authority nobody knows, or for another name: one try, and no request was ever sent."""
    server = web({"/": TEXT}, tls=served_by(authority, *names))
    trust = ssl.create_default_context()
    if names != ("secure.example",):
        authority.configure_trust(trust)
    assert problem(fetchers(tls=trust).fetch("https://secure.example/")) == "tls"
    assert switchboard.dialled == [(PUBLIC, 443)]
    assert server.seen == []


def test_nothing_goes_from_https_down_to_http(
    fetchers: Callable[..., Fetcher], web: Web, authority: trustme.CA
) -> None:
    """What was asked for in secret is not fetched in the open; up to https is fine."""
    trust = ssl.create_default_context()
    authority.configure_trust(trust)
    secure = served_by(authority, "ways.example")
    web({"/down": moves("http://ways.example/page"), "/page": TEXT}, tls=secure)
    plain = web({"/up": moves("https://ways.example/page"), "/page": TEXT})
    fetcher = fetchers(tls=trust)
    assert problem(fetcher.fetch("https://ways.example/down")) == "redirects"
    assert "/page" not in plain.paths
    assert fetcher.fetch("http://ways.example/up").page is not None


def test_a_trusted_origin_is_open_to_one_call(
    fetchers: Callable[..., Fetcher], witness: Witness
) -> None:
    """A search engine on this machine answers the call that names it; a page cannot lead to it."""
    from tests.retrieval.web.internet import serving

    with serving({"/s": says('{"a": 1}', "application/json")}) as server:
        base = f"http://127.0.0.1:{server.port}"
        with pytest.MonkeyPatch.context() as patch:
            import httpcore

            patch.setattr("retrieval.web.connect.dial", httpcore.AnyIOBackend)
            fetcher = fetchers()
            request = Request(f"{base}/s", {})
            assert fetcher.ask(request, trusted=base).body == '{"a": 1}'
            assert problem(fetcher.fetch(f"{base}/s")) == "forbidden"
            with pytest.raises(Unfetchable):
                fetcher.ask(request)
    assert witness.connected.count(("127.0.0.1", server.port)) >= 1


def test_the_library_alone_would_have_gone_there() -> None:
    """Why all this: httpx itself takes a number for an address of this machine."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(httpx.HTTPError), httpx.Client(timeout=0.2, trust_env=False) as client:
            client.get(f"http://2130706433:{port}/")
        listener.settimeout(5)
        sock: Any = listener.accept()[0]
        sock.close()
