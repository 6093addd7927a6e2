"""Which passages a search with filters may return, remembered from one search to the next."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from retrieval.store.history import Moment, moment, numbers_in
from retrieval.store.lexical import glob
from retrieval.store.protocol import Scope
from retrieval.store.scope import conditions
from retrieval.store.sql import Sql

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_REMEMBERED = 4


class ScopedPassages:
    """Passage numbers of the last few scopes; thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[tuple[Moment, Scope], NDArray[np.int64]] = {}

    def numbers(self, sql: Sql, scope: Scope) -> NDArray[np.int64]:
        """Return the numbers of the passages in scope, ascending."""
        key = (moment(sql), scope)
        with self._lock:
            if key not in self._known:
                if len(self._known) >= _REMEMBERED:
                    self._known.pop(next(iter(self._known)))
                self._known[key] = _numbers(sql, scope)
            return self._known[key]


def _numbers(sql: Sql, scope: Scope) -> NDArray[np.int64]:
    where, values = conditions(scope, glob)
    # The passages of a document follow each other, so their first and last say all.
    rows = sql.execute(
        "SELECT min(passages.id), max(passages.id) FROM passages JOIN documents"
        " ON documents.id = passages.document_id"
        f" WHERE {where or '1 = 1'} GROUP BY passages.document_id",
        values,
    )
    return numbers_in(rows.fetchall())
