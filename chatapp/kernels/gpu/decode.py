"""The decode step on a GPU: few queries, many keys, in the layouts of the cache.

A program owns one key head and one share of the keys that its queries see (split-KV, as in
Flash-Decoding), so that even one sequence fills the GPU. Keys come from up to two places of the
cache, numbered through as one run: the newest from the ring (or the full layout), then the
strided ones from one class slice, row by row. A second kernel merges the shares.

Nothing depends on the lengths but what the kernels load themselves: no synchronisation, no
recompilation while sequences grow, and a CUDA graph can hold the step.
"""

from __future__ import annotations

import triton
import triton.language as tl

from chatapp.kernels.gpu.forward import LOG2_E
from chatapp.kernels.gpu.geometry import dot, dot_transposed, load_rows, store_rows

KINDS = [tl.constexpr(kind) for kind in range(5)]
"""Where keys are, as `share_kernel` describes."""
NOTHING, WINDOW, BLOCK, CLASS, SUMMARY = KINDS


@triton.jit
def share_kernel(
    Q, NearK, NearV, FarK, FarV, Lengths, Out, Lse,
    q_batch, q_head, q_row, near_batch, near_head, near_row,
    far_batch, far_head, far_class, far_row,
    slots, near, stride, skip, columns, tokens, scale,
    NEAR: tl.constexpr, FAR: tl.constexpr, G: tl.constexpr, BLOCK_G: tl.constexpr,
    D: tl.constexpr, BLOCK_D: tl.constexpr, BLOCK_N: tl.constexpr,
):  # fmt: skip
    """Fill Out (B, H, tokens, shares, D) and Lse (B, H, tokens, shares), contiguous.

    NEAR: NOTHING; WINDOW, the last `near` positions; BLOCK, those of the last block of `near`.
    FAR: NOTHING; CLASS, the query's class of `stride` classes without the newest `skip` rows;
    SUMMARY, the last `columns` positions of each earlier block of `near`.
    Keys and values of a place have the same strides. Grid: (shares, Hkv * tokens, B).
    A share without keys has output 0 and LSE -inf.
    """
    share, shares = tl.program_id(0), tl.num_programs(0)
    kv_head, token = tl.program_id(1) // tokens, tl.program_id(1) % tokens
    kv_heads, batch = tl.num_programs(1) // tokens, tl.program_id(2).to(tl.int64)
    own = (tl.load(Lengths + batch) - tokens + token).to(tl.int32)  # the query's position

    near_count = 0
    if NEAR == WINDOW:
        near_count = tl.minimum(own + 1, near)
    elif NEAR == BLOCK:
        near_count = own % near + 1
    far_count = 0
    if FAR == CLASS:
        far_count = tl.maximum(own // stride - skip + 1, 0)
    elif FAR == SUMMARY:
        far_count = own // near * columns
    count = tl.where(own < 0, 0, near_count + far_count)  # an empty slot of a batch sees nothing
    size = tl.cdiv(tl.cdiv(count, shares), BLOCK_N) * BLOCK_N
    begin = tl.minimum(share * size, count)
    end = tl.minimum(begin + size, count)

    group = tl.arange(0, BLOCK_G)
    mine = group < G
    queries = Q + batch * q_batch + kv_head * G * q_head + token * q_row
    q = load_rows(queries, group, q_head, mine, D, BLOCK_D, True)
    acc = tl.zeros([BLOCK_G, BLOCK_D], tl.float32)
    total = tl.zeros([BLOCK_G], tl.float32)
    top = tl.full([BLOCK_G], float("-inf"), tl.float32)
    if NEAR != NOTHING:
        place = batch * near_batch + kv_head * near_head
        oldest = own + 1 - near_count
        for first in range(begin, tl.minimum(end, near_count), BLOCK_N):
            index = first + tl.arange(0, BLOCK_N)
            slot = ((oldest + index) % slots).to(tl.int64)
            acc, total, top = _attend(
                acc, total, top, q, NearK + place, NearV + place, slot, near_row,
                index < tl.minimum(end, near_count), scale, D, BLOCK_D,
            )  # fmt: skip
    if FAR != NOTHING:
        place = batch * far_batch + kv_head * far_head
        if FAR == CLASS:
            place += own % stride * far_class
        for first in range(tl.maximum(begin, near_count), end, BLOCK_N):
            index = first + tl.arange(0, BLOCK_N)
            row = index - near_count
            if FAR == SUMMARY:
                row = row // columns * near + near - columns + row % columns
            acc, total, top = _attend(
                acc, total, top, q, FarK + place, FarV + place, row.to(tl.int64), far_row,
                index < end, scale, D, BLOCK_D,
            )  # fmt: skip

    seen = total > 0
    head = batch * kv_heads * G + kv_head * G + group
    result = (head * tokens + token) * shares + share
    acc = acc / tl.where(seen, total, 1.0)[:, None]
    store_rows(Out, result, D, mine, acc, D, BLOCK_D)
    lse = tl.where(seen, top + tl.log2(tl.where(seen, total, 1.0)), float("-inf"))
    tl.store(Lse + result, lse / LOG2_E, mask=mine)


@triton.jit
def _attend(
    acc, total, top, q, keys, values, row, stride, inside, scale,
    D: tl.constexpr, BLOCK_D: tl.constexpr,
):  # fmt: skip
    """Continue the running softmax with one block of keys, of which the first is `inside`."""
    k = load_rows(keys, row, stride, inside, D, BLOCK_D, True)
    v = load_rows(values, row, stride, inside, D, BLOCK_D, True)
    scores = dot_transposed(q, k) * (scale * LOG2_E)
    scores = tl.where(inside[None, :], scores, float("-inf"))
    higher = tl.maximum(top, tl.max(scores, 1))
    weights = tl.exp2(scores - higher[:, None])
    decay = tl.exp2(top - higher)
    acc = dot(weights, v, acc * decay[:, None])
    return acc, total * decay + tl.sum(weights, 1), higher


@triton.jit
def merge_kernel(
    Parts, Lse, Out,
    SHARES: tl.constexpr, D: tl.constexpr, BLOCK_D: tl.constexpr,
):  # fmt: skip
    """Out (rows, D) from Parts (rows, SHARES, D) and Lse (rows, SHARES); one program a row.

    A row whose shares are all empty becomes 0.
    """
    row = tl.program_id(0).to(tl.int64)
    share = tl.arange(0, SHARES)
    lse = tl.load(Lse + row * SHARES + share) * LOG2_E
    top = tl.max(lse, 0)
    weights = tl.exp2(lse - tl.where(top == float("-inf"), 0.0, top))
    total = tl.sum(weights, 0)
    weights = weights / tl.where(total > 0, total, 1.0)
    parts = load_rows(Parts, row * SHARES + share, D, share < SHARES, D, BLOCK_D, True)
    column = tl.arange(0, BLOCK_D)
    merged = tl.sum(parts * weights[:, None], 0)
    tl.store(Out + row * D + column, merged.to(Out.dtype.element_ty), mask=column < D)
