"""PDF through pypdfium2, in a child process (PDFium is C++ and reads files from strangers)."""

from __future__ import annotations

import re
from pathlib import Path

from retrieval.errors import LoadError
from retrieval.loaders.isolated import run_isolated

MAX_CHARACTERS = 20_000_000

_HYPHENATED = re.compile(r"(?<=[a-z])(?:-|\ufffe|\u0002)\r?\n(?=[a-z])")
_WRAPPED = re.compile(r"(?<=[^\n.!?:;])\r?\n(?=[a-z0-9(])")


def read_pdf(path: Path) -> tuple[str, str]:
    """Return (title, text) of a PDF.

    Raises:
        LoadError: encrypted, damaged, without text, or over the limits of the child process.
    """
    reply = run_isolated("retrieval.loaders.pdf", path)
    return reply["title"] or path.stem, reply["text"]


def parse(path: Path) -> dict[str, str]:
    """Extract title and text; runs in the child process."""
    import pypdfium2

    try:
        document = pypdfium2.PdfDocument(path.read_bytes())
    except pypdfium2.PdfiumError as error:
        raise _explain(error) from error
    pages: list[str] = []
    length = 0
    for page in document:
        pages.append(page.get_textpage().get_text_bounded())
        length += len(pages[-1])
        if length > MAX_CHARACTERS:
            raise LoadError("the PDF holds more than 20 million characters", "split the file")
    text = "\n\n".join(unwrap(page) for page in pages).strip()
    if not text:
        raise LoadError(
            "the PDF holds no text, only pictures of pages",
            "run text recognition (OCR) on it first",
        )
    return {"title": document.get_metadata_value("Title"), "text": text}


def unwrap(page: str) -> str:
    """Return a page's text with hyphenated and wrapped lines joined."""
    return _WRAPPED.sub(" ", _HYPHENATED.sub("", page)).strip()


def _explain(error: Exception) -> LoadError:
    if "password" in str(error).lower():
        return LoadError("the PDF is encrypted", "save a copy without a password and add that")
    return LoadError(
        f"this is not a readable PDF ({error})", "open it in a viewer and export it anew"
    )
