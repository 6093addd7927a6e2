"""What the mini-web serves: articles, read from record files, each with an address of its own."""

from __future__ import annotations

import json
import lzma
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Article:
    """One article. `text` has paragraphs parted by empty lines and `## ` before section titles.

    `date` is an ISO day or empty.
    """

    title: str
    text: str
    date: str = ""

    @property
    def slug(self) -> str:
        """The last part of its address, before it is percent-encoded."""
        return self.title.replace(" ", "_")


def read_articles(files: Iterable[Path]) -> Iterator[Article]:
    """Yield the articles of record files (.jsonl, .jsonl.xz): knowledge as it is, qa by title.

    Paragraphs of questions are put together to one article a title, each paragraph once. A title
    that came before gets a number behind it, so that no article hides another.
    """
    taken: dict[str, int] = {}
    for file in files:
        for title, text, date in _articles(file):
            taken[title] = number = taken.get(title, 0) + 1
            yield Article(title if number == 1 else f"{title} ({number})", text, date)


def _articles(file: Path) -> Iterator[tuple[str, str, str]]:
    paragraphs: dict[str, dict[str, None]] = {}  # dicts keep order and each paragraph once
    for record in _records(file):
        if "question" not in record:
            source = record.get("source") or ""
            yield record["title"], record["text"], _DUMPS.get(source, "")
        elif record.get("context") and record.get("title"):
            paragraphs.setdefault(record["title"].replace("_", " "), {})[record["context"]] = None
    for title, texts in paragraphs.items():
        yield title, "\n\n".join(texts), ""


_DUMPS = {"enwiki-2019": "2019-07-20"}


def _records(file: Path) -> Iterator[dict[str, Any]]:
    packed = file.suffix == ".xz"
    with (
        lzma.open(file, "rt", encoding="utf-8") if packed else file.open(encoding="utf-8") as lines
    ):
        for line in lines:
            if line.strip():
                yield json.loads(line)
