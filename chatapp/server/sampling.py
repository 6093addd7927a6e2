"""How a request wants its tokens chosen, as the engine's parameters."""

from __future__ import annotations

import dataclasses
from typing import Any

from chatapp.inference.generator import SamplingParams
from chatapp.server.errors import ApiError

# Named as the engine names them; what a request leaves out is the server's own setting.
_SAME = (
    "temperature",
    "top_p",
    "top_k",
    "min_p",
    "repetition_penalty",
    "presence_penalty",
    "frequency_penalty",
    "seed",
)


def sampling_params(
    body: dict[str, Any], defaults: SamplingParams, vocab_size: int
) -> SamplingParams:
    """Return the parameters of a checked request.

    Raises:
        ApiError: a token id of `logit_bias` that the model does not have.
    """
    given = {name: body[name] for name in _SAME if name in body}
    longest = body.get("max_completion_tokens") or body.get("max_tokens")
    return dataclasses.replace(
        defaults,
        **given,
        max_tokens=int(longest or defaults.max_tokens),
        stop=_stop(body.get("stop")),
        logit_bias=_bias(body.get("logit_bias") or {}, vocab_size),
    )


def _stop(value: str | list[str] | None) -> tuple[str, ...]:
    texts = [value] if isinstance(value, str) else value or []
    return tuple(text for text in texts if text)


def _bias(value: dict[str, float], vocab_size: int) -> tuple[tuple[int, float], ...]:
    bias = []
    for name, add in value.items():
        if not (name.isascii() and name.isdigit() and int(name) < vocab_size):
            raise ApiError(
                400,
                f"logit_bias: {name[:40]!r} is no token id below {vocab_size}",
                code="invalid_request",
                param="logit_bias",
            )
        bias.append((int(name), float(add)))
    return tuple(sorted(bias))
