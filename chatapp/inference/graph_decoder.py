"""The decoder of a GPU: a `TorchDecoder` that can also sample without the host.

It has not been run on a GPU where it was written; `benchmarks/gpu_decode.py` checks it against the
plain decoder and times it wherever one is at hand.
"""

from __future__ import annotations

from collections.abc import Collection

import torch

from chatapp.inference.generator import SamplingParams
from chatapp.inference.sampling_loop import SamplingLoop
from chatapp.inference.torch_decoder import TorchDecoder
from chatapp.model.gpt import GPT
from chatapp.model.int8 import make_float
from chatapp.model.layouts.shapes import DEFAULT_SLACK

_KEPT = 4  # ways of sampling whose graphs are kept


class GraphDecoder(TorchDecoder):
    """See `TorchDecoder`; `loop` is what a graph makes fast, reading and stepping stay as there.

    A graph reads the weights where they lay when it was captured: they may be trained in place.
    """

    def __init__(
        self,
        model: GPT,
        *,
        slots: int = 1,
        capacity: int | None = None,
        slack: int = DEFAULT_SLACK,
    ) -> None:
        super().__init__(model, slots=slots, capacity=capacity, slack=slack, spare=1)
        self._loops: dict[tuple[object, ...], SamplingLoop] = {}

    def loop(self, params: SamplingParams, ends: Collection[int]) -> SamplingLoop:
        """Return a loop for this way of sampling, with all slots silent; captured at first use."""
        key = (
            params.greedy, params.temperature, params.top_k, params.top_p, params.min_p,
            params.repetition_penalty, frozenset(ends),
        )  # fmt: skip
        if key not in self._loops:
            while len(self._loops) >= _KEPT:
                del self._loops[next(iter(self._loops))]
            self._loops[key] = SamplingLoop(self._model, self._caches, params, sorted(ends))
        loop = self._loops[key]
        loop.reset()
        return loop

    @staticmethod
    def serves(params: SamplingParams) -> bool:
        """Say whether a loop can sample so: masks, alternatives, rare penalties need the host."""
        shifted = params.presence_penalty or params.frequency_penalty or params.logit_bias
        return params.constraint is None and not params.logprobs and not shifted


def on_gpu(model: GPT, *, slots: int) -> GraphDecoder:
    """Move a model to the GPU in bfloat16, with exact rotary tables, and return its decoder.

    One of int8 weights is made float first: CUDA multiplies no single rows in int8, and scales
    must not be rounded apart from their weights.
    """
    make_float(model)
    model = model.to("cuda", torch.bfloat16)
    model.reset_rotary_tables()
    return GraphDecoder(model, slots=slots)
