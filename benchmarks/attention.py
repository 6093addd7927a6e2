"""One attention layer, sparse beside dense: `python benchmarks/attention.py --threads 1`.

Measures at each --context, in the same run and alternating: the forward pass of --pattern against
PyTorch's fused dense attention; forward and backward, up to --training; one decode step over the
cache layouts, with the bytes that it must read. --flex adds FlexAttention, compiled, at lengths
of its own. On a CUDA device, steps are timed inside a CUDA graph and peak memory is noted.

It needs PyTorch, and Triton on a GPU. Prints a table on stderr and one JSON line on stdout, which
--out also keeps. Ratios are the peer's time over ours: above 1, ours is faster.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # a benchmark runs from a checkout, installed or not

from chatapp.kernels.attention import attend  # noqa: E402
from chatapp.kernels.patterns import Pattern  # noqa: E402
from chatapp.kernels.step import CacheViews, attend_step  # noqa: E402

Thunks = dict[str, Callable[[], object]]
GRAPH_CALLS = 100


def main() -> None:
    """Measure; print a table on stderr and one JSON line on stdout."""
    options = parse_options()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    metrics: dict[str, Any] = {"bandwidth_gb_s": round(bandwidth(options.device) / 1e9, 1)}
    errors: dict[str, Any] = {}
    short = [length for length in options.context if length <= options.training]
    plans = [
        ("forward", options.context, forward),
        ("forward_backward", short, forward_backward),
        ("step", options.context, step),
        ("flex_forward", options.flex, flex_forward),
    ]
    for name in options.dtypes:
        for title, lengths, prepare in plans:
            for length in lengths:
                thunks, extra = prepare(options, getattr(torch, name), length)
                found, error = compare(thunks, options)
                found |= {key: rate / found["ours_ms"] for key, rate in extra.items()}
                place = f"{title}/{name}/{length}"
                print(f"{place:<34}", *(f"{k} {v:.4g}" for k, v in found.items()), file=sys.stderr)
                note(metrics, place, found)
                note(errors, place, error)
                del thunks
    line = {
        "metrics": metrics,
        "n": options.runs,
        "stderr": errors,
        "config": {key: str(value) for key, value in vars(options).items() if key != "out"},
        "machine": machine(options.device),
    }
    if options.out:
        options.out.write_text(json.dumps(line, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(line))


def parse_options() -> argparse.Namespace:
    """Read the command line; defaults depend on whether there is a CUDA device."""
    gpu = torch.cuda.is_available()
    lengths = [2**n for n in range(9, 17 if gpu else 16)]
    dtypes = ["bfloat16"] if gpu else ["bfloat16", "float32"]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cuda" if gpu else "cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--context", type=int, nargs="*", default=lengths)
    parser.add_argument("--training", type=int, default=65536 if gpu else 2048)
    parser.add_argument("--flex", type=int, nargs="*", default=[])
    parser.add_argument("--dtypes", nargs="*", default=dtypes)
    parser.add_argument("--pattern", type=Pattern.parse, default="sparse(256, 64)")
    parser.add_argument("--heads", type=int, default=12)
    parser.add_argument("--kv-heads", type=int, default=12)
    parser.add_argument("--width", type=int, default=64, help="columns of a head")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--out", type=Path)
    return parser.parse_args()


def forward(options: argparse.Namespace, dtype: torch.dtype, length: int) -> tuple[Thunks, dict]:
    """A whole sequence, without gradients."""
    q, k, v = inputs(options, dtype, length)
    return {
        "ours": lambda: attend(options.pattern, q, k, v),
        "dense": lambda: dense(q, k, v),
    }, {}


def forward_backward(
    options: argparse.Namespace, dtype: torch.dtype, length: int
) -> tuple[Thunks, dict]:
    """A whole sequence with the gradients of queries, keys and values."""
    tensors = [x.requires_grad_() for x in inputs(options, dtype, length)]
    grad = torch.randn_like(tensors[0])
    mask = options.pattern.mask(0, length, grad.device)

    def both(out: Callable[..., Tensor]) -> Callable[[], object]:
        return lambda: torch.autograd.grad(out(*tensors), tensors, grad)

    thunks = {"ours": both(lambda *x: attend(options.pattern, *x)), "dense": both(dense)}
    if length <= 2048:
        thunks["mask"] = both(lambda *x: dense(*x, mask))
    return thunks, {}


def step(options: argparse.Namespace, dtype: torch.dtype, length: int) -> tuple[Thunks, dict]:
    """One token over full caches; also the GB/s at which ours reads the keys that it sees."""
    pattern: Pattern = options.pattern
    q, k, v = inputs(options, dtype, length)
    q = q[:, :, -1:].contiguous()
    views = CacheViews(*zip(*(layouts(x, pattern) for x in (k, v)), strict=True))
    lengths = torch.tensor([length], device=q.device)
    seen = int(pattern.mask(length - 1, length).sum())
    gigabytes = 2 * seen * k[:, :, 0].numel() * k.itemsize / 1e9
    thunks: Thunks = {
        "ours": lambda: attend_step(pattern, q, views, lengths),
        "dense": lambda: dense(q, k, v, causal=False),
    }
    if options.device == "cuda":
        thunks = {name: in_graph(thunk) for name, thunk in thunks.items()}
        gigabytes *= GRAPH_CALLS
    return thunks, {"gb_s": gigabytes * 1e3}


def flex_forward(
    options: argparse.Namespace, dtype: torch.dtype, length: int
) -> tuple[Thunks, dict]:
    """FlexAttention with the same pattern as a block mask, compiled, against ours."""
    from torch.nn.attention.flex_attention import create_block_mask, flex_attention

    pattern: Pattern = options.pattern
    q, k, v = inputs(options, dtype, length)

    def visible(_batch: Tensor, _head: Tensor, i: Tensor, j: Tensor) -> Tensor:
        near = i - j < pattern.w
        return (i >= j) & (near | ((i - j) % pattern.r == 0) if pattern.r else near)

    blocks = create_block_mask(visible, None, None, length, length, device=options.device)
    compiled = torch.compile(flex_attention, dynamic=False)
    return {
        "ours": lambda: attend(pattern, q, k, v),
        "flex": lambda: compiled(q, k, v, block_mask=blocks),
    }, {}


def dense(
    q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None, causal: bool = True
) -> Tensor:
    """PyTorch's fused attention: FlashAttention on a GPU that has it."""
    return scaled_dot_product_attention(
        q, k, v, mask, is_causal=causal and mask is None, enable_gqa=q.shape[1] != k.shape[1]
    )


def inputs(options: argparse.Namespace, dtype: torch.dtype, length: int) -> list[Tensor]:
    """Return q, k and v of one sequence."""
    heads = (options.heads, options.kv_heads, options.kv_heads)
    shapes = [(1, h, length, options.width) for h in heads]
    return [torch.randn(shape, dtype=dtype, device=options.device) for shape in shapes]


def layouts(x: Tensor, pattern: Pattern) -> tuple[Tensor, Tensor, Tensor]:
    """Return the full, ring and class-major layouts of (B, Hkv, C, D); any values will do."""
    slots, r = max(1, pattern.w), max(1, pattern.r)
    classes = x.new_zeros((*x.shape[:2], r, -(-x.shape[2] // r), x.shape[3])).normal_()
    return x, x[:, :, -slots:].clone(), classes


def compare(
    thunks: Thunks, options: argparse.Namespace
) -> tuple[dict[str, float], dict[str, float]]:
    """Time all alternately; return minima and ratios to ours, and standard errors of the means.

    Minima, because what else a machine does can only add to a time.
    """
    times: dict[str, list[float]] = {name: [] for name in thunks}
    peaks = {name: peak_bytes(thunk, options.device) for name, thunk in thunks.items()}
    for _ in range(max(2, options.runs)):
        for name, thunk in thunks.items():
            times[name].append(seconds(thunk, options.device) * 1e3)
    found = {f"{name}_ms": min(each) for name, each in times.items()}
    for name in list(thunks)[1:]:
        found[f"ratio_{name}"] = found[f"{name}_ms"] / found["ours_ms"]
    found |= {f"{name}_peak_mb": peak / 1e6 for name, peak in peaks.items() if peak}
    errors = {f"{name}_ms": statistics.stdev(t) / len(t) ** 0.5 for name, t in times.items()}
    return found, errors


def seconds(thunk: Callable[[], object], device: str) -> float:
    """Return the seconds of one call; calls shorter than 20 ms are repeated and averaged."""
    once = _seconds(thunk, device, 1)
    calls = int(0.02 // once) if once < 0.01 else 0
    return _seconds(thunk, device, calls) if calls else once


def _seconds(thunk: Callable[[], object], device: str, calls: int) -> float:
    alone = device == "cpu" and torch.get_num_threads() == 1
    # of one thread the time on the processor: what other programs take does not count
    clock = time.process_time if alone else time.perf_counter
    synchronise(device)
    began = clock()
    for _ in range(calls):
        thunk()
    synchronise(device)
    return (clock() - began) / calls


def in_graph(thunk: Callable[[], object]) -> Callable[[], object]:
    """Record GRAPH_CALLS calls in a CUDA graph: launches cost nothing; times are of them all."""
    thunk()
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        for _ in range(GRAPH_CALLS):
            thunk()
    return graph.replay


def peak_bytes(thunk: Callable[[], object], device: str) -> int:
    """Call once, to warm up; return the CUDA memory that the call took at most, 0 on a CPU."""
    if device != "cuda":
        thunk()
        return 0
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    thunk()
    torch.cuda.synchronize()
    return torch.cuda.max_memory_allocated() - before


def bandwidth(device: str) -> float:
    """Return the bytes a second at which a sum reads 1 GiB."""
    x = torch.ones(2**28, device=device)
    return x.numel() * 4 / min(seconds(x.sum, device) for _ in range(5))


def synchronise(device: str) -> None:
    """Wait for the device."""
    if device == "cuda":
        torch.cuda.synchronize()


def note(tree: dict[str, Any], place: str, values: dict[str, float]) -> None:
    """Put rounded values at `place`, names divided by slashes."""
    for name in place.split("/"):
        tree = tree.setdefault(name, {})
    tree |= {key: float(f"{value:.4g}") for key, value in values.items()}


def machine(device: str) -> str:
    """Name the processor, and the versions that matter."""
    name = torch.cuda.get_device_name() if device == "cuda" else platform.machine()
    parts = [name, f"{os.cpu_count()} CPUs", f"Python {platform.python_version()}"]
    return ", ".join([*parts, f"torch {torch.__version__}"])


if __name__ == "__main__":
    main()
