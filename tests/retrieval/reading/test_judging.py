"""Two judgements about sentences: which one it would be, and whether it is there at all."""

from __future__ import annotations

import pytest

from retrieval.question import AnswerKind
from retrieval.reading.judging import Said, probabilities
from retrieval.support import Features

PLAIN = Features(*[0.3] * len(Features._fields))
BEST = Said(span=0.4, best=1.0, lead=0.0, relevance=0.4, agreement=0.0, answered=0.4)
OTHER = BEST._replace(span=-0.2, best=0.0, lead=-0.6)


def scores(*heard: Said, features: Features = PLAIN) -> list[float]:
    return list(probabilities([(features, one) for one in heard], AnswerKind.OTHER))


def test_the_sentence_that_the_reader_points_at_stands_first() -> None:
    """Rules alike, the span decides; every score is a probability."""
    best, other = scores(BEST, OTHER)
    assert 0 < other < best < 1


@pytest.mark.parametrize("field", ["answered", "relevance"])
def test_doubt_about_the_passages_lowers_every_sentence_and_keeps_their_order(field: str) -> None:
    """Whether there is an answer is asked of the passages, not of one sentence."""
    sure = scores(BEST, OTHER)
    unsure = scores(BEST._replace(**{field: -0.8}), OTHER._replace(**{field: -0.8}))
    assert unsure[0] < sure[0]
    assert unsure[1] < sure[1]
    assert unsure[0] > unsure[1]


def test_a_passage_that_answers_lends_doubt_to_none_of_the_others() -> None:
    """More passages that answer never make the best sentence less likely."""
    alone = scores(BEST)
    beside = scores(BEST, OTHER._replace(answered=0.9, relevance=0.9))
    assert beside[0] >= alone[0] - 1e-9


def test_how_questions_rest_on_the_rules_more_than_others() -> None:
    """The reader has learnt next to nothing of instructions, so it may not veto them."""
    doubted = BEST._replace(span=-1.0, answered=-1.0, relevance=-1.0)
    matching = Features(**dict.fromkeys(Features._fields, 0.9) | {"novelty": 0.3})
    [asked] = probabilities([(matching, doubted)], AnswerKind.MANNER)
    [other] = probabilities([(matching, doubted)], AnswerKind.OTHER)
    assert asked > other


def test_nothing_to_judge_gives_nothing() -> None:
    """No sentence, no score."""
    assert list(probabilities([], AnswerKind.OTHER)) == []
