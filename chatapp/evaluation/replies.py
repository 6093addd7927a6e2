"""Written replies to many prompts, through the batched engine."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from chatapp.evaluation.likelihood import LikelihoodModel
from chatapp.inference.batch_engine import BatchEngine, Sample
from chatapp.inference.generator import SamplingParams
from chatapp.inference.masks.protocol import Constraint
from chatapp.inference.torch_decoder import TorchDecoder

SLOTS = 16
_CHUNK = 2 * SLOTS  # prompts between two reports of progress


@dataclass(frozen=True)
class Reply:
    """A reply without the words that stopped it; `finished` says whether it ended by itself."""

    text: str
    tokens: int
    finished: bool


def greedy(
    max_tokens: int, *, stop: tuple[str, ...] = (), constraint: Constraint | None = None
) -> SamplingParams:
    """Return the parameters of a measurement without sampling: the likeliest token, no penalty."""
    return SamplingParams(
        max_tokens=max_tokens,
        greedy=True,
        repetition_penalty=1.0,
        stop=stop,
        constraint=constraint,
    )


def sampled(
    max_tokens: int, temperature: float, seed: int, *, stop: tuple[str, ...] = ()
) -> SamplingParams:
    """Return the parameters of sampling from the model's whole distribution, sharpened only."""
    return SamplingParams(
        max_tokens=max_tokens,
        temperature=temperature,
        top_k=0,
        top_p=1.0,
        repetition_penalty=1.0,
        seed=seed,
        stop=stop,
    )


def write_replies(
    model: LikelihoodModel,
    prompts: Sequence[Sequence[int]],
    params: SamplingParams,
    done: Callable[[int], object],
    n: int = 1,
) -> list[list[Reply]]:
    """Return `n` replies to each prompt.

    A prompt that leaves no room for `params.max_tokens` loses its beginning; how many did is
    counted in `model.truncated`.

    Args:
        done: hears how many more prompts are answered.
    """
    room = max(1, model.context_length - params.max_tokens)
    fitting = [list(prompt)[-room:] for prompt in prompts]
    model.truncated += sum(len(prompt) > room for prompt in prompts)
    longest = max((len(prompt) for prompt in fitting), default=1)
    decoder = TorchDecoder(
        model.model,
        slots=min(SLOTS, max(1, n * len(prompts))),
        capacity=min(longest + params.max_tokens, model.context_length),
    )
    engine = BatchEngine(decoder, model.tokenizer)
    replies: list[list[Reply]] = []
    for start in range(0, len(fitting), _CHUNK):
        chunk = fitting[start : start + _CHUNK]
        seeded = dataclasses.replace(params, seed=(params.seed or 0) + start)
        samples = engine.generate(chunk, seeded, n)
        replies += [
            [_reply(model, sample, params) for sample in samples[place : place + n]]
            for place in range(0, len(samples), n)
        ]
        done(len(chunk))
    return replies


def _reply(model: LikelihoodModel, sample: Sample, params: SamplingParams) -> Reply:
    text = model.tokenizer.decode(sample.tokens)
    cut = min((at for stop in params.stop if (at := text.find(stop)) >= 0), default=len(text))
    return Reply(text[:cut], len(sample.tokens), sample.finished)
