"""Sentence boundaries as offsets, for chunking and for quotes alike.

One splitter serves both, so a passage never ends inside what quoting would call a sentence.
Rules, not a model: a full stop ends a sentence unless it closes an abbreviation or an initial.
"""

from __future__ import annotations

import re

# Scripts without capitals (Chinese, Arabic, Hindi …) have no lower case either: what cannot open a
# sentence is a small letter of a script that has both.
_CASED = (range(0x41, 0x590), range(0x1E00, 0x2000))  # Latin to Armenian, and what adds to them
_SMALL = "".join(char for block in _CASED for char in map(chr, block) if char.islower())

# White space after a terminator (perhaps with a closing quote) before something that can open a
# sentence; a full-width terminator, which needs no space, but for one before another or before a
# closing quote; a paragraph break; or the start of a list item or of a line "Label: value".
_BREAK = re.compile(
    rf"""(?:(?<=[.!?…।؟])|(?<=[.!?…।؟]["'”’)\]]))\s+(?=["'“‘(\[]*[^\W_{_SMALL}])"""
    r"""|(?:(?<=[。！？])|(?<=[。！？][」』”’）]))\s*(?=[^\s。！？」』”’）])"""
    r"""|\n[ \t]*\n\s*|\n(?=[ \t]*[-*•] )|\n(?=\|)"""
    rf"""|\n(?=[ \t]*[^\W\d_{_SMALL}][^:.!?;\n]{{0,40}}: +\S)"""
)
_LAST_WORD = re.compile(r"((?:[^\W\d_]|\.)+)\.[\"'”’)\]]*$")

_NUMBER = re.compile(r"\d{1,3}\.")

_ABBREVIATED = """
mr mrs ms dr st sr jr prof gen col lt capt cpt sgt maj adm rev hon gov sen rep pres mt ft messrs
mme mlle fr bros inc ltd co corp llc dept univ assn est ca approx vs etc al cf viz eg ie e.g i.e
no nos vol vols ed eds pp fig figs sec ch op cit trans jan feb mar apr jun jul aug sept sep oct
nov dec mon tue wed thu fri sat sun u.s u.k u.n d.c a.m p.m b.c a.d ph.d m.d b.a m.a
"""
_ABBREVIATIONS = frozenset(_ABBREVIATED.split())


def sentence_spans(text: str, start: int = 0, end: int | None = None) -> list[tuple[int, int]]:
    """Return the (start, end) offsets of the sentences of `text[start:end]`, trimmed."""
    stop = len(text) if end is None else end
    spans: list[tuple[int, int]] = []
    begin, opens_line = start, True
    for gap in _BREAK.finditer(text, start, stop):
        # "3. Open the lid": the number of an item is no sentence of its own.
        numbers = opens_line and _NUMBER.fullmatch(text, begin, gap.start())
        ends_line = "\n" in gap.group()
        if not ends_line and (numbers or _is_abbreviation(text, begin, gap.start())):
            continue
        _append_trimmed(spans, text, begin, gap.start())
        begin, opens_line = gap.end(), ends_line
    _append_trimmed(spans, text, begin, stop)
    return spans


def _append_trimmed(spans: list[tuple[int, int]], text: str, start: int, end: int) -> None:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    if start < end:
        spans.append((start, end))


def _is_abbreviation(text: str, start: int, end: int) -> bool:
    """Whether the full stop just before `end` belongs to the word and not to the sentence."""
    match = _LAST_WORD.search(text, max(start, end - 14), end)
    if match is None:
        return False
    word = match.group(1)
    if len(word) == 1 and (word.isupper() or not word.isascii()):
        return True  # an initial, "J. Smith", or a word like the "г." of Russian years
    return word.lower() in _ABBREVIATIONS
