"""What the kernels share: which rows see which, where rows lie in memory, how they are loaded.

The rows that a row sees are always a run, and its two ends never move back from one row to the
next. So for a block of rows the first and the last one tell which other rows to visit, and which
of these all of the block see, so that they need no mask.
"""

from __future__ import annotations

import os

import triton
import triton.language as tl

from chatapp.kernels.gpu import passes

BAND = tl.constexpr(passes.BAND)
BLOCK = tl.constexpr(passes.BLOCK)
SUMMARY = tl.constexpr(passes.SUMMARY)
UNLIMITED = tl.constexpr(passes.UNLIMITED)
INTERPRETED = tl.constexpr(os.environ.get("TRITON_INTERPRET") == "1")


@triton.jit
def keys_seen(row, near, far, columns, MODE: tl.constexpr):
    """Return the run [low, high) of key rows that query `row` sees; see `Pass`."""
    if MODE == BAND:
        low = tl.maximum(row - far + 1, 0)
        high = row + 1 - near
    elif MODE == BLOCK:
        low = row // far * far
        high = row + 1
    else:
        low = row * 0
        high = row // far * columns
    return low, high


@triton.jit
def queries_seeing(key, near, far, columns, MODE: tl.constexpr):
    """Return the run [low, high) of query rows that see key row `key`; the inverse of the above."""
    if MODE == BAND:
        low = key + near
        high = key + far
    elif MODE == BLOCK:
        low = key
        high = (key // far + 1) * far
    else:
        low = (key // columns + 1) * far
        high = key * 0 + UNLIMITED
    return low, high


@triton.jit
def rows_before(position, phase, step):
    """Return how many positions before `position` are of class `phase`."""
    return (position - phase + step - 1) // step


@triton.jit
def key_rows(stop, phase, step, far, columns, MODE: tl.constexpr):
    """Return the number of key rows of a class among `stop` positions."""
    return stop // far * columns if MODE == SUMMARY else rows_before(stop, phase, step)


@triton.jit
def key_position(key, phase, step, far, columns, MODE: tl.constexpr):
    """Return the position in the sequence of key row `key`."""
    if MODE == SUMMARY:
        position = key // columns * far + far - columns + key % columns
    else:
        position = key * step + phase
    return position.to(tl.int64)


@triton.jit
def segments(begin, end, all_from, all_to, SIZE: tl.constexpr):
    """Cut the run [begin, end) in blocks of SIZE: [begin, left) and [right, end) need a mask.

    All of a block of rows see [all_from, all_to), which may be empty. Returns (left, right), and
    loops over [begin, min(left, end)), [left, right), [right, end) visit each block once.
    """
    left = begin + tl.cdiv(tl.maximum(all_from - begin, 0), SIZE) * SIZE
    right = left + tl.maximum(all_to - left, 0) // SIZE * SIZE
    return left, right


@triton.jit
def dot(a, b, acc):
    """Return acc + a @ b, summed in float32; a takes b's dtype, as matrix units ask for."""
    if INTERPRETED:  # it multiplies the bit patterns of bfloat16
        a, b = a.to(tl.float32), b.to(tl.float32)
    return tl.dot(a.to(b.dtype), b, acc, input_precision="ieee")


@triton.jit
def dot_transposed(a, b):
    """Return a @ b.T of two matrices of one dtype, in float32."""
    if INTERPRETED:
        a, b = a.to(tl.float32), b.to(tl.float32)
    return tl.dot(a, tl.trans(b), input_precision="ieee")


@triton.jit
def load_rows(
    base, position, stride, inside, D: tl.constexpr, BLOCK_D: tl.constexpr, GUARD: tl.constexpr
):
    """Load rows of D columns, filled up with zeros; rows not `inside` too if GUARD is set."""
    column = tl.arange(0, BLOCK_D)
    pointers = base + position[:, None] * stride + column[None, :]
    if GUARD:
        rows = tl.load(pointers, mask=inside[:, None] & (column < D)[None, :], other=0.0)
    elif D == BLOCK_D:
        rows = tl.load(pointers)
    else:
        rows = tl.load(pointers, mask=(column < D)[None, :], other=0.0)
    return rows


@triton.jit
def store_rows(base, position, stride, inside, rows, D: tl.constexpr, BLOCK_D: tl.constexpr):
    """Store the first D columns of the rows that are `inside`, in the dtype of the memory."""
    column = tl.arange(0, BLOCK_D)
    pointers = base + position[:, None] * stride + column[None, :]
    mask = inside[:, None] & (column < D)[None, :]
    tl.store(pointers, rows.to(base.dtype.element_ty), mask=mask)
