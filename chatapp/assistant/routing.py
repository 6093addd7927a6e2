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
from tools.clock import knows_zone

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
        return Route("python", {"code": program["code"]}, _PRINTED)
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
    r"(?: in python)?\s*(?::\s*)?```(?:python|py)?[ \t]*\n(?P<code>.+?)\n?```",
    re.IGNORECASE | re.DOTALL,
)


_PLACE = (
    r"(?: (?:right )?now| today| currently| here| please)*(?: in (?P<place>[\w' ./:+−–-]{2,40}?))?"
)
_CLOCK = re.compile(
    rf"{POLITE}(?:tell me )?(?:what time is it"
    r"|what(?:'s| is) the (?:current |exact |local )?(?:time|date|day)(?: and (?:time|date))?"
    r"|(?:what|which) (?:day|date|month|year)(?: of the (?:week|month|year))? is (?:it|today)"
    r"|what(?:'s| is) today(?:'s date)?|today's date"
    r"|(?:the )?current (?:date|time)(?: and (?:date|time))?"
    rf"){_PLACE}(?: (?:right )?now| today)?[ ?.!]*",
    re.IGNORECASE,
)


# Zones are named so, too, but who writes one of these small means something else.
_NO_PLACES = """
act acre center christmas continental east easter factory general localtime met north oral resolute
south troll universal virgin wake west wet
"""
# "What time is it in French?" asks for words.
_LANGUAGES = """
arabic chinese dutch english french german greek hindi italian japanese korean latin polish
portuguese russian spanish swedish turkish
"""
_CAPITAL = r"[^\W\da-z][\w'.-]*"
_NAME = re.compile(rf"(?:the )?{_CAPITAL}(?: (?:(?:of|the|and|de|la) )*{_CAPITAL})*")


def _time(message: str) -> Route | None:
    asked = _CLOCK.fullmatch(message)
    if asked is None:
        return None
    place = (asked["place"] or "").strip()
    if not place:
        return Route("clock", {}, "It is {}.")
    if not _may_be_place(place, of_time="time" in message.lower()):
        return None
    return Route("clock", {"time_zone": place}, f"In {place} it is {{}}.")


def _may_be_place(place: str, *, of_time: bool) -> bool:
    """Return whether the clock knows the place, or can at least say that it does not.

    Only a time is asked of any place with a name: "the date in Hamlet" is not today's.
    """
    if place in _NO_PLACES.split() or place.lower() in _LANGUAGES.split():
        return False
    return knows_zone(place) or (of_time and bool(_NAME.fullmatch(place)))


_WEB = re.compile(
    rf"{POLITE}(?:search|look on|check) (?:the )?(?:web|internet|online)(?: for me)?"
    r"(?: for| about|:) (?P<query>.+?)[?.!]*",
    re.IGNORECASE,
)
# Whether the web can be searched at all is asked with these: "Can you search the web for me?"
_NO_QUERY = re.compile(
    r"(?:me|us|it|this|that|them|things?|stuff|answers?|info(?:rmation)?|something|anything)"
    r"(?: please| now| too)*",
    re.IGNORECASE,
)
_QUOTED = r"[\"'`“](?P<quoted>[^\"'`“”]+)[\"'`”]"
_PATH = r"[\w~./\\:@%+()-]+"
# Unless it is quoted, a name has an extension, or a slash and no spaces. Words before its last one
# belong to it if they do not say what is asked about it: "the file format of data.csv".
_PART = (
    r"(?!(?:of|in|for|from|with|on|to|at|as|by|the|an?|and|or|that|which|named|called) )"
    rf"{_PATH}"
)
_ASPECT = r"(?:extension|formats?|header|manager|menu|name|path|sizes?|system|types?)\b"
_READ = re.compile(
    rf"{POLITE}(?:read|open|show(?: me)?) (?:the )?file (?:called |named |at )?(?:{_QUOTED}"
    rf"|(?P<path>(?!{_ASPECT})(?:{_PART} ){{0,4}}(?:{_PART})?\.[a-z][a-z\d]{{0,9}}"
    rf"|(?!(?:i/o|input/output|read/write)\b){_PATH}[/\\]{_PATH}|/{_PATH}"
    r"|readme|makefile|dockerfile|licen[cs]e|changelog|notice"
    r"))(?:,? please)?[?!.]*",
    re.IGNORECASE,
)
_LIST = re.compile(
    rf"{POLITE}(?:list|show)(?: me)? (?:all )?(?:the )?files (?:in|of)"
    r" (?:(?:(?:the|this|that|my|our|your) )?(?P<unnamed>(?:current )?(?:folder|directory))"
    rf"|(?!an? )(?:the )?(?P<named>(?:folder|directory) )?(?:{_QUOTED}|(?P<path>{_PATH})"
    r"(?P<behind> (?:folder|directory))?))(?:,? please)?[?!.]*",
    re.IGNORECASE,
)
# "List files in Linux" asks how that is done.
_NO_FOLDERS = """
android bash cmd dos finder git github here it linux macos powershell python terminal that there
this ubuntu unix vim windows zsh
"""


def _explicit(message: str) -> Route | None:
    """Tools that are asked for by what they do; they ask for approval."""
    asked = _WEB.fullmatch(message)
    if asked and not _NO_QUERY.fullmatch(asked["query"]):
        return Route("web_search", {"query": asked["query"]}, "The web search gave:\n\n{}")
    if asked := _READ.fullmatch(message):
        return Route("read_file", {"path": asked["quoted"] or _ended(asked["path"])})
    asked = _LIST.fullmatch(message)
    if asked and asked["unnamed"]:
        return Route("list_files")  # it says which folders there are
    if asked and (path := _folder(asked)):
        return Route("list_files", {"path": path})
    return None


def _folder(asked: re.Match[str]) -> str:
    """Return the folder that is named, "" where the word names something else."""
    path = asked["quoted"] or _ended(asked["path"])
    told = asked["quoted"] or asked["named"] or asked["behind"]
    return path if told or path.lower() not in _NO_FOLDERS.split() else ""


def _ended(path: str) -> str:
    """Return a path without the full stop of the sentence that it ends."""
    return path[:-1] if re.search(r"\w\.$", path) else path
