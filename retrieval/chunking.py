"""Cut a document into passages of about 100 words, at paragraph and sentence ends.

The thing to know: a passage is only a pair of offsets, so `text == document.text[start:end]` holds
by construction. A title line (`## Title`, a paragraph of its own) is not a passage; it is kept as
the heading of the passages below it and, where short sections share a passage, inside its text.
Only one that nothing stands below is text itself, or nobody could find it.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from retrieval.sentences import sentence_spans
from retrieval.text import MAX_TITLE

TARGET_WORDS = 100  # the passage size of open-domain QA (DPR); the published anchors use it
_SOFT_FROM = 80  # from here on a paragraph end closes the passage
_SECTION_FROM = 50  # from here on a new heading closes the passage
_MOST_WORDS = 140
_MOST_CHARS = 1_600  # for text without spaces

_PARAGRAPH_GAP = re.compile(r"\n[ \t]*\n\s*")
_HEADING = re.compile(r"(#{1,6})[ \t]+(\S.*)")
_WORD_RUN = re.compile(r"\S+")


class Chunk(NamedTuple):
    """Offsets of one passage and the heading path in force at its start ("Setup › Linux")."""

    start: int
    end: int
    heading: str


class _Unit(NamedTuple):
    start: int
    end: int
    words: int
    heading: str
    opens_section: bool
    ends_paragraph: bool


def chunk(text: str, pages: Sequence[int] = (), *, has_titles: bool = True) -> list[Chunk]:
    """Return the passages of `text` in order, never overlapping, white space at no edge.

    With `pages`, the offsets at which pages begin, headings end in "page 3" or "pages 3–4". Unless
    it `has_titles`, a paragraph that begins with `#` is one like any other.
    """
    chunks = _chunks(text, has_titles=has_titles)
    if not pages:
        return chunks
    return [piece._replace(heading=_with_pages(piece, pages)) for piece in chunks]


def _with_pages(piece: Chunk, pages: Sequence[int]) -> str:
    first, last = (bisect_right(pages, place) for place in (piece.start, piece.end - 1))
    place = f"page {first}" if first == last else f"pages {first}–{last}"
    return f"{piece.heading} › {place}" if piece.heading else place


def _chunks(text: str, *, has_titles: bool) -> list[Chunk]:
    chunks: list[Chunk] = []
    open_units: list[_Unit] = []
    words = 0
    for unit in _units(text, has_titles=has_titles):
        if open_units and _closes_before(unit, words, open_units[0].start):
            chunks.append(_join(open_units))
            open_units, words = [], 0
        open_units.append(unit)
        words += unit.words
        if words >= TARGET_WORDS or (unit.ends_paragraph and words >= _SOFT_FROM):
            chunks.append(_join(open_units))
            open_units, words = [], 0
    if open_units:
        chunks.append(_join(open_units))
    return chunks


def _closes_before(unit: _Unit, words: int, start: int) -> bool:
    if unit.opens_section and words >= _SECTION_FROM:
        return True
    return words + unit.words > _MOST_WORDS or unit.end - start > _MOST_CHARS


def _join(units: list[_Unit]) -> Chunk:
    return Chunk(units[0].start, units[-1].end, units[0].heading)


def _units(text: str, *, has_titles: bool) -> Iterator[_Unit]:
    """Yield sentences (or pieces of overlong ones) with the heading they stand under."""
    path: list[tuple[int, str]] = []
    bare: list[_Unit] = []  # the last title, while nothing stands below it
    opens_section = False
    for start, end in _paragraphs(text):
        heading = (
            _HEADING.fullmatch(text, start, end) if has_titles and text[start] == "#" else None
        )
        if heading is None:
            yield from _paragraph(text, start, end, path, opens_section=opens_section)
            bare, opens_section = [], False
            continue
        level = len(heading.group(1))
        if bare and level <= path[-1][0]:
            yield from bare
        path = [part for part in path if part[0] < level]
        bare = list(_paragraph(text, start, end, path, opens_section=True))
        path.append((level, heading.group(2).strip()))
        opens_section = True
    yield from bare


def _paragraph(
    text: str, start: int, end: int, path: Sequence[tuple[int, str]], *, opens_section: bool
) -> Iterator[_Unit]:
    name = " › ".join(title for _, title in path)[:MAX_TITLE]
    pieces = list(_pieces(text, start, end))
    for number, (piece_start, piece_end, words) in enumerate(pieces, 1):
        opens, last = opens_section and number == 1, number == len(pieces)
        yield _Unit(piece_start, piece_end, words, name, opens, last)


def _paragraphs(text: str) -> Iterator[tuple[int, int]]:
    start = len(text) - len(text.lstrip())
    stop = len(text.rstrip())
    for gap in _PARAGRAPH_GAP.finditer(text, start, stop):
        end = gap.start()
        while end > start and text[end - 1].isspace():
            end -= 1
        if end > start:
            yield start, end
        start = gap.end()
    if start < stop:
        yield start, stop


def _pieces(text: str, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Yield (start, end, words) of a paragraph's sentences, overlong ones cut at white space."""
    words = text.count(" ", start, end) + 1
    if words <= _SOFT_FROM and end - start <= _MOST_CHARS:
        yield start, end, words  # short paragraphs stay whole: the common case, and the fast one
        return
    for sentence_start, sentence_end in sentence_spans(text, start, end):
        words = text.count(" ", sentence_start, sentence_end) + 1
        if words <= _MOST_WORDS and sentence_end - sentence_start <= _MOST_CHARS:
            yield sentence_start, sentence_end, words
        else:
            yield from _cut_long(text, sentence_start, sentence_end)


def _cut_long(text: str, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Cut a run without sentence ends into pieces of at most 100 words and 1,600 characters."""
    piece_start, piece_end, words = start, start, 0
    for run in _WORD_RUN.finditer(text, start, end):
        for run_start in range(run.start(), run.end(), _MOST_CHARS):
            run_end = min(run_start + _MOST_CHARS, run.end())
            full = words >= TARGET_WORDS or run_end - piece_start > _MOST_CHARS
            if words and full:
                yield piece_start, piece_end, words
                words = 0
            if not words:
                piece_start = run_start
            piece_end, words = run_end, words + 1
    if words:
        yield piece_start, piece_end, words
