"""Where one layer keeps its keys and values, chosen by its attention pattern.

| pattern          | layout       | shape                         | position p lies at |
|------------------|--------------|-------------------------------|--------------------|
| `dense`, `fixed` | `FullCache`  | (B, Hkv, C, D)                | p                  |
| `local(w)`       | `RingCache`  | (B, Hkv, R, D), R = w + slack | p mod R            |
| `strided(r)`     | `ClassCache` | (B, Hkv, r, ceil(C / r), D)   | (p mod r, p div r) |
| `sparse(w, r)`   | `UnionCache` | both of the above             |                    |

Keys are stored after rotary embedding, so attention may read them in any order. A step reads
contiguous slices: strided attention one class, local attention a piece of the ring. Only a ring
forgets; how far back a sequence can be cut is in `can_resume`. Buffers start as zeros, because a
masked NaN would still spoil a weighted sum.
"""

from __future__ import annotations

from torch import Tensor

from chatapp.kernels.patterns import Pattern
from chatapp.model.layouts.classes import ClassCache
from chatapp.model.layouts.full import FullCache
from chatapp.model.layouts.layer import LayerCache
from chatapp.model.layouts.ring import RingCache
from chatapp.model.layouts.shapes import Shape
from chatapp.model.layouts.union import UnionCache


def layer_cache(
    pattern: Pattern, rows: int, sizes: list[Shape], capacity: int, like: Tensor
) -> LayerCache:
    """Allocate one layer's cache with `sizes` from `shapes`, dtype and device of `like`.

    `capacity` is that of `sizes`: the most positions of a row.
    """
    pairs = [(like.new_zeros((rows, *size)), like.new_zeros((rows, *size))) for size in sizes]
    match pattern.kind:
        case "local":
            return RingCache(pattern, *pairs[0], capacity)
        case "strided":
            return ClassCache(pattern, *pairs[0])
        case "sparse":
            return UnionCache(pattern, pairs[0], pairs[1], capacity)
        case _:
            return FullCache(pattern, *pairs[0])
