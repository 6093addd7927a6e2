"""A wish to have something explained, turned into the question that sources can answer.

"Explain photosynthesis to a child in simple words" asks what photosynthesis is: to whom and how it
is to be told stands in no source. The thing to know: only a request is cut. "How do you explain
death to a child?" asks about exactly that, and a title or a quote is never opened.
"""

from __future__ import annotations

import re

from retrieval.terms import STOP_WORDS, fold, words

_LONGEST = 300  # characters; whoever writes more tells what it is about

_COUNT = r"(?:an?|one|two|three|four|five|\d{1,3}|a few|a couple of)"
_YEARS = r"(?:\d{1,2}|four|five|six|seven|eight|nine|ten|twelve)"
_PLAINLY = (
    r"(?:(?:in|using|with) (?:(?:very|really|more) )?(?:simpler?|plain|easy|everyday|layman's|lay)"
    r" (?:terms|words|language|[Ee]nglish)|in a nutshell)"
)
_SHORTLY = (
    r"(?:briefly|quickly|simply|clearly|shortly|in short|in brief|in (?:more |some )?detail"
    rf"|step by step|in {_COUNT} (?:(?:short|simple) )?(?:sentence|word|line|paragraph)s?)"
)
_SOMEBODY = (
    r"(?:me|us|my \w+|(?:an? )?(?:(?:small|young|little|curious|complete|total|absolute) )?"
    r"(?:child(?:ren)?|kids?|toddlers?|teenagers?|beginners?|novices?"
    rf"|lay ?(?:man|men|person|people)|dumm(?:y|ies)|students?|{_YEARS}[- ]years?[- ]olds?))"
)
_AS_IF = rf"(?:like|as if|as though) (?:[Ii](?:'m| am| was| were)|to) (?:{_YEARS}|{_SOMEBODY})"
_TOLD = rf"(?:{_PLAINLY}|{_SHORTLY}|(?:to|for) {_SOMEBODY}|{_AS_IF}(?: years? old)?)"

_ASKING = r"(?:who|whom|whose|what|which|when|where|why|how|if|whether)"
_REQUEST = re.compile(
    rf"\s*(?:(?:hi|hello|hey|ok(?:ay)?|so|now|please|kindly|just|{_PLAINLY}|{_SHORTLY}"
    r"|(?:can|could|would|will) you)[\s,!]+)*"
    rf"(?:(?P<verb>explain|describe)(?P<told>(?:\s+(?:me|us|{_TOLD})(?=[\s,:?.!]|\Z))*)"
    r"|(?P<child>eli5)"
    r"|define|tell (?:me|us) about)(?:[\s,:]+|\Z)",
    re.IGNORECASE,
)
_END = r"(?:,?\s+(?:please|thanks|thank you))?[\s?.!]*\Z"
# In small letters, or all of it may be a title: "How It Works in Simple Words".
_MANNER = re.compile(rf"[\s,]+(?:{_PLAINLY}|{_SHORTLY}|{_AS_IF}(?: years? old)?){_END}")
_LISTENER = re.compile(rf"[\s,]+(?:to|for) {_SOMEBODY}{_END}")
_MANNER_OF_ANY = re.compile(rf"(?:,\s*{_TOLD}|\s+{_PLAINLY}|\s+{_AS_IF}(?: years? old)?){_END}")
_MANNER_FIRST = re.compile(rf"\s*(?:{_PLAINLY}|{_SHORTLY}),\s+(?={_ASKING}\b)", re.IGNORECASE)
# To whom something is done is part of what is asked: "Explain what happens to a child".
_CLAUSE = re.compile(rf"{_ASKING}\b(?!.*\b(?:is|are|was|were|works?|means?)\Z)", re.IGNORECASE)
# How somebody speaks may be what is asked: "Why did he write in plain words?".
_ASKS_NOW = re.compile(
    rf"\s*{_ASKING}(?:'s| is| are| do| does)\b(?!.*\b(?:explain|describe|defin|say|speak|talk|writ"
    r"|express|put|tell|teach|call)\w*)",
    re.IGNORECASE | re.DOTALL,
)
_THING = re.compile(
    r"(?!(?:i|me|you|it|this|that|these|those|they|them|we|us|he|him|she|her|there|yourself|what"
    r"|my|your|our|his|its|their|again|more|better)\b)[^\s.!?:;]+(?: [^\s.!?:;]+){0,9}[?.!]*",
    re.IGNORECASE,
)
_GOES_ON = re.compile(r" (?:of|in|on|at|with|between|for|to|from|and|behind)\b")
_ASKS = re.compile(rf"\b{_ASKING}\b", re.IGNORECASE)


def as_question(text: str) -> str:
    """Return a wish to have something explained as the question it is, else `text` unchanged."""
    if len(text) > _LONGEST:
        return text
    plain = text.replace("’", "'")
    plain = plain.lower() if plain.isupper() else plain
    request = _REQUEST.match(plain)
    if request is None:
        return _without_manner(text, plain)
    begin, verb = request.end(), request["verb"] or request["child"]
    end = _end_of(plain, begin, told_to=bool(verb))
    if not verb:
        return _cut(text, 0, end)
    thing = _cut(text, begin, end)
    if _THING.fullmatch(thing) and not _ASKS.search(thing):
        return what_is(thing.rstrip("?.! "))
    if _is_titled(request["told"] or ""):
        return text
    if request["child"]:
        return thing
    return f"{text[slice(*request.span('verb'))]} {thing}".rstrip()


def what_is(thing: str) -> str:
    """Return the question what a thing is, or what things are."""
    head = _GOES_ON.split(thing.lower(), maxsplit=1)[0]
    several = head.endswith("s") and not head.endswith(("ss", "us", "is", "ics"))
    return f"What {'are' if several else 'is'} {thing}?"


def _without_manner(text: str, plain: str) -> str:
    first = _MANNER_FIRST.match(plain)
    start = first.end() if first else 0
    found = _MANNER_OF_ANY.search(plain) if _ASKS_NOW.match(plain, start) else None
    # "What is the meaning of in a nutshell?" asks about these words.
    if found is None or fold(words(plain[: found.start()])[-1]) in STOP_WORDS:
        return text[start:]
    return _cut(text, start, found.start())


def _end_of(plain: str, start: int, *, told_to: bool) -> int:
    """Return where the words end that are not said of how, or to whom, it is to be told."""
    end = len(plain)
    while found := (
        _MANNER.search(plain, max(0, start - 1), end)
        or (_listener(plain, start, end) if told_to else None)
    ):
        end = found.start()
    return max(start, end)


def _listener(plain: str, start: int, end: int) -> re.Match[str] | None:
    found = _LISTENER.search(plain, start, end)
    return None if found is None or _CLAUSE.match(plain[start : found.start()]) else found


def _cut(text: str, start: int, end: int) -> str:
    """Return a piece of a text, with the question mark of the whole."""
    asked = "?" if end < len(text) and text.rstrip().endswith("?") else ""
    return f"{text[start:end]}{asked}"


def _is_titled(words_between: str) -> bool:
    """Whether words have capitals, beside "I": "Explain Like I'm Five" is a name."""
    return any(letter.isupper() for letter in words_between.replace("I", ""))
