"""How large the buffers of a cache are, known without allocating any."""

from __future__ import annotations

from chatapp.kernels.patterns import Pattern

Shape = tuple[int, ...]

DEFAULT_SLACK = 512  # positions of a ring beyond its window; a discarded answer is usually shorter


def shapes(
    pattern: Pattern, kv_heads: int, head_dim: int, capacity: int, slack: int
) -> list[Shape]:
    """Return the shapes, without rows, of the buffers that hold keys; values take as many."""
    ring = (kv_heads, min(pattern.w + slack, capacity), head_dim)
    match pattern.kind:
        case "local":
            return [ring]
        case "strided":
            return [(kv_heads, pattern.r, -(-capacity // pattern.r), head_dim)]
        case "sparse":
            return [ring, (kv_heads, pattern.r, -(-capacity // pattern.r), head_dim)]
        case _:
            return [(kv_heads, capacity, head_dim)]
