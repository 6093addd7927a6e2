"""Packing throws no token away, and a batch depends on its step alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from chatapp.training.objectives import IGNORED
from chatapp.training.recipe import RecipeError
from chatapp.training.shards import PackedBatches, Shard, ShardWriter, is_validation


def shard_of(lengths: list[int], *, trained: bool = False) -> Shard:
    writer, token = ShardWriter(), 0
    for length in lengths:
        ids = list(range(token, token + length))
        writer.add(ids, length, [i % 2 == 0 for i in ids] if trained else None)
        token += length
    return writer.finish()


@settings(deadline=None)
@given(st.lists(st.integers(1, 40), min_size=1, max_size=12), st.integers(2, 9))
def test_an_epoch_shows_every_token_once_but_the_last_few(
    lengths: list[int], sequence: int
) -> None:
    shard = shard_of(lengths)
    count = (sum(lengths) - 1) // sequence
    if count == 0:
        return
    batches = PackedBatches(shard, sequence=sequence, batch=1, seed=0)
    shown = torch.cat([batches.batch(step).inputs.flatten() for step in range(count)])
    assert len(set(shown.tolist())) == len(shown) == count * sequence
    assert sum(lengths) - len(shown) <= sequence


def test_targets_are_the_inputs_one_later_within_and_across_documents() -> None:
    batch = PackedBatches(shard_of([7, 5, 9]), sequence=20, batch=1, seed=1).batch(0)
    assert torch.equal(batch.inputs[0, 1:], batch.targets[0, :-1])


def test_each_epoch_has_its_own_order_and_the_same_seed_the_same() -> None:
    def order(seed: int, epoch: int) -> list[int]:
        return (
            PackedBatches(shard_of([5] * 30), sequence=149, batch=1, seed=seed)
            .batch(epoch)
            .inputs[0]
            .tolist()
        )

    assert order(1, 0) == order(1, 0)
    assert order(1, 0) != order(1, 1)
    assert order(1, 0) != order(2, 0)


def test_a_batch_does_not_depend_on_the_batches_before_it() -> None:
    lengths = [11, 3, 8, 20, 5]
    walked = PackedBatches(shard_of(lengths), sequence=6, batch=2, seed=4)
    for step in range(20):
        expected = PackedBatches(shard_of(lengths), sequence=6, batch=2, seed=4).batch(step)
        assert torch.equal(walked.batch(step).inputs, expected.inputs)


def test_untrained_tokens_are_no_targets() -> None:
    batch = PackedBatches(shard_of([30], trained=True), sequence=20, batch=1, seed=0).batch(0)
    odd = batch.inputs % 2 == 0  # the target of an even token is odd, and odd ones are untrained
    assert (batch.targets[odd] == IGNORED).all()
    assert (batch.targets[~odd] == batch.inputs[~odd] + 1).all()


def test_a_shard_comes_back_from_disk(tmp_path: Path) -> None:
    shard = shard_of([4, 6], trained=True)
    assert Shard.load(tmp_path, "this tokenizer") is None
    shard.save(tmp_path, "this tokenizer")
    loaded = Shard.load(tmp_path, "this tokenizer")
    assert loaded is not None
    assert np.array_equal(loaded.tokens, shard.tokens)
    assert np.array_equal(loaded.offsets, shard.offsets)
    assert loaded.trained is not None


def test_too_little_data_says_how_much_is_needed() -> None:
    with pytest.raises(ValueError, match="3 tokens, one sequence needs 9"):
        PackedBatches(shard_of([3]), sequence=8, batch=1, seed=0)


def test_the_validation_split_is_pinned_by_the_id() -> None:
    """These documents are held out at one per cent, now and in every later release."""
    held_out = [i for i in range(1000) if is_validation(f"doc-{i}", 10)]
    assert held_out == [47, 219, 294, 437, 525, 756, 819, 924]


def test_a_larger_validation_share_only_adds_documents() -> None:
    small = {i for i in range(1000) if is_validation(f"doc-{i}", 10)}
    assert small < {i for i in range(1000) if is_validation(f"doc-{i}", 50)}


def test_a_shard_of_another_tokenizer_is_refused(tmp_path: Path) -> None:
    """Its tokens would be read as other words; the message says what to restore or delete."""
    shard_of([4, 6]).save(tmp_path / "shards" / "x", "one tokenizer")
    with pytest.raises(RecipeError, match=r"made with another tokenizer .* or delete .*shards"):
        Shard.load(tmp_path / "shards" / "x", "another")
