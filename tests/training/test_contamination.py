"""Evaluation records that stand in the training text are named, with where they were found."""

from __future__ import annotations

from chatapp.training.contamination import check
from chatapp.training.readers import Row

SENTENCE = "the quick brown fox jumps over the lazy dog while seven wizards mix their magic potions"


def rows(*texts: str, field: str = "text") -> list[Row]:
    return [Row(f"f:{i}", {"id": f"{field}{i}", field: text}, 0) for i, text in enumerate(texts)]


def test_a_question_that_stands_in_the_training_text_is_flagged() -> None:
    """Case, punctuation and what is around it do not matter; other questions are not flagged."""
    asked = rows(
        SENTENCE.title() + "?",
        "which of these words has never been written down in any of the other texts here",
        field="question",
    )
    report = check(asked, rows("Nothing here.", f"And so {SENTENCE.upper()}... it ended."))
    assert [(one.id, one.overlap, one.found_in) for one in report.flagged] == [
        ("question0", {"question": 1.0}, ("text1",))
    ]
    assert (report.records, report.too_short, report.documents) == (2, 0, 2)
    assert report.to_dict()["rate"] == 0.5


def test_thirteen_words_in_a_row_are_needed() -> None:
    asked = rows(SENTENCE, field="question")
    words = SENTENCE.split()
    assert not check(asked, rows(" ".join(words[:12]))).flagged
    (flagged,) = check(asked, rows(" ".join(words[:13]))).flagged
    assert flagged.overlap == {"question": 0.25}  # one of its four runs


def test_a_shorter_text_is_looked_for_whole_and_the_shortest_are_not_judged() -> None:
    asked = rows("who has ever seen nine green ducks dance", "who was it", field="question")
    report = check(asked, rows("Who has ever seen nine green ducks dance? Who was it?"))
    assert [one.id for one in report.flagged] == ["question0"]
    assert report.too_short == 1


def test_a_phrase_of_many_documents_is_no_sign() -> None:
    asked = rows(SENTENCE, field="question")
    many = rows(*[f"{SENTENCE} {i}" for i in range(11)])
    report = check(asked, many)
    assert not report.flagged
    assert report.stock_phrases == 4
    assert len(check(asked, many[:10]).flagged) == 1


def test_every_text_of_a_record_counts_in_any_schema() -> None:
    """Context, choices, solutions and messages are looked for, each under its name."""
    fields = {
        "id": "x",
        "question": "why",
        "context": SENTENCE,
        "choices": ["no", SENTENCE],
        "messages": [{"role": "user", "content": SENTENCE}],
    }
    training = [Row("g:0", {"messages": [{"role": "assistant", "content": SENTENCE}]}, 0)]
    (flagged,) = check([Row("e:0", fields, 0)], training).flagged
    assert flagged.overlap == {"context": 1.0, "choices": 1.0, "messages": 1.0}
    assert flagged.found_in == ("g:0",)
