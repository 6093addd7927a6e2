"""Each step of sampling does what its paper says."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from chatapp.inference.generator import SamplingParams
from chatapp.inference.sampler import Drawn, Sampler
from chatapp.inference.sampling import (
    candidates,
    child_seed,
    choose,
    draw,
    keep_top_p,
    penalise_repetition,
    uniforms,
)

PLAIN = SamplingParams(temperature=1.0, top_k=0, top_p=1.0, repetition_penalty=1.0)
HALF = torch.tensor([0.5], dtype=torch.float64)


def plain(**changes: object) -> SamplingParams:
    return SamplingParams(**{**vars(PLAIN), **changes})  # type: ignore[arg-type]


def test_the_penalty_lowers_seen_tokens_whatever_their_sign() -> None:
    logits, seen = torch.tensor([[2.0, -2.0, 1.0]]), torch.tensor([[True, True, False]])
    assert penalise_repetition(logits, seen, 2.0).tolist() == [[1.0, -4.0, 1.0]]


def test_top_k_keeps_the_k_largest() -> None:
    ids, _ = candidates(torch.tensor([[1.0, 4.0, 3.0, 2.0]]), plain(top_k=2))
    assert ids.tolist() == [[1, 2]]


def test_top_p_keeps_the_smallest_set_that_reaches_the_mass() -> None:
    probabilities = torch.tensor([0.5, 0.25, 0.15, 0.1])
    assert (keep_top_p(probabilities, 0.7) > 0).tolist() == [True, True, False, False]
    assert (keep_top_p(probabilities, 0.0) > 0).tolist() == [True, False, False, False]
    assert torch.equal(keep_top_p(probabilities, 1.1), probabilities)


def test_min_p_drops_what_is_too_unlikely_beside_the_likeliest() -> None:
    logits = torch.tensor([[0.1, 0.5, 0.15, 0.25]]).log()
    _, kept = candidates(logits, plain(min_p=0.45))
    assert (kept > 0).tolist() == [[False, True, False, True]]


def test_greedy_and_temperatures_near_zero_take_the_largest_and_of_equals_the_first() -> None:
    logits = torch.tensor([[0.0, 3.0, 1.0], [2.0, 5.0, 5.0]])
    for params in (plain(greedy=True), plain(temperature=0.0), plain(temperature=1e-320)):
        choice = choose(logits, params, HALF.expand(2))
        assert choice.tokens.tolist() == [1, 1]
        assert choice.log_weights.tolist() == [0.0, 0.0]


@given(st.floats(1e-9, 1 - 1e-9), st.integers(0, 2**32))
def test_only_what_is_allowed_is_ever_drawn(uniform: float, seed: int) -> None:
    """Also with nearly all mass on what is not."""
    rng = torch.Generator().manual_seed(seed)
    allowed = torch.rand(1, 9, generator=rng) < 0.3
    allowed[0, seed % 9] = True
    logits = torch.randn(1, 9, generator=rng) - 60.0 * allowed
    for params in (plain(), plain(top_k=5), plain(top_p=0.9), plain(greedy=True)):
        choice = choose(
            logits, params, torch.tensor([uniform], dtype=torch.float64), allowed=allowed
        )
        assert allowed[0, choice.tokens[0]]


def test_draws_follow_the_distribution() -> None:
    """20,000 draws match the softmax within four standard errors."""
    logits = torch.tensor([[0.0, 1.0, 2.0, -30.0]])
    n = 20_000
    uniform = uniforms(torch.tensor(5), torch.arange(n))
    tokens = choose(logits.expand(n, -1), PLAIN, uniform).tokens
    expected = torch.softmax(logits[0], dim=0)
    observed = torch.bincount(tokens, minlength=4) / n
    assert ((observed - expected).abs() <= 4 * (expected * (1 - expected) / n).sqrt()).all()


def test_the_reported_weight_is_that_of_the_cut_and_tempered_distribution() -> None:
    logits = torch.tensor([[0.0, 2.0, 1.0, -1.0]])
    choice = choose(logits, plain(temperature=0.5, top_k=2), HALF)
    kept = torch.log_softmax(torch.tensor([4.0, 2.0]), dim=0)
    assert choice.tokens.tolist() == [1]
    torch.testing.assert_close(choice.log_weights, kept[:1])


def test_a_draw_never_lands_where_there_is_no_weight() -> None:
    weights = torch.tensor([[0.0, 0.5, 0.0, 0.5, 0.0]]).expand(5, -1)
    uniform = torch.tensor([1e-17, 0.4999999, 0.5, 0.75, 1 - 1e-16], dtype=torch.float64)
    assert draw(weights, uniform).flatten().tolist() == [1, 1, 3, 3, 3]


def test_the_numbers_are_uniform_and_differ_by_seed_and_step() -> None:
    """A histogram of 2^17 numbers is flat (chi-square), neighbours do not correlate."""
    numbers = uniforms(torch.arange(512)[:, None], torch.arange(256))
    assert len(numbers.unique()) == numbers.numel()
    counts = torch.histc(numbers.float(), bins=128, min=0, max=1)
    expected = numbers.numel() / 128
    chi_square = ((counts - expected) ** 2 / expected).sum()
    assert 70 < float(chi_square) < 200  # 127 degrees of freedom, beyond four sigma on each side
    for along in (0, 1):
        first = numbers.narrow(along, 0, numbers.shape[along] - 1).flatten()
        second = numbers.narrow(along, 1, numbers.shape[along] - 1).flatten()
        correlation = torch.corrcoef(torch.stack((first, second)))[0, 1]
        assert abs(float(correlation)) < 4 / numbers.numel() ** 0.5


def test_samples_have_seeds_of_their_own_and_the_first_that_of_the_request() -> None:
    seeds = {child_seed(7, prompt, sample) for prompt in range(50) for sample in range(50)}
    assert len(seeds) == 2500
    assert child_seed(7, 0, 0) == 7


class Silent(Sampler):
    """Says nothing of what it chose: on the meta device there is nothing to read."""

    def _describe(self, logits: Tensor, tokens: Tensor, log_weights: Tensor) -> list[Drawn]:
        assert tokens.device == log_weights.device == logits.device
        return [Drawn(0, 0.0, 0.0) for _ in tokens]


@pytest.mark.parametrize(
    "params",
    [
        SamplingParams(),
        plain(presence_penalty=0.5, logit_bias=((1, 2.0), (3, -1.0))),
        plain(frequency_penalty=0.5, greedy=True),
    ],
)
def test_what_was_said_is_kept_where_the_logits_are(params: SamplingParams) -> None:
    """The meta device refuses tensors of the CPU as a GPU does."""
    sampler = Silent(params, rows=3)
    for row in (0, 2):
        sampler.start(row, seed=row)
    for rows in ([0, 2], [2], [0, 2]):
        sampler.next(rows, torch.zeros(len(rows), 20, device="meta"))
    sampler.start(0, seed=5)
    sampler.next([0], torch.zeros(1, 20, device="meta"))
