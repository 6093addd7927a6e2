"""Text as the reader sees it: words with offsets, shapes, sentence starts and three identities.

The thing to know: a token carries the pieces that the encoder reads, but also a key of its exact
word and one of its stem, so that a rare name still matches itself on the other side. Training
and use share this module; a difference between them would be silent and costly.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from retrieval.store.stemming import Stemmer
from retrieval.terms import STOP_WORDS, fold

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Ints = NDArray[np.int32]
    Bytes = NDArray[np.uint8]

TOKEN = re.compile(r"[^\W\d_]+|\d+(?:[.,]\d+)*|[^\w\s]|_")
MOST_PIECES = 6  # of a word; the rest of a longer one is not read
BEGIN, END, UNKNOWN = 101, 102, 100  # rows of the marks in the vocabulary of BERT
_RUN = re.compile(r"\w+|[^\w\s]")
_MEMO_WORDS = 300_000
_ALIKE = str.maketrans("’‘“”–—−", "''\"\"---")

# Shapes of tokens, in the order of their numbers.
LOWER, TITLE, UPPER, MIXED, YEAR, SHORT, NUMBER, STOP, COMMA, QUOTE, OPEN, CLOSE, MONEY, OTHER = (
    range(14)
)
SHAPES = 14
_PUNCTUATION = {
    **dict.fromkeys(".!?…", STOP),
    **dict.fromkeys(",;:", COMMA),
    **dict.fromkeys("\"'“”‘’«»", QUOTE),
    **dict.fromkeys("([{", OPEN),
    **dict.fromkeys(")]}", CLOSE),
    **dict.fromkeys("$€£¥%", MONEY),
}
_ABBREVIATED = """
mr mrs ms dr st sr jr prof gen col lt capt sgt rev gov sen rep pres inc ltd co corp vs etc ca no
vol ed fig approx dept est jan feb mar apr jun jul aug sept sep oct nov dec mt ft
"""
_ABBREVIATIONS = frozenset(_ABBREVIATED.split())


class Facts(NamedTuple):
    """What is known of a word: keys of word and stem, rarity (idf, 0 to 1), up to 6 pieces."""

    key: int
    stem: int
    rarity: float
    pieces: tuple[int, ...]


class Tokens(NamedTuple):
    """A text as parallel arrays; `starts` and `ends` are character offsets into it."""

    pieces: Ints  # (length, 6), 0 after the last
    keys: Ints
    stems: Ints
    rarity: NDArray[np.float32]
    shapes: Bytes
    opens: Bytes  # 1 where a sentence starts
    starts: Ints
    ends: Ints

    def cut(self, begin: int, end: int) -> Tokens:
        """Return the tokens begin … end - 1; their offsets stay what they were."""
        return Tokens(
            self.pieces[begin:end],
            self.keys[begin:end],
            self.stems[begin:end],
            self.rarity[begin:end],
            self.shapes[begin:end],
            self.opens[begin:end],
            self.starts[begin:end],
            self.ends[begin:end],
        )


def key_of(word: str) -> int:
    """Return a stable 31-bit key, never 0 (which is padding)."""
    return zlib.crc32(word.encode()) % (2**31 - 1) + 1


def folded(surface: str) -> str:
    """Return the form under which a token is compared and looked up."""
    return fold(surface.translate(_ALIKE)) or surface  # a lone accent folds to nothing


def shape_of(surface: str) -> int:
    """Return the shape of one token as it is written."""
    first = surface[0]
    if first.isdigit():
        if len(surface) == 4 and surface.isdigit() and surface[0] in "12":
            return YEAR
        return SHORT if len(surface) <= 2 else NUMBER
    if not first.isalpha():
        return _PUNCTUATION.get(first, OTHER)
    if surface.islower():
        return LOWER
    if len(surface) > 1 and surface.isupper():
        return UPPER
    return TITLE if first.isupper() and (len(surface) == 1 or surface[1:].islower()) else MIXED


class Vocabulary:
    """Words with their rarity, by falling frequency, and the pieces that words are made of."""

    def __init__(
        self, words: Sequence[str], rarity: Sequence[float], pieces: Sequence[str]
    ) -> None:
        """`rarity` is the idf of each word over passages, scaled to lie between 0 and 1.

        `pieces` are those of BERT's WordPiece (Wu et al. 2016) in the order of their rows.
        """
        from tokenizers.models import WordPiece

        self.words, self.rarity, self.pieces = list(words), list(rarity), list(pieces)
        self._rarity = dict(zip(self.words, self.rarity, strict=True))
        rows = {piece: row for row, piece in enumerate(self.pieces)}
        self._cut = WordPiece(rows, unk_token=self.pieces[UNKNOWN])
        self._stemmer = Stemmer()
        self._memo: dict[str, Facts] = {}

    def facts(self, words: Iterable[str]) -> list[Facts]:
        """Return what is known of each folded word."""
        wanted = list(words)
        memo = self._memo
        if len(memo) > _MEMO_WORDS:
            memo.clear()
        unknown = [word for word in dict.fromkeys(wanted) if word not in memo]
        for word, stem in zip(unknown, self._stemmer.stems(unknown), strict=True):
            rarity = self._rarity.get(word, 1.0)
            if word in STOP_WORDS or not word[:1].isalnum():
                rarity = 0.0  # the two sides sharing it says nothing
            memo[word] = Facts(key_of(word), key_of(stem), rarity, self._pieces(word))
        return [memo[word] for word in wanted]

    def _pieces(self, word: str) -> tuple[int, ...]:
        runs = _RUN.findall(word)  # "1,000" is one word to us, and three to BERT
        rows = [piece.id for run in runs for piece in self._cut.tokenize(run)]
        return tuple(rows[:MOST_PIECES]) or (UNKNOWN,)

    def encode(self, text: str, start: int = 0, end: int | None = None) -> Tokens:
        """Return the tokens of `text[start:end]`; offsets refer to `text`."""
        import numpy as np

        spans = [
            match.span() for match in TOKEN.finditer(text, start, len(text) if end is None else end)
        ]
        surfaces = [text[a:b] for a, b in spans]
        words = [folded(surface) for surface in surfaces]
        facts = self.facts(words)
        columns = np.array([fact[:3] for fact in facts], dtype=np.float64).reshape(-1, 3)
        shapes = np.array([shape_of(surface) for surface in surfaces], dtype=np.uint8)
        offsets = np.array(spans, dtype=np.int32).reshape(-1, 2)
        opens = sentence_opens(words, shapes)
        for number in range(1, len(spans)):
            if "\n\n" in text[spans[number - 1][1] : spans[number][0]]:
                opens[number] = 1
        return Tokens(
            padded_pieces(facts),
            columns[:, 0].astype(np.int32),
            columns[:, 1].astype(np.int32),
            columns[:, 2].astype(np.float32),
            shapes,
            opens,
            offsets[:, 0],
            offsets[:, 1],
        )

    def save(self, path: Path) -> None:
        """Write the words, their rarity and the pieces as JSON."""
        rounded = [round(value, 3) for value in self.rarity]
        stored = {"words": self.words, "rarity": rounded, "pieces": self.pieces}
        path.write_text(json.dumps(stored, ensure_ascii=False))

    @classmethod
    def load(cls, path: Path) -> Vocabulary:
        """Read what `save` wrote."""
        stored = json.loads(path.read_text("utf-8"))
        return cls(stored["words"], stored["rarity"], stored["pieces"])


def padded_pieces(facts: Sequence[Facts]) -> Ints:
    """Return the pieces of words as (words, 6), 0 after the last of each."""
    import numpy as np

    padded = np.zeros((len(facts), MOST_PIECES), dtype=np.int32)
    for row, fact in zip(padded, facts, strict=True):
        row[: len(fact.pieces)] = fact.pieces
    return padded


def sentence_opens(words: Sequence[str], shapes: Bytes) -> Bytes:
    """Return 1 for every token that starts a sentence, by the look of its neighbours."""
    import numpy as np

    opens = np.zeros(len(words), dtype=np.uint8)
    if not len(words):
        return opens
    opens[0] = 1
    for place in (np.flatnonzero(shapes[:-1] == STOP) + 1).tolist():
        after = place
        if shapes[after] in (QUOTE, CLOSE) and after + 1 < len(words):
            after += 1  # the closing quotation mark belongs to the sentence that it closes
        before = words[place - 2] if place >= 2 else ""
        short = words[place - 1] == "." and (before in _ABBREVIATIONS or len(before) == 1)
        if shapes[after] in (TITLE, UPPER, YEAR, SHORT, NUMBER, QUOTE, OPEN) and not (
            short and before.isalpha()
        ):
            opens[after] = 1
    return opens
