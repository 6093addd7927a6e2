"""The mini-web's articles: their texts in one record file, and an index of the project's own over
it, which is the search engine of the mini-web.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from urllib.parse import unquote

from retrieval.index import Index
from retrieval.types import Hit
from tests.miniweb.articles import Article

_WIKI = "wiki:"
_PASSAGES_PER_ARTICLE = 3


class ArticleStore:
    """Articles by title, and search over them; any thread.

    A directory that holds a finished store is served as it is, so that a large one is built once.

    Args:
        directory: where the articles and their index lie.
        embedder_dir: of the embedder that the index is made with.
    """

    def __init__(self, directory: Path, embedder_dir: Path) -> None:
        self._records = directory / "articles.jsonl"
        self._done = directory / "articles.done"
        self.index = Index.open(directory / "index.sqlite3", embedder_dir=embedder_dir)
        self._places: dict[str, int] = {}
        self._lock = threading.Lock()
        if self.finished:
            self._locate()

    @property
    def finished(self) -> bool:
        """Whether the store was built to its end."""
        return self._done.exists()

    @property
    def titles(self) -> list[str]:
        """The titles of all articles."""
        return list(self._places)

    def build(self, articles: Iterable[Article]) -> None:
        """Write the articles and index them."""
        with self._records.open("w", encoding="utf-8") as lines:
            for article in articles:
                address = _WIKI + article.slug
                record = {
                    "id": address,
                    "title": article.title,
                    "text": article.text,
                    "url": address,
                    "date": article.date,
                }
                lines.write(json.dumps(record, ensure_ascii=False) + "\n")
        self.index.add([self._records], collection="miniweb")
        self._done.touch()
        self._locate()

    def article(self, slug: str) -> Article | None:
        """Return the article at this address, percent-encoded or not; None where there is none."""
        place = self._places.get(unquote(slug).replace("_", " "))
        if place is None:
            return None
        with self._lock, self._records.open("rb") as lines:
            lines.seek(place)
            record = json.loads(lines.readline())
        return Article(record["title"], record["text"], record["date"])

    def search(self, query: str, limit: int) -> Sequence[tuple[str, Hit]]:
        """Return (title, best passage) of the articles that match best."""
        best: dict[str, Hit] = {}
        for hit in self.index.search(query, _PASSAGES_PER_ARTICLE * limit):
            title = hit.passage.uri.removeprefix(_WIKI).replace("_", " ")
            best.setdefault(title, hit)
        return list(best.items())[:limit]

    def close(self) -> None:
        """Close the index."""
        self.index.close()

    def _locate(self) -> None:
        with self._records.open("rb") as lines:
            place = 0
            for line in lines:
                self._places[json.loads(line)["title"]] = place
                place += len(line)
