"""What int8 costs in quality: bits per byte and greedy choices against float32 on real text.

Both read the same windows of the shipped model's context length from the first documents of record
files (JSON lines, maybe .xz; field `text`). The int8 logits are those of the compiled runtime.

    python benchmarks/quantisation.py --data FILE... --windows 32
"""

from __future__ import annotations

import argparse
import json
import lzma
import math
import statistics
import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # runs from a checkout

import torch
from torch import Tensor
from torch.nn import functional

from benchmarks.peers import machine
from chatapp.inference.native.decoder import NativeDecoder
from chatapp.model.checkpoint import load_model
from chatapp.model.tokenizer import ChatTokenizer
from chatapp.resources import default_model_dir


def texts(path: Path) -> Iterator[str]:
    """Yield the documents of a record file."""
    with lzma.open(path, "rt") if path.suffix == ".xz" else path.open() as file:
        for line in file:
            yield json.loads(line)["text"]


def windows(
    paths: list[Path], tokenizer: ChatTokenizer, length: int, count: int
) -> Iterator[list[int]]:
    """Yield `count` windows in all, one from the middle of each document that is long enough."""
    each = math.ceil(count / len(paths))
    for path in paths:
        found = 0
        for text in texts(path):
            if len(text) < 12 * length:  # long enough for any tokenizer of ours
                continue
            middle = len(text) // 2
            yield tokenizer.encode(text[middle : middle + 12 * length])[:length]
            found += 1
            if found == each:
                break


def nats(logits: Tensor, tokens: list[int]) -> float:
    """Return the summed loss of all tokens but the first."""
    target = torch.tensor(tokens[1:])
    return float(functional.cross_entropy(logits[:-1], target, reduction="sum"))


def main() -> None:
    """Measure; print a table on stderr and one JSON line on stdout."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, nargs="+", required=True)
    parser.add_argument("--model", type=Path, default=default_model_dir())
    parser.add_argument("--windows", type=int, default=32)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    model, tokenizer = load_model(arguments.model)
    length = model.config.context_length
    decoder = NativeDecoder(model, slots=1, context=length, threads=arguments.threads)
    full_bits: list[float] = []
    extra_bits: list[float] = []
    agreed = total = 0
    for tokens in windows(arguments.data, tokenizer, length, arguments.windows):
        with torch.inference_mode():
            full = model(torch.tensor([tokens]))[0]
        decoder.truncate(0, 0)
        small = decoder.read(0, tokens, every=True)
        size = len(tokenizer.decode(tokens[1:]).encode()) * math.log(2)
        full_bits.append(nats(full, tokens) / size)
        extra_bits.append(nats(small, tokens) / size - full_bits[-1])
        agreed += int((full.argmax(-1) == small.argmax(-1)).sum())
        total += len(tokens)
    count = len(full_bits)
    metrics = {
        "bits_per_byte": {
            "float32": round(statistics.mean(full_bits), 4),
            "int8_minus_float32": round(statistics.mean(extra_bits), 5),
        },
        "greedy_agreement": round(agreed / total, 4),
    }
    print(f"{count} windows, {total} tokens: {metrics}", file=sys.stderr)
    line = {
        "metrics": metrics,
        "n": total,
        "stderr": {
            "int8_minus_float32": round(statistics.stdev(extra_bits) / count**0.5, 6),
            "greedy_agreement": round(math.sqrt(agreed * (total - agreed) / total**3), 5),
        },
        "config": {
            "windows": count,
            "data": [path.name for path in arguments.data],
            "model": arguments.model.name,
            "variant": decoder.variant,
        },
        "machine": machine(),
    }
    print(json.dumps(line))


if __name__ == "__main__":
    main()
