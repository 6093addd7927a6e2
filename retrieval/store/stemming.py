"""The stems SQLite's own Porter tokenizer makes, so that Python compares words as the index does.

The thing to know: nothing is reimplemented. Words go through an FTS5 table in memory with the
tokenizer of the index, and its vocabulary tells what they became; a cache keeps that cheap.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable

TOKENIZER = "porter unicode61 remove_diacritics 2"
_CACHE_WORDS = 200_000


class Stemmer:
    """Words to stems, thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stems: dict[str, str] = {}
        self._database = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
        self._database.execute(
            f"CREATE VIRTUAL TABLE words USING fts5 (word, tokenize='{TOKENIZER}')"
        )
        self._database.execute("CREATE VIRTUAL TABLE stems USING fts5vocab (words, 'instance')")

    def stems(self, words: Iterable[str]) -> list[str]:
        """Return the stem of each word, in order; a word without a token stays as it is."""
        wanted = list(words)
        with self._lock:
            if len(self._stems) > _CACHE_WORDS:
                self._stems.clear()
            unknown = [word for word in dict.fromkeys(wanted) if word not in self._stems]
            if unknown:
                self._learn(unknown)
            return [self._stems[word] for word in wanted]

    def _learn(self, unknown: list[str]) -> None:
        database = self._database
        database.execute("BEGIN")
        database.executemany("INSERT INTO words (rowid, word) VALUES (?, ?)", enumerate(unknown))
        rows = database.execute("SELECT doc, term FROM stems WHERE offset = 0").fetchall()
        database.execute("ROLLBACK")
        self._stems.update((word, word) for word in unknown)
        self._stems.update((unknown[number], stem) for number, stem in rows)
