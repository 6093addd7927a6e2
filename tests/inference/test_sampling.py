"""Each step of sampling does what its paper says."""

from __future__ import annotations

import torch

from chatapp.inference.generator import SamplingParams
from chatapp.inference.sampling import choose, keep_top_k, keep_top_p, penalise_repetition

NONE_SEEN = torch.tensor([], dtype=torch.int64)


def test_the_penalty_lowers_seen_tokens_whatever_their_sign() -> None:
    logits = torch.tensor([2.0, -2.0, 1.0])
    penalised = penalise_repetition(logits, torch.tensor([0, 1, 1]), 2.0)
    assert penalised.tolist() == [1.0, -4.0, 1.0]


def test_top_k_keeps_the_k_largest() -> None:
    kept = keep_top_k(torch.tensor([1.0, 4.0, 3.0, 2.0]), 2)
    assert kept.isfinite().tolist() == [False, True, True, False]


def test_top_p_keeps_the_smallest_set_that_reaches_the_mass() -> None:
    probabilities = torch.tensor([0.1, 0.5, 0.15, 0.25])
    assert (keep_top_p(probabilities, 0.7) > 0).tolist() == [False, True, False, True]
    assert (keep_top_p(probabilities, 0.0001) > 0).tolist() == [False, True, False, False]
    assert torch.equal(keep_top_p(probabilities, 1.0), probabilities)


def test_greedy_and_temperature_zero_take_the_largest() -> None:
    logits, rng = torch.tensor([0.0, 3.0, 1.0]), torch.Generator()
    assert choose(logits, NONE_SEEN, SamplingParams(greedy=True), rng) == 1
    assert choose(logits, NONE_SEEN, SamplingParams(temperature=0.0), rng) == 1


def test_draws_follow_the_distribution() -> None:
    """5,000 draws at temperature 1 match the softmax within four standard errors."""
    logits, rng = torch.tensor([0.0, 1.0, 2.0]), torch.Generator().manual_seed(0)
    params = SamplingParams(temperature=1.0, top_k=0, top_p=1.0, repetition_penalty=1.0)
    draws = torch.tensor([choose(logits, NONE_SEEN, params, rng) for _ in range(5000)])
    expected = torch.softmax(logits, dim=0)
    observed = torch.bincount(draws, minlength=3) / 5000
    assert ((observed - expected).abs() < 4 * (expected * (1 - expected) / 5000).sqrt()).all()
