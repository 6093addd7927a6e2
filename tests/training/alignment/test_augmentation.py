"""Augmentation changes what the user says, the same way every time, and nothing else."""

from __future__ import annotations

import random

import pytest

from chatapp.training.augmentation import (
    Augmentation,
    lose_case,
    lose_punctuation,
    paraphrase_question,
    shuffle_passages,
    swap_letters,
)
from chatapp.training.recipe import RecipeError
from chatapp.training.records import ChatRecord

RECORD = ChatRecord("r1", (("user", "What is a fjord?"), ("assistant", "A sea inlet.")))


def test_the_first_repetition_is_the_record_itself() -> None:
    augmentation = Augmentation(noise=1.0, paraphrase=1.0, shuffle=1.0)
    assert augmentation.apply(RECORD, seed=1, repetition=0) is RECORD


def test_a_repetition_is_worded_otherwise_and_repeats_exactly() -> None:
    """The answer is untouched; seed, id and repetition decide alone."""
    augmentation = Augmentation(paraphrase=1.0)
    seen = {augmentation.apply(RECORD, seed=1, repetition=n).messages[0][1] for n in range(1, 9)}
    assert len(seen) > 2
    again = [augmentation.apply(RECORD, seed=1, repetition=3) for _ in range(2)]
    assert again[0] == again[1]
    assert again[0].messages[1] == RECORD.messages[1]
    assert "fjord?" in again[0].messages[0][1]


def test_no_share_changes_nothing() -> None:
    assert Augmentation().apply(RECORD, seed=1, repetition=5) == RECORD


def test_only_a_single_question_is_paraphrased() -> None:
    """Statements, two questions and texts with one stay as they are; names keep capitals."""
    rng = random.Random(1)
    for text in ("Tell me more.", "Who? When?", "A text.\nWhat is it?"):
        assert paraphrase_question(text, rng) == text
    for _ in range(20):
        assert "Paris is" in paraphrase_question("Paris is where?", rng)


def test_passages_are_reordered_between_instruction_and_question() -> None:
    text = "Read.\n\none\n\ntwo\n\nthree\n\nWhich is it?"
    seen = {shuffle_passages(text, random.Random(seed)) for seed in range(20)}
    assert len(seen) > 2
    for changed in seen:
        paragraphs = changed.split("\n\n")
        assert (paragraphs[0], paragraphs[-1]) == ("Read.", "Which is it?")
        assert sorted(paragraphs[1:-1]) == ["one", "three", "two"]
    assert shuffle_passages("Just one line", random.Random(1)) == "Just one line"


def test_noise_is_what_people_type() -> None:
    rng = random.Random(3)
    assert lose_case("Where is Oslo?", rng) == "where is oslo?"
    assert lose_punctuation("Where is Oslo? ", rng) == "Where is Oslo"
    swapped = swap_letters("Where is Norway?", rng)
    assert sorted(swapped) == sorted("Where is Norway?")
    assert swapped != "Where is Norway?"
    assert swap_letters("A B", rng) == "A B"


def test_a_share_outside_0_to_1_is_refused() -> None:
    with pytest.raises(RecipeError, match=r"augment\.noise is a share"):
        Augmentation(noise=2.0)
