"""RFC 9111: whether an answer may be stored, how long it is good, and how to ask for it anew.

The thing to know: this is a *private* cache, of one person, so `private` may be stored and
`s-maxage` says nothing to it. What may not be stored is `no-store`, and what varies by everything.
All times are seconds since the epoch.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

DAY = 86_400.0
_HEURISTIC = 0.1  # of the time since the last change: RFC 9111, 4.2.2
# RFC 9110, 15.1: what may be stored although nothing is said about how long
_BY_DEFAULT = {200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501}
_LONGEST = 366 * DAY

Headers = Mapping[str, str]


def may_store(status: int, headers: Headers) -> bool:
    """Whether this answer may be kept: RFC 9111, 3."""
    said = directives(headers)
    if "no-store" in said or "*" in headers.get("vary", ""):
        return False
    named = not said.keys().isdisjoint({"max-age", "public", "private"}) or "expires" in headers
    return 200 <= status < 500 and status != 304 and (named or status in _BY_DEFAULT)


def good_until(status: int, headers: Headers, received: float) -> float:
    """Return when a stored answer stops being fresh; a time that is past if it never was."""
    said = directives(headers)
    if "no-cache" in said:
        return 0.0
    date = _moment(headers.get("date")) or received
    age = max(0.0, received - date, _seconds(headers.get("age")) or 0.0)
    return received + min(_LONGEST, _lifetime(status, headers, said, date)) - age


def must_ask(headers: Headers) -> bool:
    """Whether a stale answer may not serve even where the server cannot be reached."""
    return not directives(headers).keys().isdisjoint({"no-cache", "must-revalidate"})


def conditions(etag: str, last_modified: str) -> dict[str, str]:
    """Return the headers that ask for a page only if it has changed.

    What a server sent that no header may hold is not sent back to it.
    """
    asked = {"If-None-Match": etag, "If-Modified-Since": last_modified}
    return {name: text for name, text in asked.items() if text and _is_header(text)}


def _is_header(text: str) -> bool:
    return text.isascii() and text.isprintable()


def retry_after(headers: Headers, now: float) -> float | None:
    """Return the seconds that a server asks to wait, in either form of `Retry-After`."""
    said = headers.get("retry-after", "").strip()
    seconds = _seconds(said)
    if seconds is None and (moment := _moment(said)) is not None:
        seconds = max(0.0, moment - now)
    return seconds


def directives(headers: Headers) -> dict[str, str]:
    """Return what `Cache-Control` says, names in lower case; `Pragma` where it is missing."""
    said = headers.get("cache-control")
    if said is None:
        return {"no-cache": ""} if "no-cache" in headers.get("pragma", "").lower() else {}
    pairs = (part.strip().partition("=") for part in said.split(","))
    return {name.strip().lower(): value.strip().strip('"') for name, _, value in pairs if name}


def _lifetime(status: int, headers: Headers, said: Mapping[str, str], date: float) -> float:
    if "max-age" in said:
        return _seconds(said["max-age"]) or 0.0
    if "expires" in headers:  # an `Expires: 0` that is no date is past: RFC 9111, 5.3
        return max(0.0, (_moment(headers["expires"]) or 0.0) - date)
    changed = _moment(headers.get("last-modified"))
    if changed is None or status not in _BY_DEFAULT:
        return 0.0
    return min(DAY, _HEURISTIC * max(0.0, date - changed))


def _seconds(text: str | None) -> float | None:
    text = (text or "").strip()
    return float(text[:12]) if text.isascii() and text.isdigit() else None


def _moment(text: str | None) -> float | None:
    if not text:
        return None
    try:
        found = parsedate_to_datetime(text)
    except (ValueError, OverflowError, IndexError, TypeError):
        return None
    return _epoch(found)


def _epoch(moment: datetime) -> float | None:
    try:
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
