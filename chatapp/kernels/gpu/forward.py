"""The forward kernel: one pass of a pattern, FlashAttention style (arXiv:2307.08691).

A program owns BLOCK_M query rows of one class and one head and walks over the keys that they see.
A later pass begins with what earlier ones left, output and log-sum-exp, as the state of its
running softmax: merging costs nothing extra, and is done in float32.
"""

from __future__ import annotations

import triton
import triton.language as tl

from chatapp.kernels.gpu.geometry import (
    dot,
    dot_transposed,
    key_position,
    keys_seen,
    load_rows,
    rows_before,
    segments,
    store_rows,
)

LOG2_E = tl.constexpr(1.4426950408889634)


@triton.jit(do_not_specialize=["start", "stop"])
def forward_kernel(
    Q, K, V, Out, Lse,
    q_batch, q_head, q_row, k_batch, k_head, k_row, v_batch, v_head, v_row,
    group, start, stop, step, near, far, columns, scale,
    MODE: tl.constexpr, CONTINUE: tl.constexpr,
    D: tl.constexpr, BLOCK_D: tl.constexpr, BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr,
):  # fmt: skip
    """Fill Out (B, H, T, D) and Lse (B, H, T), contiguous, for queries at start..stop-1.

    Grid: (blocks of BLOCK_M rows * step, H, B). `scale` is 1 / sqrt(D).
    """
    phase = tl.program_id(0) % step
    # late rows see most: they start first, so that the last programs to run are short
    block = tl.num_programs(0) // step - 1 - tl.program_id(0) // step
    head, batch = tl.program_id(1), tl.program_id(2).to(tl.int64)
    final = rows_before(stop, phase, step)
    first = rows_before(start, phase, step) + block * BLOCK_M
    last = tl.minimum(first + BLOCK_M, final) - 1
    begin, all_to = keys_seen(first, near, far, columns, MODE)
    all_from, end = keys_seen(last, near, far, columns, MODE)
    if first >= final:
        return
    if CONTINUE and end <= begin:
        return

    row = first + tl.arange(0, BLOCK_M)
    mine = row < final
    token = (row * step + phase - start).to(tl.int64)
    sequence = batch * tl.num_programs(1) + head
    length = (stop - start).to(tl.int64)
    out = Out + sequence * length * D
    lse = Lse + sequence * length
    keys = K + batch * k_batch + head // group * k_head
    values = V + batch * v_batch + head // group * v_head
    q = load_rows(Q + batch * q_batch + head * q_head, token, q_row, mine, D, BLOCK_D, True)

    if CONTINUE:
        top = tl.load(lse + token, mask=mine, other=0.0) * LOG2_E
        total = tl.full([BLOCK_M], 1.0, tl.float32)
        acc = load_rows(out, token, D, mine, D, BLOCK_D, True).to(tl.float32)
    else:
        top = tl.full([BLOCK_M], float("-inf"), tl.float32)
        total = tl.zeros([BLOCK_M], tl.float32)
        acc = tl.zeros([BLOCK_M, BLOCK_D], tl.float32)

    low, high = keys_seen(row, near, far, columns, MODE)
    left, right = segments(begin, end, all_from, all_to, BLOCK_N)
    acc, total, top = _attend(
        acc, total, top, q, keys, values, k_row, v_row, begin, tl.minimum(left, end), end,
        low, high, phase, step, far, columns, scale * LOG2_E, MODE, True, D, BLOCK_D, BLOCK_N,
    )  # fmt: skip
    acc, total, top = _attend(
        acc, total, top, q, keys, values, k_row, v_row, left, right, end,
        low, high, phase, step, far, columns, scale * LOG2_E, MODE, False, D, BLOCK_D, BLOCK_N,
    )  # fmt: skip
    acc, total, top = _attend(
        acc, total, top, q, keys, values, k_row, v_row, right, end, end,
        low, high, phase, step, far, columns, scale * LOG2_E, MODE, True, D, BLOCK_D, BLOCK_N,
    )  # fmt: skip

    total = tl.where(mine, total, 1.0)  # rows past the end have seen nothing
    store_rows(out, token, D, mine, acc / total[:, None], D, BLOCK_D)
    tl.store(lse + token, (top + tl.log2(total)) / LOG2_E, mask=mine)


@triton.jit
def _attend(
    acc, total, top, q, keys, values, k_row, v_row, begin, end, bound,
    low, high, phase, step, far, columns, scale,
    MODE: tl.constexpr, MASKED: tl.constexpr,
    D: tl.constexpr, BLOCK_D: tl.constexpr, BLOCK_N: tl.constexpr,
):  # fmt: skip
    """Continue the running softmax over the key rows [begin, end); rows from `bound` on are none.

    `scale` includes log2(e): exponentials to base 2 are what the hardware has.
    """
    for start in range(begin, end, BLOCK_N):
        key = start + tl.arange(0, BLOCK_N)
        inside = key < bound
        at = key_position(key, phase, step, far, columns, MODE)
        k = load_rows(keys, at, k_row, inside, D, BLOCK_D, MASKED)
        scores = dot_transposed(q, k) * scale
        if MASKED:
            seen = (key[None, :] >= low[:, None]) & (key[None, :] < high[:, None])
            scores = tl.where(seen & inside[None, :], scores, float("-inf"))
        higher = tl.maximum(top, tl.max(scores, 1))
        # a row that has seen nothing yet would give -inf minus -inf
        origin = tl.where(higher == float("-inf"), 0.0, higher)
        weights = tl.exp2(scores - origin[:, None])
        decay = tl.exp2(top - origin)
        v = load_rows(values, at, v_row, inside, D, BLOCK_D, MASKED)
        acc = dot(weights, v, acc * decay[:, None])
        total = total * decay + tl.sum(weights, 1)
        top = higher
    return acc, total, top
