"""Asking a search API: one request, and what its answer means, the same for every provider.

The thing to know: an API that does not want to answer often says so with status 200 and a page for
people. Whatever is no JSON object is therefore looked at before it is believed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from retrieval.web.http import HttpError, Request, Stopped
from retrieval.web.providers.protocol import Found, ShouldStop

_WANTS_A_HUMAN = re.compile(
    r"captcha|unusual traffic|are you (?:a )?(?:human|robot)|not a robot|verify you(?:'| a)re human"
    r"|cf-challenge|challenge-platform|anomaly-modal|automated (?:queries|requests)",
    re.IGNORECASE,
)
_LOOKED_AT = 200_000  # characters of a page that is searched for such words
_LATER = (202, 429)  # 202 is what DuckDuckGo says instead of 429


@dataclass(frozen=True)
class Answer:
    """What an API answered, whatever its status: `body` is text, cut where it grew too long."""

    status: int
    body: str
    retry_after: float | None = None


class Api(Protocol):
    """Makes one request; nothing is followed, nothing is kept."""

    def ask(self, request: Request, *, deadline: float, should_stop: ShouldStop) -> Answer:
        """Return the answer, of any status, by `deadline` (a moment of `time.monotonic()`).

        Raises:
            HttpError: there was no answer.
        """
        ...


def ask_json(
    api: Api,
    request: Request,
    *,
    deadline: float,
    should_stop: ShouldStop,
    meanings: Mapping[int, Found],
) -> dict[str, Any] | Found:
    """Return the JSON object that the API answers, or how the search ends without one.

    Args:
        meanings: what a status means at this API, where that differs from the usual.
    """
    try:
        answer = api.ask(request, deadline=deadline, should_stop=should_stop)
    except Stopped:
        return Found("unreachable", why="stopped")
    except HttpError as error:
        return Found("unreachable", why=str(error) or type(error).__name__)
    if answer.status in meanings:
        return meanings[answer.status]
    if answer.status != 200:
        return _refusal(answer)
    try:
        value = json.loads(answer.body)
    except (ValueError, RecursionError):
        return _page_instead(answer.body)
    return value if isinstance(value, dict) else Found("unreachable", why="the answer is no object")


def _refusal(answer: Answer) -> Found:
    said = f"it answered with status {answer.status}"
    if answer.status in _LATER or (answer.status == 503 and answer.retry_after is not None):
        return Found("rate_limited", why=said, retry_after=answer.retry_after)
    if answer.status in (401, 403, 418, 451) or wants_a_human(answer.body):
        return Found("blocked", why=said, retry_after=answer.retry_after)
    return Found("unreachable", why=said, retry_after=answer.retry_after)


def _page_instead(body: str) -> Found:
    if wants_a_human(body):
        return Found("blocked", why="it asks for proof of being human (CAPTCHA)")
    return Found(
        "misconfigured",
        why="it answered with something that is no JSON",
        fix="check that the address is the one of its API.",
    )


def wants_a_human(body: str) -> bool:
    """Say whether a page is one of those that keep programs out."""
    return _WANTS_A_HUMAN.search(body[:_LOOKED_AT]) is not None
