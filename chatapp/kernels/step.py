"""Attention of the newest tokens to a cache: what a decode step runs in every layer.

The cache keeps keys (after rotary embedding) and values in the layout that its pattern reads in
contiguous slices; `CacheViews` names the layouts and `READS` says which pattern needs which.
A step of `sparse(w, r)` reads w + length / r keys instead of `length`.
"""

from __future__ import annotations

from functools import reduce
from typing import NamedTuple

import torch
from torch import Tensor

from chatapp.kernels import gpu
from chatapp.kernels.partial import Part, attend_part, merge, precise_dtype
from chatapp.kernels.patterns import Pattern

KeyValue = tuple[Tensor, Tensor]

# The layouts of `CacheViews` that a step of each pattern reads.
READS: dict[str, tuple[str, ...]] = {
    "dense": ("full",),
    "local": ("ring",),
    "strided": ("classes",),
    "sparse": ("ring", "classes"),
    "fixed": ("full",),
}


class CacheViews(NamedTuple):
    """One layer's keys and values, each layout a pair (keys, values) or None if not kept.

    full: (B, Hkv, C, D), position p in row p.
    ring: (B, Hkv, R, D), position p in slot p mod R; holds the last R positions.
        R >= w + T - 1 for steps of T tokens, or at least the capacity; more leaves room for
        rolling back.
    classes: (B, Hkv, r, ceil(C / r), D), position p in class p mod r, row p // r.
    """

    full: KeyValue | None = None
    ring: KeyValue | None = None
    classes: KeyValue | None = None


def attend_step(pattern: Pattern, q: Tensor, views: CacheViews, lengths: Tensor) -> Tensor:
    """Attend from the newest T tokens of each sequence to all it has read, themselves included.

    The caller has stored their keys and values already. T is 1 when decoding and a few when
    drafted tokens are verified; long chunks are for `chatapp.kernels.attention.attend`.

    Args:
        pattern: the layer's pattern.
        q: (B, H, T, D), after rotary embedding; sequence b's stand at positions
            `lengths[b] - T .. lengths[b] - 1`. H is a multiple of Hkv.
        views: at least the layouts `READS[pattern.kind]`, whole (not cut to the lengths).
        lengths: int64 (B,), tokens stored of each sequence, the T new ones included; each >= T.

    Returns:
        (B, H, T, D) in q's dtype.

    Raises:
        ValueError: a layout is missing, or the ring is too small for the window and T.
    """
    _check(pattern, q, views)
    if gpu.supports(q):
        from chatapp.kernels.gpu import step

        return step.attend_step(pattern, q, views, lengths)
    by_length: dict[int, list[int]] = {}
    for row, length in enumerate(lengths.tolist()):
        by_length.setdefault(length, []).append(row)
    if len(by_length) == 1:
        return _step_at(pattern, q, views, next(iter(by_length)))
    out = torch.empty_like(q)
    for length, rows in by_length.items():
        for row in rows:
            one = slice(row, row + 1)
            out[one] = _step_at(pattern, q[one], _rows(views, one), length)
    return out


def _check(pattern: Pattern, q: Tensor, views: CacheViews) -> None:
    for layout in READS[pattern.kind]:
        if getattr(views, layout) is None:
            raise ValueError(f"a step of {pattern} reads the cache layout {layout!r}, not given")


def _rows(views: CacheViews, rows: slice) -> CacheViews:
    return CacheViews(*((kv[0][rows], kv[1][rows]) if kv is not None else None for kv in views))


def _step_at(pattern: Pattern, q: Tensor, views: CacheViews, length: int) -> Tensor:
    """One step of sequences that are all `length` long."""
    start = length - q.shape[2]
    match pattern.kind:
        case "local":
            parts = _ring_parts(pattern.w, q, views.ring, start)
        case "strided":
            parts = _class_parts(pattern.r, 0, q, views.classes, start)
        case "sparse":
            parts = _ring_parts(pattern.w, q, views.ring, start)
            parts += _class_parts(pattern.r, pattern.w, q, views.classes, start)
        case "fixed" if q.shape[2] == 1:
            parts = _fixed_parts(pattern, q, views.full, start)
        case _:
            parts = [_masked_part(pattern, q, views.full, start)]
    return reduce(merge, parts)[0].to(q.dtype)


def _masked_part(pattern: Pattern, q: Tensor, full: KeyValue | None, start: int) -> Part:
    """The pattern over the full layout, by its mask (none for a single dense query)."""
    assert full is not None
    stop = start + q.shape[2]
    whole = pattern.kind == "dense" and q.shape[2] == 1
    mask = None if whole else pattern.mask(start, stop, q.device)
    return _part(q, full[0][:, :, :stop], full[1][:, :, :stop], mask)


def _ring_parts(width: int, q: Tensor, ring: KeyValue | None, start: int) -> list[Part]:
    """The band `distance < width`, in the one or two runs of slots that it occupies."""
    assert ring is not None
    slots, stop = ring[0].shape[2], start + q.shape[2]
    first = max(0, start - width + 1)
    if stop - first > slots:
        raise ValueError(
            f"a step of {q.shape[2]} tokens with a window of {width} needs a ring of "
            f"{stop - first} slots, got {slots}"
        )
    if q.shape[2] == 1 and stop - first == slots:  # all of the ring; order does not matter
        return [_part(q, *ring, None)]
    parts = []
    while first < stop:
        run = min(stop - first, slots - first % slots)
        at = slice(first % slots, first % slots + run)
        mask = None
        if q.shape[2] > 1:
            keys = torch.arange(first, first + run, device=q.device)
            distance = torch.arange(start, stop, device=q.device)[:, None] - keys
            mask = (distance >= 0) & (distance < width)
        parts.append(_part(q, ring[0][:, :, at], ring[1][:, :, at], mask))
        first += run
    return parts


def _class_parts(
    r: int, nearest: int, q: Tensor, classes: KeyValue | None, start: int
) -> list[Part]:
    """Per query the keys of its class at distances >= `nearest`: one slice, or none."""
    assert classes is not None
    outs, lses, empty = [], [], True
    for index in range(q.shape[2]):
        position = start + index
        rows = max(0, position // r - -(-nearest // r) + 1)  # rows a with (own - a) * r >= nearest
        one = q[:, :, index : index + 1]
        if rows:
            empty = False
            k, v = (x[:, :, position % r, :rows] for x in classes)
            out, lse = _part(one, k, v, None)
        else:
            out = torch.zeros_like(one)
            lse = torch.full(
                one.shape[:3], -torch.inf, device=q.device, dtype=precise_dtype(q.dtype)
            )
        outs.append(out)
        lses.append(lse)
    if empty:
        return []
    return [(torch.cat(outs, dim=2), torch.cat(lses, dim=2))]


def _fixed_parts(pattern: Pattern, q: Tensor, full: KeyValue | None, position: int) -> list[Part]:
    """`fixed(w, r)` for one query: its own block, and the last r columns of earlier blocks."""
    assert full is not None
    blocks, width = position // pattern.w, pattern.w
    first = blocks * width
    k, v = (x[:, :, first : position + 1] for x in full)
    parts = [_part(q, k, v, None)]
    if blocks:
        summary = max(0, width - pattern.r)
        k, v = (
            x[:, :, :first].unflatten(2, (blocks, width))[:, :, :, summary:].flatten(2, 3)
            for x in full
        )
        parts.append(_part(q, k, v, None))
    return parts


def _part(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Part:
    """`attend_part` with the heads of a group as further queries, so shared keys are read once."""
    batch, heads, length, width = q.shape
    groups = heads // k.shape[1]
    folded = q.reshape(batch, k.shape[1], groups * length, width)
    if mask is not None:
        mask = mask.repeat(groups, 1)
    out, lse = attend_part(folded, k, v, mask)
    return out.reshape(q.shape), lse.reshape(batch, heads, length)
