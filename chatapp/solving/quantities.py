"""The numbers that a problem's text tells, in digits or in words, with where they stand."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import NamedTuple

MOST = 24  # quantities of a problem
LONGEST = 256  # pieces of a problem that are read, the two marks at its ends among them
_SMALL = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"),
    *("eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen"),
    *("nineteen", "twenty"),
)
_TENS = ("thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_LARGE = {"hundred": 100, "thousand": 1_000, "million": 10**6, "billion": 10**9}
_PARTS = {
    "half": 2,
    "halves": 2,
    "halved": 2,
    "third": 3,
    "thirds": 3,
    "quarter": 4,
    "quarters": 4,
    "fourth": 4,
    "fourths": 4,
    "fifth": 5,
    "fifths": 5,
    "sixth": 6,
    "sixths": 6,
    "seventh": 7,
    "eighth": 8,
    "eighths": 8,
    "ninth": 9,
    "tenth": 10,
    "tenths": 10,
    "twelfth": 12,
}
_TIMES = {
    "twice": 2,
    "double": 2,
    "doubles": 2,
    "doubled": 2,
    "couple": 2,
    "pair": 2,
    "pairs": 2,
    "both": 2,
    "twins": 2,
    "thrice": 3,
    "triple": 3,
    "triples": 3,
    "tripled": 3,
    "dozen": 12,
    "dozens": 12,
    "score": 20,
}
_WORDS: dict[str, int] = {
    **{word: value for value, word in enumerate(_SMALL)},
    **{word: 10 * value for value, word in enumerate(_TENS, 3)},
    **_LARGE,
    **_PARTS,
    **_TIMES,
}
_DIGITS = r"\d{1,3}(?:,\d{3}){1,4}(?:\.\d{1,9})?|\d{1,15}(?:\.\d{1,9})?|\.\d{1,9}"
_FOUND = re.compile(
    rf"(?P<digits>(?:{_DIGITS}))(?:\s?(?P<hundredths>%|percent\b|per cent\b|cents?\b|¢))?"
    r"|(?P<word>\b[a-z]+\b)",
    re.IGNORECASE,
)


class Quantity(NamedTuple):
    """A number of the text: characters start … end, and its kind."""

    value: Fraction
    start: int
    end: int
    kind: (
        int  # 0 digits, 1 a percentage or cents, 2 a number word, 3 a part ("third"), 4 a multiple
    )


# in digits; a percentage or cents; in words; a part such as "third"; a multiple such as "twice"
DIGITS, HUNDREDTHS, NUMBER_WORD, PART, MULTIPLE = range(5)
KINDS = 5


def quantities(text: str) -> list[Quantity]:
    """Return the first 24 numbers of `text`; "two hundred" and "thirty-five" are one each."""
    found: list[Quantity] = []
    for match in _FOUND.finditer(text):
        quantity = _quantity(match)
        if quantity is None:
            continue
        joined = _joined(found[-1], quantity, text) if found else None
        if joined:
            found[-1] = joined
        else:
            found.append(quantity)
    return found[:MOST]


def _quantity(match: re.Match[str]) -> Quantity | None:
    start, end = match.span()
    if match["digits"]:
        value = Fraction(match["digits"].replace(",", ""))
        return Quantity(value, start, end, HUNDREDTHS if match["hundredths"] else DIGITS)
    word = match["word"].lower()
    if word not in _WORDS:
        return None
    kind = PART if word in _PARTS else MULTIPLE if word in _TIMES else NUMBER_WORD
    return Quantity(Fraction(_WORDS[word]), start, end, kind)


def _joined(before: Quantity, after: Quantity, text: str) -> Quantity | None:
    """Return what neighbours say together: thirty-five, two hundred and six, 3 million."""
    between = _HYPHENS.sub("-", text[before.end : after.start])
    in_words = before.kind == NUMBER_WORD
    if after.kind != NUMBER_WORD or before.kind not in (DIGITS, NUMBER_WORD):
        return None
    if text[after.start : after.end].lower() in _LARGE and between in (" ", "-"):
        value = _scaled(before.value, after.value) if in_words else before.value * after.value
    elif (in_words and _units_follow(before, after, between, text)) or (
        in_words
        and before.value >= 100
        and before.value % 100 == 0
        and after.value < 100
        and between in (" ", " and ")
    ):
        value = before.value + after.value
    else:
        return None
    return Quantity(value, before.start, after.end, before.kind)


def _scaled(value: Fraction, scale: Fraction) -> Fraction:
    """Multiply the group below the last scale alone: of 1002, "hundred" makes 1200."""
    group = value % (1_000 if scale == 100 else 1_000 * scale) or value
    return value - group + group * scale


def _units_follow(before: Quantity, after: Quantity, between: str, text: str) -> bool:
    """Whether `after` is the 5 of "thirty-five"; "twenty five-dollar notes" are twenty notes."""
    tens = before.value % 100 in range(20, 91, 10) and 0 < after.value < 10
    joins = _HYPHENS.match(text[after.end :]) is not None
    return tens and (between == "-" or (between == " " and not joins))


_HYPHENS = re.compile("[-‐‑–]")
