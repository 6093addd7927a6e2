"""What the filter sees of a text: its words and pairs of words, hashed into a fixed table.

The thing to know: the hash is part of the trained weights. Changing anything here voids them.
"""

from __future__ import annotations

import itertools
import re
import zlib

BUCKETS = 1 << 15
_LONGEST = 200  # words; a longer text is judged by its beginning and its end
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*|\d+|[^\w\s]")
_START = "<s>"


def features(text: str) -> list[int]:
    """Return the rows of the text's distinct words and neighbouring pairs, in rising order."""
    words = _WORD.findall(text.casefold())
    if len(words) > _LONGEST:
        words = [*words[: _LONGEST // 2], *words[-_LONGEST // 2 :]]
    words = [_START, *words]
    grams = {*words, *(f"{left} {right}" for left, right in itertools.pairwise(words))}
    return sorted({zlib.crc32(gram.encode()) % BUCKETS for gram in grams})
