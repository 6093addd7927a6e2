"""Filters as SQL: which documents a search may return.

The thing to know: the conditions are the same in both databases but for globs, which SQLite has and
PostgreSQL does not; each store hands in how it matches one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import PurePosixPath

from retrieval.store.protocol import Scope
from retrieval.store.sql import marks

Glob = Callable[[str, str], tuple[str, str]]
"""(SQL expression, glob) → condition with one `?`, and the value for it."""

_KINDS = {
    ".pdf": "pdf",
    ".md": "markdown",
    ".markdown": "markdown",
    ".mdown": "markdown",
    ".html": "html",
    ".htm": "html",
    ".xhtml": "html",
    ".jsonl": "records",
    ".xz": "records",
    ".bz2": "records",
}


def kind_of(uri: str) -> str:
    """Return what an address leads to: `web`, `note`, or by the file's name `pdf`, `markdown`,
    `html`, `records` or `text`.

    An address that is neither a file's nor of the web is that of a note.
    """
    scheme, _, rest = uri.partition(":")
    if scheme in ("http", "https"):
        return "web"
    if scheme != "file":
        return "note"
    return _KINDS.get(PurePosixPath(rest.partition("#")[0]).suffix.lower(), "text")


def conditions(scope: Scope, glob: Glob) -> tuple[str, list[object]]:
    """Return SQL that holds for the rows of `documents` in scope, "" for all, and its values."""
    parts: list[str] = []
    values: list[object] = []
    for sql, given in _parts(scope, glob):
        parts.append(sql)
        values += given
    return " AND ".join(parts), values


def passages_in(scope: Scope, glob: Glob) -> tuple[str, list[object]]:
    """Return a SELECT of the numbers of the passages in scope, and its values."""
    where, values = conditions(scope, glob)
    sql = (
        "SELECT passages.id FROM passages JOIN documents ON documents.id = passages.document_id"
        f" WHERE {where or '1 = 1'}"
    )
    return sql, values


def _parts(scope: Scope, glob: Glob) -> Iterator[tuple[str, Sequence[object]]]:
    filters = scope.filters
    if scope.collections:
        yield f"documents.collection IN ({marks(scope.collections)})", scope.collections
    if filters.paths:
        yield _paths(filters.paths, glob)
    if filters.uri:
        yield "substr(documents.uri, 1, ?) = ?", [len(filters.uri), filters.uri]
    if filters.since:
        yield _date(">=", filters.since)
    if filters.until:
        yield _date("<=", filters.until)
    if filters.language:
        language = filters.language.lower()
        yield (
            "(lower(documents.language) = ? OR substr(lower(documents.language), 1, ?) = ?)",
            [language, len(language) + 1, f"{language}-"],
        )
    if filters.kinds:
        yield f"documents.kind IN ({marks(filters.kinds)})", filters.kinds


def _date(comparison: str, date: str) -> tuple[str, list[object]]:
    """Compare as coarsely as the filter is written, so that "2021" holds all of that year."""
    sql = f"(documents.date <> '' AND substr(documents.date, 1, ?) {comparison} ?)"
    return sql, [len(date), date]


def _paths(globs: Sequence[str], glob: Glob) -> tuple[str, list[object]]:
    place = (
        "coalesce((SELECT path FROM sources WHERE sources.id = documents.source_id), documents.uri)"
    )
    parts: list[str] = []
    values: list[object] = []
    for pattern in globs:
        whole = pattern.startswith(("/", "*")) or "://" in pattern
        anchored = pattern if whole else f"*/{pattern}"
        for form in (anchored, f"{anchored.rstrip('/')}/*"):
            sql, value = glob(place, form)
            parts.append(sql)
            values.append(value)
    return f"({' OR '.join(parts)})", values
