"""Prompt-lookup speculation: is the greedy output identical, and how much faster is it?

Each record of the data (a question with its source) is asked three ways:

- `free`: source and question; the model answers as it likes.
- `quote`: the same, and the answer must be a quote of the source (`QuoteOf`, at least 200
  characters where the source has them): a grounded answer.
- `copy`: the control that only copies; the answer must be the whole source.

Every way runs without and with speculation on the same decoder, greedily and without a repetition
penalty, the two in turn so that both see the same machine. Reported are the share of identical
answers, tokens per run of the model, and the ratio of decoding times.

    python benchmarks/speculation.py --data squad.jsonl.xz covidqa.jsonl.xz --limit 100 --threads 1
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from chatapp.inference.decoder import Decoder
from chatapp.inference.engine import Engine
from chatapp.inference.generator import ChatMessage, Finished, SamplingParams, TextDelta
from chatapp.inference.masks.protocol import Constraint
from chatapp.inference.masks.quote import QuoteOf
from chatapp.inference.native import native_decoder
from chatapp.inference.torch_decoder import TorchDecoder
from chatapp.model.checkpoint import load_model
from chatapp.model.config import ModelConfig
from chatapp.model.gpt import GPT
from chatapp.model.tokenizer import ChatTokenizer
from chatapp.resources import default_model_dir
from chatapp.training.readers import read_file

QUOTE_CHARACTERS = 200


@dataclass(frozen=True)
class Timing:
    """One answer without and with speculation."""

    identical: bool
    tokens: int
    plain_seconds: float
    fast_seconds: float
    fast_steps: int


def main() -> None:
    """Measure; print a table on stderr and one JSON line on stdout."""
    arguments = parse()
    torch.set_num_threads(arguments.threads)
    tokenizer, decoder = load(arguments)
    records = list(sources(arguments, tokenizer))
    engines = (
        Engine("plain", decoder, tokenizer, longest_draft=0),
        Engine("fast", decoder, tokenizer),
    )
    results = {
        way: [time_both(engines, record, way, arguments.max_tokens) for record in records]
        for way in ("free", "quote", "copy")
    }
    metrics, errors = {}, {}
    for way, timings in results.items():
        metrics[way], errors[way] = summarise(timings)
        print(f"{way:<6} {metrics[way]}", file=sys.stderr)
    line = {
        "metrics": metrics,
        "n": len(records),
        "stderr": errors,
        "config": {
            "decoder": arguments.decoder,
            "shape": arguments.shape,
            "threads": arguments.threads,
            "context": decoder.context_length,
            "max_tokens": arguments.max_tokens,
        },
        "machine": f"{platform.machine()}, {os.cpu_count()} CPUs, Python {sys.version.split()[0]}",
    }
    print(json.dumps(line))


def parse() -> argparse.Namespace:
    """Read the command line."""
    options = parser(__doc__)
    options.add_argument("--data", type=Path, nargs="+", required=True, help="question records")
    options.add_argument("--limit", type=int, default=100, help="records, evenly from each file")
    options.add_argument("--max-tokens", type=int, default=64)
    return options.parse_args()


def parser(description: str | None) -> argparse.ArgumentParser:
    """Return the options that choose a decoder; `load` takes them."""
    options = argparse.ArgumentParser(description=description)
    options.add_argument("--model", type=Path, default=default_model_dir())
    options.add_argument(
        "--shape", choices=["model", "110m"], default="model", help="110m: random weights"
    )
    options.add_argument("--decoder", choices=["native", "torch"], default="native")
    options.add_argument("--threads", type=int, default=1)
    options.add_argument("--context", type=int, default=1024, help="longest sequence")
    return options


def load(arguments: argparse.Namespace) -> tuple[ChatTokenizer, Decoder]:
    """Return the tokenizer of the model and a decoder of the shape asked for."""
    model, tokenizer = load_model(arguments.model)
    if arguments.shape == "110m":
        model = random_model(arguments.context)
    if arguments.decoder == "native":
        context = min(arguments.context, model.config.context_length)
        return tokenizer, native_decoder(model, context=context, threads=arguments.threads)
    return tokenizer, TorchDecoder(model, capacity=arguments.context)


def random_model(context: int) -> GPT:
    """Return 12 layers of 768 with a vocabulary of 32,768 and random weights."""
    model = GPT(ModelConfig(32_768, 12, 768, 12, 12, 2048, context))
    rng = torch.Generator().manual_seed(0)
    for weight in model.parameters():
        torch.nn.init.normal_(weight, std=0.02, generator=rng)
    return model.eval().requires_grad_(False)


def sources(arguments: argparse.Namespace, tokenizer: ChatTokenizer) -> Iterator[tuple[str, str]]:
    """Yield (question, source) pairs that leave room for the answer."""
    room = arguments.context - arguments.max_tokens - 64
    for file in arguments.data:
        wanted = arguments.limit // len(arguments.data)
        for row in read_file(file):
            question, source = row.fields["question"], row.fields.get("context")
            if not source or len(tokenizer.encode(question + source)) > room:
                continue
            yield question, source
            wanted -= 1
            if not wanted:
                break


def time_both(
    engines: tuple[Engine, Engine], record: tuple[str, str], way: str, max_tokens: int
) -> Timing:
    """Answer one record with both engines."""
    question, source = record
    constraint: Constraint | None = None
    if way == "quote":
        constraint = QuoteOf(source, least=min(QUOTE_CHARACTERS, len(source)))
    elif way == "copy":
        constraint = QuoteOf(source, least=len(source))
    params = SamplingParams(
        greedy=True, repetition_penalty=1.0, max_tokens=max_tokens, constraint=constraint
    )
    message = ChatMessage("user", f"{source}\n\n{question}")
    (plain_text, plain), (fast_text, fast) = (answer(e, message, params) for e in engines)
    return Timing(
        plain_text == fast_text,
        fast.completion_tokens,
        plain.decode_seconds,
        fast.decode_seconds,
        fast.steps + 1,  # the prefill gives the first token
    )


def answer(engine: Engine, message: ChatMessage, params: SamplingParams) -> tuple[str, Finished]:
    """Return a whole answer."""
    *deltas, last = engine.stream([message], params, lambda: False)
    assert isinstance(last, Finished)
    return "".join(delta.text for delta in deltas if isinstance(delta, TextDelta)), last


def summarise(timings: list[Timing]) -> tuple[dict[str, float], dict[str, float]]:
    """Return totals over all answers, and standard errors of the per-answer means."""
    spoken = [timing for timing in timings if timing.tokens > 1]
    tokens = sum(timing.tokens for timing in spoken)
    plain = sum(timing.plain_seconds for timing in spoken)
    fast = sum(timing.fast_seconds for timing in spoken)
    metrics = {
        "identical": sum(timing.identical for timing in timings) / len(timings),
        "tokens_per_step": tokens / sum(timing.fast_steps for timing in spoken),
        "plain_tokens_per_second": tokens / plain,
        "ratio_plain": plain / fast,
    }
    errors = {
        "tokens_per_step": error([timing.tokens / timing.fast_steps for timing in spoken]),
        "ratio_plain": error([timing.plain_seconds / timing.fast_seconds for timing in spoken]),
    }
    return (
        {name: round(value, 3) for name, value in metrics.items()},
        {name: round(value, 3) for name, value in errors.items()},
    )


def error(values: list[float]) -> float:
    """Return the standard error of the mean."""
    return statistics.stdev(values) / len(values) ** 0.5 if len(values) > 1 else 0.0


if __name__ == "__main__":
    main()
