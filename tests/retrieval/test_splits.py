"""The division of questions into those to learn from and those to measure on."""

from __future__ import annotations

from retrieval.splits import part_of


def test_a_question_keeps_its_part_however_it_is_written() -> None:
    """Case and spaces do not move a question to the other side."""
    assert part_of("Who painted  the Mona Lisa?") == part_of("who painted the mona lisa?")


def test_all_questions_on_one_article_fall_on_one_side() -> None:
    """What was learnt from an article is not measured on it, in whatever file it stands."""
    parts = {
        part_of(f"Question {n}?", title=title, context="Some text.")
        for n in range(200)
        for title in ("Super_Bowl_50", "Super Bowl 50")
    }
    assert len(parts) == 1


def test_a_category_without_a_context_decides_nothing() -> None:
    """Trivia under one heading are spread over both parts, about six in ten to learn from."""
    parts = [part_of(f"Question {n}?", title="history") for n in range(2000)]
    assert 0.55 < parts.count("learn") / 2000 < 0.65


def test_the_division_is_pinned() -> None:
    """Figures of one version compare with those of the next only while these stay."""
    names = ["Nikola_Tesla", "Super_Bowl_50", "Warsaw", "Normans", "Oxygen", "Huguenot"]
    parts = "".join(part_of("", title=name, context="x")[0] for name in names)
    assert parts == "mlmmll"
