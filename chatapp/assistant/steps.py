"""Steps of looking something up, as the events that tell them and the parts that keep them.

Search in conversations passes them over: a query is found by the question that it was made from.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast, get_args

from chatapp.assistant.events.tools import Browse, BrowseAction, BrowsePlace
from chatapp.conversations import Part

_SHOWN = 80  # characters of a query or a quote in a step


def step_part(taken: Browse) -> Part:
    """Return the form in which an answer keeps a step."""
    return Part(
        "step",
        {
            "action": taken.action,
            "said": taken.text,
            "detail": taken.detail,
            "place": taken.place,
            "domain": taken.domain,
        },
    )


def kept_steps(parts: Iterable[Part]) -> list[Browse]:
    """Return the steps that an answer keeps; what an import made impossible is left out."""
    return [
        Browse(
            cast("BrowseAction", part.data["action"]),
            str(part.data.get("said", "")),
            str(part.data.get("detail", "")),
            cast("BrowsePlace", part.data["place"]),
            str(part.data.get("domain", "")),
        )
        for part in parts
        if part.kind == "step"
        and part.data.get("action") in get_args(BrowseAction)
        and part.data.get("place") in get_args(BrowsePlace)
    ]


def short(text: str) -> str:
    """Return a text on one line, as long as a step shows it."""
    line = " ".join(text[: 4 * _SHOWN].split())
    return line if len(line) <= _SHOWN else line[: _SHOWN - 1] + "…"
