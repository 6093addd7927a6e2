"""Files to documents: one module a format, all behind `load(path)`.

The thing to know: a loader yields as it reads, so a record file never stands in memory whole, and
every yielded item says where to go on after it (`position`), which is where an interrupted
ingestion resumes. Text is sanitised here, once, before anything else sees it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

from retrieval.errors import LoadError, unreadable
from retrieval.loaders.dates import day_of
from retrieval.loaders.types import BadRecord, Loaded, Parsed
from retrieval.text import sanitize_text, sanitize_title

__all__ = ["BadRecord", "Loaded", "holds_many", "is_loadable", "load"]

_Parse = Callable[[Path], Parsed]


class _ReadMany(Protocol):
    def __call__(self, path: Path, *, skip: int) -> Iterator[Loaded | BadRecord]: ...


_HTML = {".html", ".htm", ".xhtml"}
_MARKDOWN = {".md", ".markdown", ".mdown"}
_TEXT = {".txt", ".text", ".rst", ".log", ".org", ".adoc", ".tex", ".csv", ".tsv", ""}
_RECORDS = (".jsonl", ".jsonl.xz")
_DUMPS = (".xml.bz2",)


def is_loadable(path: Path) -> bool:
    """Whether `path`, met while walking a folder, is a kind of file this package reads.

    A file named by a person is always tried; in a folder, pictures and programs are passed over.
    """
    known = path.suffix.lower() in _HTML | _MARKDOWN | _TEXT | {".pdf"}
    return known or path.name.lower().endswith(_RECORDS + _DUMPS)


def load(path: Path, *, skip: int = 0) -> Iterator[Loaded | BadRecord]:
    """Yield the documents of one file that come after the position `skip`.

    Raises:
        LoadError: the file as a whole cannot be read; the message says why.
    """
    many = _reader_of_many(path)
    if many is not None:
        try:
            yield from many(path, skip=skip)
        except OSError as error:
            raise unreadable(error) from error
        return
    try:
        parsed = _parser(path)(path)
        date = parsed.date or day_of(path.stat().st_mtime)
    except OSError as error:
        raise unreadable(error) from error
    text = sanitize_text(parsed.text).strip()
    if not text:
        raise LoadError(
            "there is no text in the file", "an empty or scanned file cannot be searched"
        )
    yield Loaded(
        address="",
        uri=path.as_uri(),
        title=sanitize_title(parsed.title) or path.stem,
        text=text,
        date=date,
        language=parsed.language,
        pages=parsed.pages,
        has_titles=parsed.has_titles,
    )
    yield from parsed.gaps


def holds_many(path: Path) -> bool:
    """Whether a file is read in pieces, because it holds many documents or is huge.

    Raises:
        LoadError: it cannot be looked at.
    """
    return _reader_of_many(path) is not None


def _reader_of_many(path: Path) -> _ReadMany | None:
    """Return what reads a file that holds more than one document, None for a single one."""
    name = path.name.lower()
    if name.endswith(_RECORDS):
        from retrieval.loaders.records import read_records

        return read_records
    if name.endswith((*_DUMPS, ".xml")):
        from retrieval.dumps.loader import read_dump

        return read_dump
    from retrieval.loaders.plain import is_huge, read_parts

    if not is_loadable(path) or path.suffix.lower() in _TEXT:
        try:
            return read_parts if is_huge(path) else None
        except OSError as error:
            raise unreadable(error) from error
    return None


def _parser(path: Path) -> _Parse:
    suffix = path.suffix.lower()
    if suffix == ".pdf":
        from retrieval.loaders.pdf import read_pdf

        return read_pdf
    if suffix in _HTML:
        from retrieval.loaders.html import read_html

        return read_html
    if suffix in _MARKDOWN:
        from retrieval.loaders.markdown import read_markdown

        return read_markdown
    from retrieval.loaders.plain import read_plain

    return read_plain
