"""Files to documents: one module a format, all behind `load(path)`.

The thing to know: a loader yields as it reads, so a record file never stands in memory whole, and
every yielded item says how many lines of the file are behind it (`position`), which is where an
interrupted ingestion resumes. Text is sanitised here, once, before anything else sees it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from retrieval.errors import LoadError, unreadable
from retrieval.loaders.types import BadRecord, Loaded
from retrieval.text import sanitize_text, sanitize_title

__all__ = ["BadRecord", "Loaded", "is_loadable", "load"]

_Parse = Callable[[Path], tuple[str, str]]  # path -> (title, text)

_HTML = {".html", ".htm", ".xhtml"}
_MARKDOWN = {".md", ".markdown", ".mdown"}
_TEXT = {".txt", ".text", ".rst", ".log", ".org", ".adoc", ".tex", ".csv", ".tsv", ""}


def is_loadable(path: Path) -> bool:
    """Whether `path`, met while walking a folder, is a kind of file this package reads.

    A file named by a person is always tried; in a folder, pictures and programs are passed over.
    """
    return _is_records(path) or path.suffix.lower() in _HTML | _MARKDOWN | _TEXT | {".pdf"}


def load(path: Path, *, skip: int = 0) -> Iterator[Loaded | BadRecord]:
    """Yield the documents of one file, leaving out its first `skip` lines if it holds records.

    Raises:
        LoadError: the file as a whole cannot be read; the message says why.
    """
    if _is_records(path):
        from retrieval.loaders.records import read_records

        yield from read_records(path, skip=skip)
        return
    try:
        title, text = _parser(path)(path)
    except OSError as error:
        raise unreadable(error) from error
    text = sanitize_text(text).strip()
    if not text:
        raise LoadError(
            "there is no text in the file", "an empty or scanned file cannot be searched"
        )
    yield Loaded(address="", uri=path.as_uri(), title=sanitize_title(title), text=text)


def _is_records(path: Path) -> bool:
    return path.name.lower().endswith((".jsonl", ".jsonl.xz"))


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
