"""What reading a page gives: its text with links, or why there is none. Values only."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

ProblemCode = Literal[
    "bad_url",  # no address, or one that no page has
    "forbidden",  # the guard: not a public address, not a port of the web
    "robots",  # the site asks programs not to read this page
    "unreachable",  # no such name, nobody answers
    "tls",  # the server cannot prove who it is
    "timeout",  # not there within the deadline, or silent
    "too_slow",  # so few bytes a second that it looks like a trap
    "too_large",  # over the limit, as sent or as unpacked
    "protocol",  # what came was no HTTP, or a packing that was not asked for
    "redirects",  # in a circle, too many, nowhere, or from https down to http
    "status",  # the server answered, and said no
    "rate_limited",  # the server asks to wait: `retry_after`
    "type",  # neither a page nor a text nor a PDF
    "mislabelled",  # the bytes are not what the server calls them
    "unreadable",  # the parser gave up, or ran over its limits
    "empty",  # nothing to read in it
    "offline",  # only what is stored may answer, and this is not
    "stopped",  # nobody wants it any more
]


@dataclass(frozen=True)
class PageLink:
    """`page.text[start:end]` is a link to `url`, which is normalised; `domain` is who owns it.

    The domain is in ASCII, so that a look-alike cannot pass for the real one.
    """

    start: int
    end: int
    url: str
    domain: str = ""


@dataclass(frozen=True)
class PageText:
    """A page as read.

    Attributes:
        title: one clean line; "" if it has none.
        text: sanitised; headings as `## Title` lines. All offsets refer to it.
        links: in the order of the text, without overlaps.
        date: of publication or last change, ISO 8601; "" unknown.
        language: a lower-case tag such as `en`; "" unknown.
        domain: the registrable domain, in ASCII.
        pages: where each page of a PDF begins in `text`; empty for others.
    """

    title: str
    text: str
    links: tuple[PageLink, ...]
    date: str
    language: str
    domain: str
    pages: tuple[int, ...] = ()


@dataclass(frozen=True)
class Problem:
    """Why there is no page: a code for programs, one line for people.

    `retry_after` is in seconds, where the server or our manners towards it say so.
    """

    code: ProblemCode
    message: str
    retry_after: float | None = None


@dataclass(frozen=True)
class Fetched:
    """What became of a fetch: exactly one of `page` and `problem` is there.

    Attributes:
        url: what was asked for, as it was asked.
        final_url: where it was found after redirects, normalised.
        status: of the last answer; 0 if there was none.
        from_cache: nothing was sent, or the server said that nothing has changed.
        fetched_at: when the server said so, ISO 8601 in UTC.
    """

    url: str
    final_url: str
    status: int
    page: PageText | None
    problem: Problem | None
    from_cache: bool
    fetched_at: str

    def as_json(self) -> dict[str, Any]:
        """Return it in JSON's types; `fetched_from` reads them."""
        return asdict(self)


class Unfetchable(Exception):
    """Raised inside this package to end a fetch; a caller gets its `problem`."""

    def __init__(self, code: ProblemCode, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.problem = Problem(code, message, retry_after)


def fetched_from(value: dict[str, Any]) -> Fetched:
    """Return what `Fetched.as_json` described. Raises KeyError, TypeError."""
    page, problem = value["page"], value["problem"]
    rest = {"page": page and page_from(page), "problem": problem and Problem(**problem)}
    return Fetched(**{**value, **rest})


def page_from(value: dict[str, Any]) -> PageText:
    """Return the page that `dataclasses.asdict` described. Raises KeyError, TypeError."""
    links = tuple(PageLink(**link) for link in value["links"])
    return PageText(**{**value, "links": links, "pages": tuple(value["pages"])})
