"""How a pattern splits into passes of one kernel over a GPU.

A pass looks at the positions `row * step + phase` of each class `phase < step` as a sequence of its
own, in which query row a sees a run of key rows. `sparse(w, r)` takes two passes: the band with
step 1, then the classes with step r and the keys nearer than w left out. One kernel for both would
have to load, for queries that are neighbours in a class, windows that lie r tokens apart.
"""

from __future__ import annotations

from typing import NamedTuple

from chatapp.kernels.patterns import Pattern

BAND, BLOCK, SUMMARY = 0, 1, 2
UNLIMITED = 2**30
"""More rows than any sequence has."""


class Pass(NamedTuple):
    """One set of keys. Query row a sees, among rows at or before its own:

    BAND: keys b with `near <= a - b < far`.
    BLOCK: keys of its own block of `far` rows.
    SUMMARY: the last `columns` rows of each earlier block of `far` rows; their keys are numbered
        through, `columns` a block.
    """

    mode: int
    step: int = 1
    near: int = 0
    far: int = UNLIMITED
    columns: int = 1


def passes_of(pattern: Pattern) -> list[Pass]:
    """Return passes over disjoint keys; the first one shows every query at least one key."""
    w, r = pattern.w, pattern.r
    match pattern.kind:
        case "local":
            return [Pass(BAND, far=w)]
        case "strided":
            return [Pass(BAND, step=r)]
        case "sparse":
            return [Pass(BAND, far=w), Pass(BAND, step=r, near=-(-w // r))]
        case "fixed":
            return [Pass(BLOCK, far=w), Pass(SUMMARY, far=w, columns=min(w, r))]
        case _:
            return [Pass(BAND)]
