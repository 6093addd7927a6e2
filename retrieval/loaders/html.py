"""HTML to its main text through trafilatura, in a child process, on strings only.

The thing to know: trafilatura's own downloader is never used (it retries with certificate checks
off), and unclosed tags can make the parser take minutes, hence the size cap and the child.
"""

from __future__ import annotations

import re
from pathlib import Path

from retrieval.errors import LoadError
from retrieval.loaders.dates import iso_date, language_code
from retrieval.loaders.isolated import run_isolated
from retrieval.loaders.markdown import blocks_of
from retrieval.loaders.plain import read_text
from retrieval.loaders.types import Parsed

MAX_BYTES = 2 * 1024 * 1024

_STATED_LANGUAGE = re.compile(r"""<html\b[^>]*?\slang\s*=\s*["']?([\w-]+)""", re.IGNORECASE)


def read_html(path: Path) -> Parsed:
    """Return the main text of a saved page, with the date and language it states.

    Raises:
        LoadError: empty, too large, without main text, or over the limits of the child process.
    """
    reply = run_isolated("retrieval.loaders.html", path)
    return Parsed(reply["title"] or path.stem, reply["text"], reply["date"], reply["language"])


def parse(path: Path) -> dict[str, str]:
    """Extract title, text, date and language; runs in the child process."""
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise LoadError(
            f"the page has {size / 1e6:.1f} MB; pages are taken up to {MAX_BYTES / 1e6:.0f} MB",
            "save the article alone, or export it as text",
        )
    return extract(read_text(path, declares=True))


def extract(source: str) -> dict[str, str]:
    """Return what an HTML string says: titles as `## Title` lines, no markup else.

    trafilatura escapes what Markdown would take for markup (`snake\\_case`), and so it is read as
    Markdown again.
    """
    import trafilatura
    from trafilatura.metadata import extract_metadata

    text = trafilatura.extract(
        source, output_format="markdown", include_links=False, include_images=False
    )
    if not text:
        raise LoadError("no main text was found in the page", "save the article as text instead")
    metadata = extract_metadata(source)
    stated = _STATED_LANGUAGE.search(source, 0, 4096)
    return {
        "title": (metadata.title if metadata else "") or "",
        "text": "\n\n".join(blocks_of(text)),
        "date": iso_date(metadata.date) if metadata else "",
        "language": language_code(stated[1]) if stated else "",
    }
