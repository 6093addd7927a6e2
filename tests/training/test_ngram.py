"""The Kneser-Ney baseline is a probability distribution and equals a plain-Python one."""

from __future__ import annotations

from collections import Counter, defaultdict

import numpy as np
import pytest

from chatapp.training.ngram import NgramModel

VOCABULARY = 6


def text(length: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    steps = rng.choice([0, 1, 1, 2, 5], size=length)
    return (np.cumsum(steps) % VOCABULARY).astype(np.uint16)


def slow_probability(train: list[int], history: tuple[int, ...], token: int, order: int) -> float:
    """Interpolated Kneser-Ney by dictionaries, straight from the definition."""
    probability = 1.0 / VOCABULARY
    for n in range(1, order + 1):
        context = history[len(history) - (n - 1) :] if n > 1 else ()
        if len(context) < n - 1:
            break
        counts: dict[tuple[int, ...], Counter[int]] = defaultdict(Counter)
        if n == order:
            for i in range(len(train) - n + 1):
                counts[tuple(train[i : i + n - 1])][train[i + n - 1]] += 1
        else:
            for gram in {tuple(train[i : i + n + 1]) for i in range(len(train) - n)}:
                counts[gram[1:-1]][gram[-1]] += 1
        seen = counts[context]
        total = sum(seen.values())
        if total == 0:
            continue
        backoff = 0.75 * len(seen) / total
        probability = max(seen[token] - 0.75, 0) / total + backoff * probability
    return probability


@pytest.mark.parametrize("order", [1, 2, 3, 5])
def test_probabilities_equal_the_definition(order: int) -> None:
    train, test = text(200, 0), text(40, 1)
    fast = 2 ** NgramModel(train, order=order, vocab_size=VOCABULARY).log2_probabilities(test)
    for i, token in enumerate(test.tolist()):
        history = tuple(test[max(0, i - order + 1) : i].tolist())
        assert fast[i] == pytest.approx(slow_probability(train.tolist(), history, token, order))


def test_probabilities_of_all_next_tokens_add_up_to_one() -> None:
    model = NgramModel(text(300, 0), order=4, vocab_size=VOCABULARY)
    history = text(10, 2)
    total = sum(
        2 ** model.log2_probabilities(np.append(history, np.uint16(token)))[-1]
        for token in range(VOCABULARY)
    )
    assert total == pytest.approx(1.0)


def test_longer_histories_predict_a_periodic_text_better() -> None:
    period = np.array([0, 1, 0, 2, 0, 3] * 50, dtype=np.uint16)
    scores = [
        NgramModel(period, order=n, vocab_size=VOCABULARY).log2_probabilities(period)[10:].mean()
        for n in (1, 2, 3)
    ]
    assert scores == sorted(scores)
    assert scores[2] > scores[0] + 1
