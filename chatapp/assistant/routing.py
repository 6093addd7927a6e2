"""Questions that a tool answers better than any source or model, told apart by rules alone.

The thing to know: a rule must match the whole message. "What is 12 * 7?" is computed; a question
that merely has numbers in it goes the usual way.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from chatapp.assistant.arithmetic import POLITE, expression_in

if TYPE_CHECKING:
    from chatapp.assistant.events import Grounding


@dataclass(frozen=True)
class Route:
    """A tool and its arguments, and how the answer shows the result that takes the place of {}.

    `grounding` is what such an answer stands on.
    """

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    answer: str = "{}"
    grounding: Grounding = "tool"


def route(text: str) -> Route | None:
    """Return the tool that a message asks for, if it clearly asks for one."""
    if program := _PROGRAM.fullmatch(text.strip()):
        return Route(
            "python", {"code": program["code"]}, "The program printed:\n\n```text\n{}\n```"
        )
    message = " ".join(text.replace("’", "'").split())
    if len(message) > _LONGEST:
        return None
    expression = expression_in(message)
    if expression is not None:
        return Route("calculator", {"expression": expression}, f"{expression} = {{}}")
    return _time(message) or _explicit(message)


_LONGEST = 300  # characters; whoever writes more wants more than a number
_PRINTED = "The program printed:\n\n```text\n{}\n```"
_PROGRAM = re.compile(
    rf"{POLITE}(?:run|execute)(?: (?:this|the following))?(?: python)?(?: code| program| script)?"
    r"(?: in python)?\s*:?\s*```(?:python|py)?[ \t]*\n(?P<code>.+?)\n?```",
    re.IGNORECASE | re.DOTALL,
)


_PLACE = r"(?: (?:right )?now| today| currently| here| please)*(?: in (?P<place>[\w' ./-]{2,40}?))?"
_CLOCK = re.compile(
    rf"{POLITE}(?:tell me )?(?:what time is it"
    r"|what(?:'s| is) the (?:current |exact |local )?(?:time|date|day)(?: and (?:time|date))?"
    r"|(?:what|which) (?:day|date|month|year)(?: of the (?:week|month|year))? is (?:it|today)"
    r"|what(?:'s| is) today(?:'s date)?|today's date"
    r"|(?:the )?current (?:date|time)(?: and (?:date|time))?"
    rf"){_PLACE}(?: (?:right )?now| today)?[ ?.!]*",
    re.IGNORECASE,
)


def _time(message: str) -> Route | None:
    asked = _CLOCK.fullmatch(message)
    if asked is None:
        return None
    place = (asked["place"] or "").strip()
    if not place:
        return Route("clock", {}, "It is {}.")
    return Route("clock", {"time_zone": place}, f"In {place} it is {{}}.")


_WEB = re.compile(
    rf"{POLITE}(?:search|look on|check) (?:the )?(?:web|internet|online)"
    r"(?: for)? (?P<query>.+?)[?.!]*",
    re.IGNORECASE,
)
_READ = re.compile(
    rf"{POLITE}(?:read|open|show(?: me)?) (?:the )?file (?P<path>\S.*?)[?!]*",
    re.IGNORECASE,
)
_LIST = re.compile(
    rf"{POLITE}(?:list|show)(?: me)? (?:the |all )?files (?:in|of)"
    r" (?:the folder |the directory )?(?P<path>\S.*?)[?!]*",
    re.IGNORECASE,
)


def _explicit(message: str) -> Route | None:
    """Tools that are asked for by what they do; they ask for approval."""
    if asked := _WEB.fullmatch(message):
        return Route("web_search", {"query": asked["query"]}, "The web search gave:\n\n{}")
    if asked := _READ.fullmatch(message):
        return Route("read_file", {"path": asked["path"]})
    if asked := _LIST.fullmatch(message):
        return Route("list_files", {"path": asked["path"]})
    return None
