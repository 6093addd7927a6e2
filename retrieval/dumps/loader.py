"""The articles of a MediaWiki dump as documents.

The thing to know: unpacking and reading wikitext take as long as indexing does, so they run in a
child process beside it. The titles that redirect to an article are collected in a first pass and
stand with its facts ("Also known as"), so that it is found by any of its names.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote
from xml.etree import ElementTree

from retrieval.dumps.pages import RawPage, header, raw_pages, redirects
from retrieval.dumps.time_limit import time_limit
from retrieval.dumps.wikitext import Site, plain_text
from retrieval.loaders.dates import iso_date, language_code
from retrieval.loaders.isolated import stream_isolated
from retrieval.loaders.types import BadRecord, Loaded
from retrieval.terms import fold
from retrieval.text import sanitize_text, sanitize_title, unescape

_NAMES_UP_TO_BYTES = 1 << 30  # of a dump; above, a pass of its own for redirects takes too long
_MOST_NAMES = 12
_SILENCE_SECONDS = 300.0  # a long run of redirects or talk pages yields nothing
_PAGE_SECONDS = 60.0  # the longest articles take a second
_TELL_BYTES = 4 << 20

_DISAMBIGUATION = re.compile(
    r"\{\{\s*(?:disambig\w*|dab|hndis|geodis|[\w ]{0,40}disambiguation|begriffsklärung|homonymie"
    r"|desambiguación|disambigua|doorverwijspagina|ujednoznacznienie)\s*[|}]",
    re.IGNORECASE,
)


def read_dump(path: Path, *, skip: int = 0) -> Iterator[Loaded | BadRecord]:
    """Yield the articles that come after the position `skip`.

    Redirects, disambiguation pages, talk, files, templates and the like are no documents.

    Raises:
        LoadError: no dump, or damaged; what came before stands.
    """
    with closing(
        stream_isolated("retrieval.dumps.loader", path, skip, wall_seconds=_SILENCE_SECONDS)
    ) as items:
        for item in items:
            if "problem" in item:
                yield BadRecord(item["position"], item["problem"], _HINT, item["title"])
            elif "text" in item:
                item["text"] = sanitize_text(item["text"])
                item["title"] = sanitize_title(item["title"])
                yield Loaded(**item)


_HINT = "the page is left out; a newer dump may have it right"


class _Wiki(NamedTuple):
    """What the header of a dump says of its wiki."""

    address: str
    language: str
    site: Site


def stream(path: Path, after: int) -> Iterator[dict[str, Any]]:
    """Yield the fields of `Loaded` and of problems; runs in the child process."""
    wiki = _wiki(header(path))
    names: dict[str, list[str]] = {}
    if path.stat().st_size <= _NAMES_UP_TO_BYTES:
        yield from _collect_names(path, names)
    for raw in raw_pages(path, after):
        item = _document_or_problem(raw, wiki, names)
        if item:
            yield item


def _document_or_problem(
    raw: RawPage, wiki: _Wiki, names: dict[str, list[str]]
) -> dict[str, Any] | None:
    """Return what `_document` does, or what is wrong with the page: it must not stop the dump."""
    try:
        with time_limit(_PAGE_SECONDS):
            return _document(raw, wiki, names)
    except ElementTree.ParseError as error:
        problem = f"not XML ({error})"
    except TimeoutError:
        problem = f"reading it took longer than {_PAGE_SECONDS:.0f} s"
    except MemoryError:
        problem = "reading it takes too much memory"
    return {"position": raw.position, "problem": problem, "title": _title(raw)}


def _document(raw: RawPage, wiki: _Wiki, names: dict[str, list[str]]) -> dict[str, Any] | None:
    """Return the fields of a document, None for a page that is none."""
    page = ElementTree.fromstring(raw.xml)
    if page.findtext("ns", "0") != "0" or page.find("redirect") is not None:
        return None
    revision = page.findall("revision")[-1:]
    source = revision[0].findtext("text", "") if revision else ""
    if not source or revision[0].findtext("model", "wikitext") != "wikitext":
        return None
    if _DISAMBIGUATION.search(source) or source[:20].lstrip().lower().startswith("#redirect"):
        return None
    title = page.findtext("title", "")
    text = plain_text(source, wiki.site, _other_names(title, names.get(title, ())))
    if not text:
        return None
    return {
        "address": page.findtext("id", ""),
        "uri": wiki.address + quote(title.replace(" ", "_"), safe="/:,()!'*@;"),
        "title": title,
        "text": text,
        "position": raw.position,
        "consumed": raw.consumed,
        "date": iso_date(revision[0].findtext("timestamp", "")),
        "language": wiki.language,
    }


def _wiki(beginning: bytes) -> _Wiki:
    """Read the header by its marks: it is the open beginning of a document, not one."""
    text = beginning.decode("utf-8", "replace")

    def marked(pattern: str) -> str:
        found = re.search(pattern, text)
        return unescape(found[1]) if found else ""

    base = marked(r"<base>([^<]{1,500})</base>").rpartition("/")[0]
    spaces = re.findall(r'<namespace key="(-2|6|14)"[^>]*>([^<]{1,100})<', text)
    hidden = frozenset(unescape(name).lower() for _, name in spaces)
    language = language_code(marked(r'<mediawiki\b[^>]*\bxml:lang="([^"]{1,40})"'))
    address = f"{base}/" if base.startswith(("https://", "http://")) else "wiki:"
    return _Wiki(address, language, Site(Site().hidden | hidden))


def _collect_names(path: Path, names: dict[str, list[str]]) -> Iterator[dict[str, Any]]:
    """Fill `names`, and give signs of life meanwhile."""
    told = 0
    for consumed, found in redirects(path):
        for title, target in found:
            known = names.setdefault(unescape(target.decode("utf-8", "replace")), [])
            if len(known) < 3 * _MOST_NAMES:
                known.append(unescape(title.decode("utf-8", "replace")))
        if consumed - told > _TELL_BYTES:
            told = consumed
            yield {"consumed": consumed}


def _other_names(title: str, names: Sequence[str]) -> list[str]:
    """Return the names that full text would not find by the title itself."""
    others = {_folded(name): name for name in reversed(names)}
    others.pop(_folded(title), None)
    return list(reversed(others.values()))[:_MOST_NAMES]


def _folded(name: str) -> str:
    return "".join(char for char in fold(name) if char.isalnum())


def _title(raw: RawPage) -> str:
    found = re.search(rb"<title>([^<]{1,300})</title>", raw.xml)
    return sanitize_title(found[1].decode("utf-8", "replace")) if found else ""
