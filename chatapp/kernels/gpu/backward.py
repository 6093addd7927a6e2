"""The backward kernels: per pass, gradients of the queries and then of keys and values.

Scores are computed anew; with the log-sum-exp of the *whole* softmax they give the weights of the
union at once, so passes are independent and their gradients add up. Keys and values of a group
are owned by one program, which walks over the group's query heads: no atomics, so gradients are
the same in every run.
"""

from __future__ import annotations

import triton
import triton.language as tl

from chatapp.kernels.gpu.forward import LOG2_E
from chatapp.kernels.gpu.geometry import (
    dot,
    dot_transposed,
    key_position,
    key_rows,
    keys_seen,
    load_rows,
    queries_seeing,
    rows_before,
    segments,
    store_rows,
)


@triton.jit
def dot_rows_kernel(
    A, B, Result, rows, D: tl.constexpr, BLOCK_D: tl.constexpr, BLOCK: tl.constexpr
):
    """Result[i] = A[i] · B[i] in float32, for contiguous (rows, D)."""
    row = (tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)).to(tl.int64)
    inside = row < rows
    a = load_rows(A, row, D, inside, D, BLOCK_D, True).to(tl.float32)
    b = load_rows(B, row, D, inside, D, BLOCK_D, True).to(tl.float32)
    tl.store(Result + row, tl.sum(a * b, 1), mask=inside)


@triton.jit(do_not_specialize=["start", "stop"])
def query_gradient_kernel(
    Q, K, V, Grad, Lse, Delta, GradQ,
    q_batch, q_head, q_row, k_batch, k_head, k_row, v_batch, v_head, v_row,
    group, start, stop, step, near, far, columns, scale,
    MODE: tl.constexpr, ADD: tl.constexpr,
    D: tl.constexpr, BLOCK_D: tl.constexpr, BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr,
):  # fmt: skip
    """Set GradQ (B, H, T, D), or add to it; Grad, Lse and Delta are contiguous like Out and Lse.

    Delta (B, H, T) is grad · out of each row. Grid as in the forward kernel.
    """
    phase = tl.program_id(0) % step
    block = tl.num_programs(0) // step - 1 - tl.program_id(0) // step
    head, batch = tl.program_id(1), tl.program_id(2).to(tl.int64)
    final = rows_before(stop, phase, step)
    first = rows_before(start, phase, step) + block * BLOCK_M
    last = tl.minimum(first + BLOCK_M, final) - 1
    begin, all_to = keys_seen(first, near, far, columns, MODE)
    all_from, end = keys_seen(last, near, far, columns, MODE)
    if first >= final:
        return
    if ADD and end <= begin:
        return

    row = first + tl.arange(0, BLOCK_M)
    mine = row < final
    token = (row * step + phase - start).to(tl.int64)
    sequence = batch * tl.num_programs(1) + head
    length = (stop - start).to(tl.int64)
    keys = K + batch * k_batch + head // group * k_head
    values = V + batch * v_batch + head // group * v_head
    q = load_rows(Q + batch * q_batch + head * q_head, token, q_row, mine, D, BLOCK_D, True)
    grad = load_rows(Grad + sequence * length * D, token, D, mine, D, BLOCK_D, True)
    lse = tl.load(Lse + sequence * length + token, mask=mine, other=0.0) * LOG2_E
    delta = tl.load(Delta + sequence * length + token, mask=mine, other=0.0)

    acc = tl.zeros([BLOCK_M, BLOCK_D], tl.float32)
    low, high = keys_seen(row, near, far, columns, MODE)
    left, right = segments(begin, end, all_from, all_to, BLOCK_N)
    acc = _query_gradient(
        acc, q, grad, lse, delta, keys, values, k_row, v_row, begin, tl.minimum(left, end), end,
        low, high, phase, step, far, columns, scale, MODE, True, D, BLOCK_D, BLOCK_N,
    )  # fmt: skip
    acc = _query_gradient(
        acc, q, grad, lse, delta, keys, values, k_row, v_row, left, right, end,
        low, high, phase, step, far, columns, scale, MODE, False, D, BLOCK_D, BLOCK_N,
    )  # fmt: skip
    acc = _query_gradient(
        acc, q, grad, lse, delta, keys, values, k_row, v_row, right, end, end,
        low, high, phase, step, far, columns, scale, MODE, True, D, BLOCK_D, BLOCK_N,
    )  # fmt: skip
    result = GradQ + sequence * length * D
    acc *= scale
    if ADD:
        acc += load_rows(result, token, D, mine, D, BLOCK_D, True).to(tl.float32)
    store_rows(result, token, D, mine, acc, D, BLOCK_D)


@triton.jit
def _query_gradient(
    acc, q, grad, lse, delta, keys, values, k_row, v_row, begin, end, bound,
    low, high, phase, step, far, columns, scale,
    MODE: tl.constexpr, MASKED: tl.constexpr,
    D: tl.constexpr, BLOCK_D: tl.constexpr, BLOCK_N: tl.constexpr,
):  # fmt: skip
    """Add the part of the key rows [begin, end)."""
    for start in range(begin, end, BLOCK_N):
        key = start + tl.arange(0, BLOCK_N)
        inside = key < bound
        at = key_position(key, phase, step, far, columns, MODE)
        k = load_rows(keys, at, k_row, inside, D, BLOCK_D, MASKED)
        v = load_rows(values, at, v_row, inside, D, BLOCK_D, MASKED)
        scores = dot_transposed(q, k) * (scale * LOG2_E)
        if MASKED:
            seen = (key[None, :] >= low[:, None]) & (key[None, :] < high[:, None])
            scores = tl.where(seen & inside[None, :], scores, float("-inf"))
        weights = tl.exp2(scores - lse[:, None])
        slope = weights * (dot_transposed(grad, v) - delta[:, None])
        acc = dot(slope, k, acc)
    return acc


@triton.jit(do_not_specialize=["start", "stop"])
def key_gradient_kernel(
    Q, K, V, Grad, Lse, Delta, GradK, GradV,
    q_batch, q_head, q_row, k_batch, k_head, k_row, v_batch, v_head, v_row,
    group, start, stop, step, near, far, columns, scale,
    MODE: tl.constexpr, ADD: tl.constexpr,
    D: tl.constexpr, BLOCK_D: tl.constexpr, BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr,
):  # fmt: skip
    """Set GradK and GradV (B, Hkv, stop, D), contiguous, or add to them.

    Grid: (blocks of BLOCK_N key rows * step, Hkv, B). Early keys are seen most and start first.
    """
    phase, block = tl.program_id(0) % step, tl.program_id(0) // step
    kv_head, batch = tl.program_id(1), tl.program_id(2).to(tl.int64)
    first = block * BLOCK_N
    final = key_rows(stop, phase, step, far, columns, MODE)
    last = tl.minimum(first + BLOCK_N, final) - 1
    earliest, latest = rows_before(start, phase, step), rows_before(stop, phase, step)
    begin, all_to = queries_seeing(first, near, far, columns, MODE)
    all_from, end = queries_seeing(last, near, far, columns, MODE)
    begin, all_from = tl.maximum(begin, earliest), tl.maximum(all_from, earliest)
    end, all_to = tl.minimum(end, latest), tl.minimum(all_to, latest)
    if first >= final:
        return
    if ADD and end <= begin:
        return

    key = first + tl.arange(0, BLOCK_N)
    mine = key < final
    at = key_position(key, phase, step, far, columns, MODE)
    k = load_rows(K + batch * k_batch + kv_head * k_head, at, k_row, mine, D, BLOCK_D, True)
    v = load_rows(V + batch * v_batch + kv_head * v_head, at, v_row, mine, D, BLOCK_D, True)
    of_k = tl.zeros([BLOCK_N, BLOCK_D], tl.float32)
    of_v = tl.zeros([BLOCK_N, BLOCK_D], tl.float32)
    low, high = queries_seeing(key, near, far, columns, MODE)
    left, right = segments(begin, end, all_from, all_to, BLOCK_M)
    length = (stop - start).to(tl.int64)
    for index in range(group):
        head = kv_head * group + index
        sequence = batch * tl.num_programs(1) * group + head
        queries = Q + batch * q_batch + head * q_head
        grads = Grad + sequence * length * D
        lses, deltas = Lse + sequence * length, Delta + sequence * length
        of_k, of_v = _key_gradient(
            of_k, of_v, k, v, queries, grads, lses, deltas, q_row, begin, tl.minimum(left, end),
            end, low, high, phase, step, start, scale, True, D, BLOCK_D, BLOCK_M,
        )  # fmt: skip
        of_k, of_v = _key_gradient(
            of_k, of_v, k, v, queries, grads, lses, deltas, q_row, left, right,
            end, low, high, phase, step, start, scale, False, D, BLOCK_D, BLOCK_M,
        )  # fmt: skip
        of_k, of_v = _key_gradient(
            of_k, of_v, k, v, queries, grads, lses, deltas, q_row, right, end,
            end, low, high, phase, step, start, scale, True, D, BLOCK_D, BLOCK_M,
        )  # fmt: skip
    offset = (batch * tl.num_programs(1) + kv_head) * stop.to(tl.int64) * D
    of_k *= scale
    if ADD:
        of_k += load_rows(GradK + offset, at, D, mine, D, BLOCK_D, True).to(tl.float32)
        of_v += load_rows(GradV + offset, at, D, mine, D, BLOCK_D, True).to(tl.float32)
    store_rows(GradK + offset, at, D, mine, of_k, D, BLOCK_D)
    store_rows(GradV + offset, at, D, mine, of_v, D, BLOCK_D)


@triton.jit
def _key_gradient(
    of_k, of_v, k, v, queries, grads, lses, deltas, q_row, begin, end, bound,
    low, high, phase, step, start, scale,
    MASKED: tl.constexpr, D: tl.constexpr, BLOCK_D: tl.constexpr, BLOCK_M: tl.constexpr,
):  # fmt: skip
    """Add the part of the query rows [begin, end) of one head; matrices stand transposed."""
    for first in range(begin, end, BLOCK_M):
        row = first + tl.arange(0, BLOCK_M)
        inside = row < bound
        token = (row * step + phase - start).to(tl.int64)
        q = load_rows(queries, token, q_row, inside, D, BLOCK_D, MASKED)
        grad = load_rows(grads, token, D, inside, D, BLOCK_D, MASKED)
        lse = tl.load(lses + token, mask=inside, other=0.0) * LOG2_E
        delta = tl.load(deltas + token, mask=inside, other=0.0)
        scores = dot_transposed(k, q) * (scale * LOG2_E)
        if MASKED:
            seen = (row[None, :] >= low[:, None]) & (row[None, :] < high[:, None])
            scores = tl.where(seen & inside[None, :], scores, float("-inf"))
        weights = tl.exp2(scores - lse[None, :])
        of_v = dot(weights, grad, of_v)
        slope = weights * (dot_transposed(v, grad) - delta[None, :])
        of_k = dot(slope, q, of_k)
    return of_k, of_v
