"""Questions that a tool answers better than any source or model, told apart by rules alone.

The thing to know: a rule must match the whole message. "What is 12 * 7?" is computed; a question
that merely has numbers in it goes the usual way.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Route:
    """A tool and its arguments, and how the answer shows the result that takes the place of {}."""

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    answer: str = "{}"


def route(text: str) -> Route | None:
    """Return the tool that a message asks for, if it clearly asks for one."""
    if program := _PROGRAM.fullmatch(text.strip()):
        return Route(
            "python", {"code": program["code"]}, "The program printed:\n\n```text\n{}\n```"
        )
    message = " ".join(text.replace("’", "'").split())
    if len(message) > _LONGEST:
        return None
    return _arithmetic(message) or _time(message) or _explicit(message)


_LONGEST = 300  # characters; whoever writes more wants more than a number
_POLITE = r"(?:(?:please|can you|could you|hey|ok|so|and)[, ]+)*"
_PRINTED = "The program printed:\n\n```text\n{}\n```"
_PROGRAM = re.compile(
    rf"{_POLITE}(?:run|execute)(?: (?:this|the following))?(?: python)?(?: code| program| script)?"
    r"(?: in python)?\s*:?\s*```(?:python|py)?[ \t]*\n(?P<code>.+?)\n?```",
    re.IGNORECASE | re.DOTALL,
)

_ASKS = re.compile(
    rf"{_POLITE}(?:(?P<lead>what(?:'s| is| are| does)|how much (?:is|are|does)|calculate|compute"
    r"|evaluate|work out|solve)\b\s*:?)?"
    r"\s*(?P<expression>.+?)\s*(?P<equals>(?:equals?|make)?\s*=?\s*)[?.!]*",
    re.IGNORECASE,
)
_WORDS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), symbol)
    for pattern, symbol in (
        (r"\bto the power of\b", "^"),
        (r"\b(?:multiplied by|times)\b|(?<=\d) ?x ?(?=\d)", "*"),
        (r"\bdivided by\b", "/"),
        (r"\bplus\b", "+"),
        (r"\bminus\b", "-"),
        (r"(?<=[\d)])\s*squared\b", "^2"),
        (r"(?<=[\d)])\s*cubed\b", "^3"),
        (r"\b(?:the )?square root of (\d+(?:\.\d+)?)", r"sqrt(\1)"),
        (r"(\d+(?:\.\d+)?)\s*(?:%|percent) of (?=[\d(])", r"\1 / 100 * "),
        (r"(?<=\d),(?=\d{3}\b)", ""),
    )
)
_NAMES = r"(?:abs|cos|exp|ln|log10|log2|max|min|round|sin|sqrt|tan|pi|tau|e)\b"
_TOKENS = re.compile(rf"(?:\d+(?:\.\d+)?|\.\d+|{_NAMES}|[-+*/×÷·−–^%(),]|\s)+")
_OPERATION = re.compile(
    rf"(?:\d|\b{_NAMES})\s*\)*\s*[-+*/×÷·−–^%]+\s*[-(]*\s*(?:\d|\.|{_NAMES})|\b[a-z]+\d*\("
)
_DATE = re.compile(r"\d{4}-\d\d?-\d\d?|\d\d?/\d\d?/\d{2,4}")
# A phone number, a score or a turn of phrase, unless somebody asks to calculate it.
_NOT_A_SUM = re.compile(r"\+?[\d./–-]+")
_SAYINGS = {"9/11", "24/7", "50/50", "7/7", "80/20"}


def _arithmetic(message: str) -> Route | None:
    asked = _ASKS.fullmatch(message)
    if asked is None:
        return None
    typed = expression = asked["expression"].strip()
    for pattern, symbol in _WORDS:
        expression = pattern.sub(symbol, expression)
    if not (_TOKENS.fullmatch(expression) and _OPERATION.search(expression)):
        return None
    asks = asked["lead"] or asked["equals"]
    if typed in _SAYINGS or _DATE.fullmatch(typed) or (_NOT_A_SUM.fullmatch(typed) and not asks):
        return None
    return Route("calculator", {"expression": expression}, f"{expression} = {{}}")


_PLACE = r"(?: (?:right )?now| today| currently| here| please)*(?: in (?P<place>[\w' ./-]{2,40}?))?"
_CLOCK = re.compile(
    rf"{_POLITE}(?:tell me )?(?:what time is it"
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
    rf"{_POLITE}(?:search|look on|check) (?:the )?(?:web|internet|online)"
    r"(?: for)? (?P<query>.+?)[?.!]*",
    re.IGNORECASE,
)
_READ = re.compile(
    rf"{_POLITE}(?:read|open|show(?: me)?) (?:the )?file (?P<path>\S.*?)[?!]*",
    re.IGNORECASE,
)
_LIST = re.compile(
    rf"{_POLITE}(?:list|show)(?: me)? (?:the |all )?files (?:in|of)"
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
