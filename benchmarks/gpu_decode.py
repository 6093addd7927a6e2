"""Decoding on a GPU: is the captured loop right, and how fast is it?

1. Check, in float32: a captured loop says greedily what the plain decoder says on the same GPU, for
   every kind of layer, past twice the window.
2. Time, in bfloat16, a model of random weights (12 layers of 768 by default): tokens per second of
   the loop and of the same decoder driven by the host token by token, after a prompt of `--context`
   tokens; of `transformers` (a Llama of the same shape with a static cache, whose step it compiles
   with CUDA graphs) after a prompt of one token, which is to its advantage; and the bytes a step
   must read against the bandwidth of a copy.

The step needs weights once, and of each layer the keys and values that its pattern shows it.

    python benchmarks/gpu_decode.py --context 1024 8192 65536 --batch 1
    python benchmarks/gpu_decode.py --device cpu --shape tiny --context 64   # tries the benchmark
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from collections.abc import Callable
from typing import Any

import torch

from chatapp.inference.generator import SamplingParams
from chatapp.inference.graph_decoder import GraphDecoder
from chatapp.inference.torch_decoder import TorchDecoder
from chatapp.model.config import ModelConfig
from chatapp.model.gpt import GPT

SHAPES = {"110m": (32_768, 12, 768, 12, 12, 2048), "tiny": (256, 2, 64, 4, 2, 128)}
CHECKED = ["dense", "local(16)", "strided(8)", "sparse(16, 8)", "fixed(16, 4)"]
GREEDY = SamplingParams(greedy=True, repetition_penalty=1.0)
NEW = 128


def main() -> None:
    """Check and measure; print a table on stderr and one JSON line on stdout."""
    arguments = parse()
    if arguments.device == "cuda" and not torch.cuda.is_available():
        sys.exit("error: there is no CUDA device; try the benchmark itself with --device cpu")
    device = torch.device(arguments.device)
    metrics: dict[str, Any] = {"differing_tokens": {kind: check(kind, device) for kind in CHECKED}}
    print(metrics, file=sys.stderr)
    bandwidth = copy_bandwidth(device)
    for context in arguments.context:
        metrics[f"context_{context}"] = row = measure(arguments, context, device, bandwidth)
        print(context, row, file=sys.stderr)
    line = {
        "metrics": metrics,
        "n": NEW,
        "stderr": {},
        "config": {
            "shape": arguments.shape,
            "attention": arguments.attention,
            "batch": arguments.batch,
            "copy_gb_per_s": round(bandwidth / 1e9, 1),
        },
        "machine": f"{device_name(device)}, torch {torch.__version__}, {platform.machine()}",
    }
    print(json.dumps(line))


def parse() -> argparse.Namespace:
    """Read the command line."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--device", default="cuda")
    options.add_argument("--shape", choices=SHAPES, default="110m")
    options.add_argument("--attention", nargs="+", default=["dense", "sparse(256, 64)"])
    options.add_argument("--context", type=int, nargs="+", default=[1024, 8192])
    options.add_argument("--batch", type=int, default=1)
    options.add_argument("--threads", type=int, default=1, help="CPU threads, for --device cpu")
    options.add_argument("--no-peer", action="store_true", help="leave transformers out")
    arguments = options.parse_args()
    torch.set_num_threads(arguments.threads)
    return arguments


def random_model(shape: str, attention: tuple[str, ...], context: int) -> GPT:
    """Return a model of random weights on the CPU."""
    model = GPT(ModelConfig(*SHAPES[shape], context, attention=attention))
    rng = torch.Generator().manual_seed(0)
    for weight in model.parameters():
        torch.nn.init.normal_(weight, std=0.05, generator=rng)
    return model.eval().requires_grad_(False)


def check(kind: str, device: torch.device) -> int:
    """Return how many of 96 greedy tokens of the loop are not the plain decoder's."""
    model = random_model("tiny", ("dense", kind), 256).to(device)
    plain, looping = TorchDecoder(model), GraphDecoder(model)
    prompt = list(range(1, 60))
    logits = plain.read(0, prompt)
    expected = [int(logits.argmax())]
    while len(expected) < 96:
        expected.append(int(plain.step([0], expected[-1:])[0].argmax()))
    looping.read(0, prompt)
    said = loop_tokens(looping, expected[:1], 96)
    return sum(a != b for a, b in zip(said[0], expected, strict=True))


def loop_tokens(decoder: GraphDecoder, first: list[int], count: int) -> list[list[int]]:
    """Let every slot of a decoder say `count` tokens, its first one given."""
    loop = decoder.loop(GREEDY, ends=())
    for slot, token in enumerate(first):
        loop.admit(slot, token, seed=0, limit=count)
    said = [[token] for token in first]
    loop.launch()
    while min(map(len, said)) < count:
        loop.launch()
        burst = loop.collect()
        for slot, tokens in enumerate(said):
            tokens += [drawn.token for drawn in burst.of(slot)]
    return said


def measure(
    arguments: argparse.Namespace, context: int, device: torch.device, bandwidth: float
) -> dict[str, float]:
    """Return the figures of one context length."""
    attention = tuple(arguments.attention)
    model = random_model(arguments.shape, attention, context + 2 * NEW)
    model = model.to(device, torch.bfloat16)
    model.reset_rotary_tables()
    batch = arguments.batch
    decoder = GraphDecoder(model, slots=batch)
    prompt = [1 + index % 200 for index in range(context)]
    began = time.perf_counter()
    for slot in range(batch):
        decoder.read(slot, prompt)
    synchronise(device)
    prefill = batch * context / (time.perf_counter() - began)
    first = [1] * batch
    loop = timed(lambda: loop_tokens(decoder, first, NEW), device)
    for slot in range(batch):
        decoder.truncate(slot, context)
    host = timed(lambda: host_tokens(decoder, batch), device)
    tokens = batch * NEW
    needed = step_bytes(model, context, batch)
    row = {
        "prefill_tokens_per_s": prefill,
        "loop_tokens_per_s": tokens / loop,
        "host_tokens_per_s": tokens / host,
        "ratio_host": host / loop,
        "share_of_bandwidth": NEW * needed / loop / bandwidth,
    }
    if not arguments.no_peer:
        peer = timed(peer_of(arguments.shape, context, batch, device), device)
        row |= {"transformers_tokens_per_s": tokens / peer, "ratio_transformers": peer / loop}
    if device.type == "cuda":
        row["peak_gb"] = torch.cuda.max_memory_allocated() / 1e9
    return {name: round(value, 3) for name, value in row.items()}


def host_tokens(decoder: GraphDecoder, batch: int) -> None:
    """Decode greedily with the host choosing every token."""
    slots, tokens = list(range(batch)), [1] * batch
    for _ in range(NEW):
        tokens = decoder.step(slots, tokens).argmax(dim=-1).tolist()
    for slot in slots:
        decoder.truncate(slot, decoder.length(slot) - NEW)


def peer_of(shape: str, context: int, batch: int, device: torch.device) -> Callable[[], None]:
    """Return decoding by `transformers` after one token, so that no prefill is timed."""
    from transformers import LlamaConfig, LlamaForCausalLM

    vocab, layers, width, heads, kv_heads, hidden = SHAPES[shape]
    config = LlamaConfig(
        vocab_size=vocab, num_hidden_layers=layers, hidden_size=width, num_attention_heads=heads,
        num_key_value_heads=kv_heads, intermediate_size=hidden,
        max_position_embeddings=context + 2 * NEW, bos_token_id=1, eos_token_id=None,
        pad_token_id=0,
    )  # fmt: skip
    model = LlamaForCausalLM(config).to(device, torch.bfloat16).eval()
    ids = torch.ones(batch, 1, dtype=torch.int64, device=device)
    options = {"cache_implementation": "static"} if device.type == "cuda" else {}

    def decode() -> None:
        model.generate(
            ids, attention_mask=torch.ones_like(ids), max_new_tokens=NEW, min_new_tokens=NEW,
            do_sample=False, **options,
        )  # fmt: skip

    return decode


def timed(work: Callable[[], object], device: torch.device) -> float:
    """Return the seconds of the second run; the first compiles and captures."""
    work()
    synchronise(device)
    began = time.perf_counter()
    work()
    synchronise(device)
    return time.perf_counter() - began


def step_bytes(model: GPT, context: int, batch: int) -> float:
    """Return the bytes that one step of the batch has to read: weights, keys and values."""
    config = model.config
    weights = config.parameter_count() - config.vocab_size * config.d_model  # rows of a table
    seen = sum(
        int(config.pattern(layer).mask(context, context + 1).sum())
        for layer in range(config.n_layers)
    )
    keys = 2 * seen * config.n_kv_heads * config.head_dim * batch
    return float(2 * (weights + keys))


def copy_bandwidth(device: torch.device) -> float:
    """Return the bytes a second that a large copy reads and writes."""
    source = torch.empty(
        2**29 if device.type == "cuda" else 2**26, dtype=torch.uint8, device=device
    )
    target = torch.empty_like(source)
    repeats = 20
    seconds = timed(lambda: [target.copy_(source) for _ in range(repeats)], device)
    return 2 * repeats * source.numel() / seconds


def synchronise(device: torch.device) -> None:
    """Wait for the device."""
    if device.type == "cuda":
        torch.cuda.synchronize()


def device_name(device: torch.device) -> str:
    """Return what the device calls itself."""
    return torch.cuda.get_device_name() if device.type == "cuda" else "CPU"


if __name__ == "__main__":
    main()
