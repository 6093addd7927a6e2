"""Which questions with gold answers may be learnt from, and which are kept for measuring.

The thing to know: the division is a function of the record alone, so every trainer and every
measurement agrees on it without a list. Questions on one article fall on one side, whatever file
they stand in: a model that has learnt from an article is never measured on it.
"""

from __future__ import annotations

import hashlib
from typing import Literal

Part = Literal["learn", "measure"]

# Chosen once, before anything was trained or measured with it. Changing it voids every figure.
_SALT = "chatapp questions 1"
_LEARNT = 0.6


def part_of(question: str, *, title: str = "", context: str = "") -> Part:
    """Return the part of a question; `title` counts only beside the `context` it names.

    Without a context the title is a category at best, and the question itself decides.
    """
    key = title if title and context else question
    folded = " ".join(key.casefold().replace("_", " ").split())
    digest = hashlib.sha256(f"{_SALT}\n{folded}".encode()).digest()
    return "learn" if int.from_bytes(digest[:8]) < _LEARNT * 2**64 else "measure"
