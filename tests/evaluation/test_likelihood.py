"""Likelihoods against the model read one token at a time, whatever the batching does."""

from __future__ import annotations

import math
from itertools import accumulate

import pytest
import torch

from chatapp.evaluation.likelihood import LikelihoodModel, Request
from chatapp.evaluation.records import DataError


def token_by_token(model: LikelihoodModel, request: Request) -> float:
    """Return the log-probability as plain as it can be computed."""
    total = 0.0
    for place in range(request.start, len(request.ids)):
        with torch.inference_mode():
            logits = model.model(torch.tensor([request.ids[:place]]))[0, -1]
        total += float(torch.log_softmax(logits.double(), -1)[request.ids[place]])
    return total


def test_a_batch_of_unequal_lengths_scores_as_one_by_one(model: LikelihoodModel) -> None:
    """Padding, batching and gathering change no value and no order."""
    words = ["Hello,", " how", " are", " you", " today?", " I am well."]
    requests = [model.request(text, " there") for text in accumulate(words)]
    done: list[int] = []
    scores = model.score(requests, done.append)
    assert sum(done) == len(requests)
    for request, scored in zip(requests, scores, strict=True):
        assert math.isclose(scored.log_prob, token_by_token(model, request), abs_tol=1e-4)
        assert scored.tokens == len(request.ids) - request.start


def test_the_greedy_flag_means_that_every_token_was_the_likeliest(model: LikelihoodModel) -> None:
    """Following the model's own first choices is greedy; leaving them once is not."""
    ids = [model.tokenizer.end_of_text, *model.tokenizer.encode("Hello")]
    start = len(ids)
    with torch.inference_mode():
        for _ in range(4):
            ids.append(int(model.model(torch.tensor([ids]))[0, -1].argmax()))
    strayed = [*ids[:-1], (ids[-1] + 1) % model.tokenizer.vocab_size]
    own, other = model.score([model.fit(ids, start), model.fit(strayed, start)], lambda n: None)
    assert (own.greedy, other.greedy) == (True, False)


def test_text_is_tokenised_together(model: LikelihoodModel) -> None:
    """What is scored are the tokens of the whole, so that no impossible split is rated."""
    request = model.request("un", "believable")
    whole = model.tokenizer.encode("unbelievable")
    assert request.ids[1:] == tuple(whole)
    assert model.tokenizer.decode(request.ids[request.start :]).endswith("believable")


def test_a_long_text_loses_its_beginning_and_is_counted(model: LikelihoodModel) -> None:
    """The scored part always stays; the model reads the nearest tokens before it."""
    fresh = LikelihoodModel(model.model, model.tokenizer)
    request = fresh.request("word " * 2000, "end")
    assert len(request.ids) == fresh.context_length + 1
    assert fresh.tokenizer.decode(request.ids[request.start :]).strip() == "end"
    assert fresh.truncated == 1
    with pytest.raises(DataError, match="are to be scored"):
        fresh.request("a ", "word " * 2000)
