"""What loaders yield."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class BadRecord:
    """One record that cannot be taken; the file goes on after it. `place` names it for people."""

    position: int
    message: str
    hint: str
    place: str = ""


@dataclass(frozen=True)
class Parsed:
    """What a file that is one document says, before cleaning, but for the text of one with `pages`.

    `pages` are the offsets in `text` at which pages begin, empty where there are none. `date` and
    `language` are as in `retrieval.types.Document`. `has_titles` says whether `## Title` is one,
    `gaps` what could not be read of it.
    """

    title: str
    text: str
    date: str = ""
    language: str = ""
    pages: tuple[int, ...] = ()
    has_titles: bool = True
    gaps: tuple[BadRecord, ...] = ()


@dataclass(frozen=True)
class Loaded:
    """One document as read. `address` names it within its file, "" when the file is the document.

    `position` is where to go on after it, a number that only its loader understands (lines or parts
    read, a place in a dump); `consumed` the bytes of the file behind it as it lies on disk. `date`
    and `language` are as in `retrieval.types.Document`, `pages` and `has_titles` as in `Parsed`.
    """

    address: str
    uri: str
    title: str
    text: str
    position: int = 0
    consumed: int = 0
    date: str = ""
    language: str = ""
    pages: tuple[int, ...] = ()
    has_titles: bool = True
