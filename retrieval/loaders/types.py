"""What loaders yield."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Loaded:
    """One document as read. `address` names it within its file, "" when the file is the document.

    `position` is the number of lines read up to and with this record; `consumed` the bytes of the
    file behind it as it lies on disk. `date` and `language` are as in
    `retrieval.types.Document`.
    """

    address: str
    uri: str
    title: str
    text: str
    position: int = 0
    consumed: int = 0
    date: str = ""
    language: str = ""


@dataclass(frozen=True)
class BadRecord:
    """One record that cannot be taken; the file goes on after it."""

    position: int
    message: str
    hint: str
