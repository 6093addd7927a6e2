"""Results as they may be shown: clean text, no markup, and addresses that could be web pages.

The thing to know: this is no judgement of an address, only of its form. Where it leads is judged by
the fetcher's guard when somebody opens it.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from retrieval.text import sanitize_text, sanitize_title, unescape
from retrieval.web.providers.protocol import WebResult

MAX_URL = 2_000
MAX_SNIPPET = 1_000
_TAG = re.compile(r"</?[a-zA-Z][^<>]*>")
_DAY = re.compile(r"(\d{4}-\d{2}-\d{2})(?!\d)")


def clean_results(
    rows: object, limit: int, *, url: str, title: str, snippet: str, date: str = ""
) -> tuple[WebResult, ...]:
    """Return up to `limit` results of the objects that an API listed, each address once.

    An object without the address of a web page is left out, and so is what is no object.

    Args:
        rows: what stood where a list was expected.
        limit: how many are wanted at most.
        url: the name that the API has for the address; `title`, `snippet` and `date` likewise.
    """
    kept: dict[str, WebResult] = {}
    for row in rows if isinstance(rows, list) else ():
        if not isinstance(row, dict):
            continue
        result = _cleaned(row.get(url), row.get(title), row.get(snippet), row.get(date))
        if result is not None:
            kept.setdefault(result.url, result)
        if len(kept) == limit:
            break
    return tuple(kept.values())


def plain(text: str) -> str:
    """Return a snippet as one clean line: tags out, entities read, hidden characters gone."""
    bare = unescape(_TAG.sub("", text[: 10 * MAX_SNIPPET]))  # the cut keeps megabytes cheap
    return " ".join(sanitize_text(bare).split())[:MAX_SNIPPET].rstrip()


def is_web_address(url: str) -> bool:
    """Say whether `url` has the form of a page's address: http(s), a host, nobody's password."""
    if len(url) > MAX_URL or sanitize_text(url) != url or re.search(r"\s", url):
        return False
    try:
        parts = urlsplit(url)
        return (
            parts.scheme in ("http", "https") and bool(parts.hostname) and "@" not in parts.netloc
        )
    except ValueError:
        return False


def _cleaned(url: object, title: object, snippet: object, date: object) -> WebResult | None:
    if not isinstance(url, str) or not is_web_address(url):
        return None
    name = sanitize_title(unescape(_TAG.sub("", title))) if isinstance(title, str) else ""
    text = plain(snippet) if isinstance(snippet, str) else ""
    day = _DAY.match(date) if isinstance(date, str) else None
    return WebResult(url, name or url, text, day[1] if day else "")
