"""Prompts with and without examples, reasoning and the chat template."""

from __future__ import annotations

from chatapp.evaluation.likelihood import LikelihoodModel
from chatapp.evaluation.prompts import (
    STEP_BY_STEP,
    Example,
    Prompting,
    prompt_ids,
    worked,
)

EXAMPLES = tuple(Example(f"What is {n}?", str(n), f"It is {n}.") for n in range(20))


def test_examples_are_drawn_by_seed_and_question_and_never_show_the_answer() -> None:
    """The same question gets the same examples, another one others, and none gets itself."""
    prompting = Prompting(shots=3, examples=EXAMPLES, seed=1)
    drawn = prompting.drawn("a", "What is 5?")
    assert drawn == prompting.drawn("a", "What is 5?")
    assert drawn != prompting.drawn("b", "What is 6?")
    assert drawn != Prompting(shots=3, examples=EXAMPLES, seed=2).drawn("a", "What is 5?")
    questions = {e.question for n in range(50) for e in prompting.drawn(str(n), "What is 5?")}
    assert "What is 5?" not in questions
    assert len(questions) == len(EXAMPLES) - 1


def test_a_plain_prompt_ends_where_the_answer_begins(model: LikelihoodModel) -> None:
    """Examples are questions with answers; the last answer is left open."""
    ids = prompt_ids(model.tokenizer, Prompting(), [("One?", "1")], "Two?")
    assert ids[0] == model.tokenizer.end_of_text
    assert model.tokenizer.decode(ids) == "Question: One?\nAnswer: 1\n\nQuestion: Two?\nAnswer:"


def test_a_chat_prompt_is_the_chats_own(model: LikelihoodModel) -> None:
    """Examples are earlier turns; the opening of the answer stands in the assistant's turn."""
    ids = prompt_ids(model.tokenizer, Prompting(chat=True), [("One?", "1")], "Two?", "Well")
    turns = [("user", "One?"), ("assistant", "1"), ("user", "Two?")]
    assert ids == model.tokenizer.encode_prompt(turns, partial="Well")


def test_reasoning_is_shown_or_asked_for() -> None:
    """With examples their reasoning leads to the answer; without any the answer opens with it."""
    example = EXAMPLES[4]
    assert worked(example, cot=True) == "It is 4. So the answer is 4"
    assert worked(example, cot=False) == "4"
    assert Prompting(cot=True).opening() == STEP_BY_STEP
    assert Prompting(cot=True, shots=1, examples=EXAMPLES).opening() == ""
