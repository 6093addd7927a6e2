"""Answers as rows, GPT-1's input transformations, and comparisons gathered by prompt."""

from __future__ import annotations

import pytest
import torch

from chatapp.model.gpt import GPT
from chatapp.model.tokenizer import ChatTokenizer
from chatapp.training.answers import answer_mask, encode_answer, pad_rows, score_answers
from chatapp.training.heads.inputs import TaskExample, task_rows
from chatapp.training.heads.model import HeadedGPT
from chatapp.training.records import RatingRecord
from chatapp.training.reward.comparisons import Comparison, compare_ratings, rank, shuffle_labels

ASK = (("user", "What is this?"),)


def test_an_answer_ends_with_the_end_of_turn_and_not_with_padding(
    tokenizer: ChatTokenizer,
) -> None:
    answer = encode_answer(tokenizer, ASK, " It is a test. ")
    assert answer.ids[-1] == tokenizer.end_of_turn != tokenizer.padding
    assert tokenizer.decode(answer.ids[answer.prompt :]) == "It is a test."


def test_scores_of_a_row_do_not_depend_on_its_neighbours(
    gpt: GPT, tokenizer: ChatTokenizer
) -> None:
    """Right padding and batching leave log-probabilities as a plain softmax gives them."""
    answers = [encode_answer(tokenizer, ASK, text) for text in ("It is.", "It is a small test.")]
    rows = pad_rows(answers, tokenizer.padding)
    scores = score_answers(gpt, rows)
    for row, answer in enumerate(answers):
        ids = torch.tensor([answer.ids])
        plain = gpt(ids).log_softmax(-1)[0, :-1].gather(1, ids[0, 1:, None])[:, 0]
        count = len(answer.ids) - 1
        inside = torch.arange(count) >= answer.prompt - 1
        assert torch.allclose(scores.logprobs[row, :count][inside], plain[inside], atol=1e-5)
        assert answer_mask(rows)[row].sum() == inside.sum()
    assert (scores.logprobs[~answer_mask(rows)] == 0).all()
    assert scores.entropy.max() <= torch.tensor(float(gpt.config.vocab_size)).log() + 1e-5


def test_selected_rows_lose_columns_nobody_needs(tokenizer: ChatTokenizer) -> None:
    answers = [encode_answer(tokenizer, ASK, text) for text in ("It", "It is a small small test")]
    rows = pad_rows(answers, tokenizer.padding).select(torch.tensor([0]))
    assert rows.tokens.tolist() == [list(answers[0].ids)]


@pytest.mark.parametrize(
    ("task", "others", "count"),
    [
        ("classification", (), 1),
        ("entailment", ("It is small",), 1),
        ("paraphrase", ("It is small",), 2),
        ("choice", ("words", "tests", "this"), 3),
    ],
)
def test_tasks_become_sequences_as_gpt_1_laid_them_out(
    tokenizer: ChatTokenizer, task: str, others: tuple[str, ...], count: int
) -> None:
    """start, first, delimiter, second, extract; a paraphrase in both orders; one row a choice."""
    example = TaskExample("x", "a test", others, 0)
    found = task_rows(tokenizer, task, example, 64)
    assert len(found.rows) == count
    extract, first = tokenizer.role_token("assistant"), tokenizer.encode("a test")
    for row in found.rows:
        assert (row[0], row[-1]) == (tokenizer.end_of_text, extract)
        assert row.count(tokenizer.end_of_turn) == (0 if task == "classification" else 1)
    if task == "paraphrase":
        second = tokenizer.encode("It is small")
        assert list(found.rows[1][1:-1]) == [*second, tokenizer.end_of_turn, *first]
    else:
        assert list(found.rows[0][1 : 1 + len(first)]) == first


def test_a_long_premise_loses_its_beginning_and_never_the_hypothesis(
    tokenizer: ChatTokenizer,
) -> None:
    example = TaskExample("x", "this is a test " * 30 + "word", ("It is small",), 1)
    (row,) = task_rows(tokenizer, "entailment", example, 24).rows
    assert len(row) == 24
    text = tokenizer.decode(row)
    assert text.endswith("wordIt is small")


def test_a_head_reads_the_place_it_is_told(gpt: GPT) -> None:
    """What follows the last token of a row, padding that is, changes nothing."""
    headed = HeadedGPT(gpt, 2)
    headed.initialise(torch.Generator().manual_seed(1))
    tokens = torch.arange(24).view(2, 12) + 20
    last = torch.tensor([5, 11])
    padded = tokens.clone()
    padded[0, 6:] = 2
    assert torch.allclose(headed.at(padded, last), headed.at(tokens, last), atol=1e-6)
    assert torch.allclose(
        headed.at(tokens, last), headed.everywhere(tokens)[[0, 1], last], atol=1e-6
    )


def rating(answer: str, reward: float) -> RatingRecord:
    return RatingRecord(answer, ASK, answer, reward)


def test_ratings_become_graded_pairs_of_the_same_prompt() -> None:
    """Every better answer against every worse one; equal grades say nothing."""
    ratings = [rating("a", 1.0), rating("b", 0.5), rating("c", 0.5)]
    pairs = compare_ratings(ratings, "r", answers=8, seed=1)
    assert {(p.better, p.worse, p.margin) for p in pairs} == {("a", "b", 0.5), ("a", "c", 0.5)}


def test_many_answers_are_dealt_into_hands(tokenizer: ChatTokenizer) -> None:
    """20 answers of two grades in hands of 4 give at most 4 pairs a hand, not 100."""
    ratings = [rating(str(number), float(number % 2)) for number in range(20)]
    assert len(compare_ratings(ratings, "r", answers=4, seed=1)) <= 5 * 4


def compare(better: str, worse: str, ask: str = "Why?", source: str = "s") -> Comparison:
    return Comparison((("user", ask),), better, worse, source)


def test_all_comparisons_of_a_prompt_stay_in_one_group() -> None:
    """Answers shared by pairs are there once; a second prompt and a full group start anew."""
    found = rank(
        [
            compare("a", "b"),
            compare("x", "y", ask="When?"),
            compare("b", "c"),
            compare("a", "c"),
            compare("d", "e"),
        ],
        answers=3,
    )
    assert [group.answers for group in found] == [("a", "b", "c"), ("d", "e"), ("x", "y")]
    assert found[0].pairs == ((0, 1, 0.0), (1, 2, 0.0), (0, 2, 0.0))
    assert found[0].key == found[1].key != found[2].key


def test_the_split_is_made_by_prompt() -> None:
    """Two sources with the same prompt fall on the same side, and in the same half."""
    one, other = rank([compare("a", "b"), compare("c", "d", source="t")], answers=4)
    assert one.source != other.source
    for permille in range(0, 1001, 100):
        assert one.held_out(permille) == other.held_out(permille)
    assert one.half() == other.half()


def test_shuffled_labels_turn_half_of_the_pairs() -> None:
    """The control keeps prompts and answers, and repeats exactly."""
    prompts = rank([compare("a", "b", ask=f"{n}?") for n in range(400)], answers=2)
    shuffled = shuffle_labels(prompts, seed=3)
    turned = sum(p.pairs != q.pairs for p, q in zip(prompts, shuffled, strict=True))
    assert 160 < turned < 240
    assert shuffle_labels(prompts, seed=3) == shuffled
    assert [p.answers for p in prompts] == [p.answers for p in shuffled]
