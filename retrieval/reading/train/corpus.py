"""The encyclopaedia as numbers: every article tokenised once and kept in flat arrays.

The thing to know: articles about which measuring questions are asked are left out, so that no
question made from raw text can stand on a paragraph that measures.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retrieval.loaders.records import read_lines
from retrieval.reading.words import (
    SHAPES,
    TOKEN,
    folded,
    sentence_opens,
    shape_of,
)
from retrieval.splits import part_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_SHORTEST = 40  # words; shorter articles have nothing to ask about


@dataclass
class Corpus:
    """Token arrays (n,), the first token of each article (articles + 1,), and their titles.

    `kinds` numbers distinct folded words; `words[kind]` is the word. Headings are left out.
    """

    kinds: NDArray[np.int32]
    shapes: NDArray[np.uint8]
    opens: NDArray[np.uint8]  # 1: a sentence starts; 2: a paragraph starts
    bounds: NDArray[np.int64]
    titles: list[str]
    words: list[str]

    def save(self, directory: Path) -> None:
        """Write arrays beside a JSON of titles and words."""
        import numpy as np

        directory.mkdir(parents=True, exist_ok=True)
        for name in ("kinds", "shapes", "opens", "bounds"):
            np.save(directory / f"{name}.npy", getattr(self, name))
        (directory / "words.json").write_text(json.dumps([self.titles, self.words]))

    @classmethod
    def load(cls, directory: Path) -> Corpus:
        """Open what `save` wrote; the arrays are mapped, not read."""
        import numpy as np

        arrays = {
            name: np.load(directory / f"{name}.npy", mmap_mode="r")
            for name in ("kinds", "shapes", "opens", "bounds")
        }
        titles, words = json.loads((directory / "words.json").read_text("utf-8"))
        return cls(**arrays, titles=titles, words=words)


def measured_titles(data: Path) -> set[str]:
    """Return the folded titles of articles whose questions measure."""
    titles: set[str] = set()
    for path in sorted((data / "qa").glob("*.jsonl*")):
        for record in records(path):
            title, context = record["title"] or "", record["context"] or ""
            if title and context and part_of("", title=title, context=context) == "measure":
                titles.add(title.replace("_", " ").casefold())
    return titles


def records(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the records of one JSON Lines file."""
    for _, _, line in read_lines(path):
        yield json.loads(line)


def build(files: Sequence[Path], without: set[str]) -> Corpus:
    """Tokenise the articles of `files` whose folded title is not in `without`."""
    import numpy as np

    seen: dict[str, int] = {}  # surface → kind * SHAPES + shape
    kind_of: dict[str, int] = {}
    columns: list[NDArray[np.int64]] = []
    opens: list[NDArray[np.uint8]] = []
    bounds, titles = [0], []
    for path in files:
        for record in records(path):
            if str(record["title"]).casefold() in without:
                continue
            packed, starts = _article(str(record["text"]), seen, kind_of)
            if len(packed) < _SHORTEST:
                continue
            columns.append(packed)
            opens.append(starts)
            bounds.append(bounds[-1] + len(packed))
            titles.append(str(record["title"]))
    flat = np.concatenate(columns)
    shapes = (flat % SHAPES).astype(np.uint8)
    kinds = (flat // SHAPES).astype(np.int32)
    return Corpus(kinds, shapes, np.concatenate(opens), np.array(bounds), titles, list(kind_of))


def _article(
    text: str, seen: dict[str, int], kind_of: dict[str, int]
) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    import numpy as np

    packed: list[int] = []
    starts: list[NDArray[np.uint8]] = []
    for paragraph in text.split("\n"):
        if not paragraph or paragraph.startswith("#"):
            continue
        surfaces = TOKEN.findall(paragraph)
        if not surfaces:
            continue
        row = []
        for surface in surfaces:
            number = seen.get(surface)
            if number is None:
                kind = kind_of.setdefault(folded(surface), len(kind_of))
                number = seen[surface] = kind * SHAPES + shape_of(surface)
            row.append(number)
        shapes = np.array([number % SHAPES for number in row], dtype=np.uint8)
        found = sentence_opens(
            [folded(s) for s in surfaces] if "." in paragraph else surfaces, shapes
        )
        found[0] = 2
        packed += row
        starts.append(found)
    whole = np.concatenate(starts) if starts else np.zeros(0, dtype=np.uint8)
    return np.array(packed, dtype=np.int64), whole
