"""PDF through pypdfium2, in a child process (PDFium is C++ and reads files from strangers).

The thing to know: pages become one running text, so that a sentence goes on over a page break, and
where each page begins is kept beside it: passages say "page 12".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retrieval.errors import LoadError
from retrieval.loaders.dates import iso_date
from retrieval.loaders.isolated import run_isolated
from retrieval.loaders.types import BadRecord, Parsed
from retrieval.text import sanitize_text

if TYPE_CHECKING:
    from pypdfium2 import PdfDocument

MAX_CHARACTERS = 20_000_000

_EXPORT = "open it in a viewer and export it anew"
_HYPHENATED = re.compile(r"(?<=[a-z])(?:-|\ufffe|\u0002)\r?\n(?=[a-z])")
_DATE = re.compile(r"D:(\d{4})(\d{2})(\d{2})")
_WRAPPED = re.compile(r"(?<=[^\n.!?:;])\r?\n(?=[a-z0-9(])")


def read_pdf(path: Path) -> Parsed:
    """Return the text of a PDF with the places where its pages begin.

    Raises:
        LoadError: encrypted, damaged, without text, or over the limits of the child process.
    """
    reply = run_isolated("retrieval.loaders.pdf", path)
    text, pages = _joined(reply["pages"])
    title = reply["title"] or path.stem
    gaps = tuple(
        BadRecord(number, "this page is missing or damaged", _EXPORT, f"page {number}")
        for number in reply["unread"]
    )
    return Parsed(title, text, reply["date"], pages=pages, has_titles=False, gaps=gaps)


def parse(path: Path) -> dict[str, Any]:
    """Extract title, date and pages; runs in the child process."""
    import pypdfium2

    try:
        document = pypdfium2.PdfDocument(path.read_bytes())
    except pypdfium2.PdfiumError as error:
        raise _explain(error) from error
    pages: list[str] = []
    unread: list[int] = []
    length = 0
    for number, text in enumerate(page_texts(document), 1):
        if text is None:
            unread.append(number)
        pages.append(text or "")
        length += len(pages[-1])
        if length > MAX_CHARACTERS:
            raise LoadError("the PDF holds more than 20 million characters", "split the file")
    if not length and unread:
        raise LoadError("no page of the PDF can be read", _EXPORT)
    if not length:
        raise LoadError(
            "the PDF holds no text, only pictures of pages",
            "run text recognition (OCR) on it first",
        )
    changed = document.get_metadata_value("ModDate") or document.get_metadata_value("CreationDate")
    return {
        "title": document.get_metadata_value("Title"),
        "date": iso_date("-".join(_DATE.findall(changed)[0])) if _DATE.match(changed) else "",
        "pages": pages,
        "unread": unread,
    }


def page_texts(document: PdfDocument) -> Iterator[str | None]:
    """Yield the text of each page, None for one that is missing or damaged."""
    from pypdfium2 import PdfiumError

    for number in range(len(document)):
        try:
            yield unwrap(document[number].get_textpage().get_text_bounded())
        except PdfiumError:
            yield None


def _joined(pages: Sequence[str]) -> tuple[str, tuple[int, ...]]:
    """Return the text of all pages, clean, and the offset at which each begins.

    A sentence that goes on over the page break is not cut by it.
    """
    text, begins = "", []
    for raw in pages:
        page = sanitize_text(raw).strip()
        if text and page:
            goes_on = text[-1] not in ".!?:;" and (page[0].islower() or page[0].isdigit())
            text += " " if goes_on else "\n\n"
        begins.append(len(text))
        text += page
    return text, tuple(begins)


def unwrap(page: str) -> str:
    """Return a page's text with hyphenated and wrapped lines joined."""
    return _WRAPPED.sub(" ", _HYPHENATED.sub("", page)).strip()


def _explain(error: Exception) -> LoadError:
    if "password" in str(error).lower():
        return LoadError("the PDF is encrypted", "save a copy without a password and add that")
    return LoadError(f"this is not a readable PDF ({error})", _EXPORT)
