"""Counts of whole things: rounded as the question wants it, or not answered."""

from __future__ import annotations

from fractions import Fraction

import pytest

from chatapp.solving import Solution
from chatapp.solving.wholes import whole
from tools.calculator import calculate


def _solution(expression: str) -> Solution:
    answer = calculate(expression)
    assert isinstance(answer, Fraction)
    return Solution((f"a ÷ b = {answer}",), expression, answer, 0.9)


@pytest.mark.parametrize(
    ("problem", "expression", "answer"),
    [
        (
            "A skein is 210 metres, I need 1300. How many skeins must I get?",
            "1300/210",
            7,
        ),
        ("We've 118 guests and round tables for 8. how many tables do we need", "118/8", 15),
        ("A box holds 12 eggs. How many boxes do I have to buy for 30 eggs?", "30/12", 3),
        ("A van takes 9. How many trips will it take for 40 people?", "40/9", 5),
        ("A shelf is 38 cm, the board 240 cm. How many whole shelves do I get?", "240/38", 6),
        ("Tickets are 8 euros. How many tickets can I buy for 50?", "50/8", 6),
        ("How many boxes of 6 can be filled with 20 eggs?", "20/6", 3),
        ("A box holds 6 eggs. How many boxes do I need for 42 eggs?", "42/6", 7),
        ("130 chairs in rows of 12, how many rows do I need to fit them all?", "130/12", 11),
        ("The bike costs 340, I save 25 a week. After how many weeks can I buy it?", "340/25", 14),
        ("14 pages a night, 200 in all. How many nights until she has read it?", "200/14", 15),
        ("The bucket holds 12, the pool 250. How many times do I have to walk?", "250/12", 21),
        ("How many skipping ropes can she cut from 70 m if one needs 2.4?", "70/2.4", 29),
        ("How many buses do we need for 118 kids if one can carry 50?", "118/50", 3),
        ("How many second-hand books can I get for 20 at 3?", "20/3", 6),
        ("How many litre bottles do I need for 7.5 litres?", "7.5", 8),
        ("How many full boxes does that make?", "20/6", 3),
    ],
)
def test_the_question_says_which_way(problem: str, expression: str, answer: int) -> None:
    """Up for what is needed, down for what can be had; the calculator comes to the same."""
    made = whole(problem, _solution(expression))
    assert made is not None
    assert made.answer == answer == calculate(made.expression)
    assert ("rounded" in made.lines[-1]) == (len(made.lines) > 1)


@pytest.mark.parametrize(
    ("problem", "expression"),
    [
        ("How many jars of 500 g is that, from 11 hives with 14 kg each?", "11*14/500"),
        ("How many jars do I need for 154 kg at 500 g?", "154/500"),
        ("A bus can take 50 people. We are 118. How many buses?", "118/50"),
        ("20 eggs go into boxes of 6. How many eggs are left over?", "20/6"),
        ("How many people can't get a seat?", "20/6"),
        ("How many bags do I need, and what will they cost?", "20/6"),
        ("11 people ate 25 pancakes. How many pancakes is that?", "25/11"),
    ],
)
def test_a_broken_count_that_nothing_says_how_to_round_is_no_answer(
    problem: str, expression: str
) -> None:
    """The problem was misread."""
    assert whole(problem, _solution(expression)) is None


@pytest.mark.parametrize(
    ("problem", "expression"),
    [
        ("I drive 100 km at 80 km/h. How many hours do I need?", "100/80"),
        ("How many square metres of carpet do I have to buy for 2.5 by 3.1?", "2.5*3.1"),
        ("4 friends share 10 pizzas. How many pizzas does each get?", "10/4"),
        ("How many goals did she score on average in 4 games with 10 goals?", "10/4"),
        ("How many US dollars can I get for 55 euros?", "55*1.087"),
        ("After how many hours do the two trains meet?", "300/140"),
        ("Tom is 50, Ann is 20. How many times older is he?", "50/20"),
        ("Wool costs 7.50 a skein. What do I pay for 3?", "7.5*3"),
        ("How many more cups of flour do I need for 3 cakes at 1.5 cups?", "1.5*3"),
    ],
)
def test_what_is_measured_or_shared_stays_as_it_is(problem: str, expression: str) -> None:
    """Half an hour is something."""
    solution = _solution(expression)
    assert whole(problem, solution) == solution


def test_things_that_were_multiplied_before_they_were_whole_are_no_answer() -> None:
    """118 guests at tables for 8 need 15 tables and 60 candles, not 59."""
    for outcome in ("14.75", "120/19 ≈ 6.316"):
        lines = (f"118 ÷ 8 = {outcome}", "14.75 × 4 = 59")
        solution = Solution(lines, "(118 / 8) * 4", Fraction(59), 0.9)
        assert whole("Tables for 8. How many candles do we need, 4 a table?", solution) is None
    even = Solution(("120 ÷ 8 = 15", "15 × 4 = 60"), "(120 / 8) * 4", Fraction(60), 0.9)
    assert whole("Tables for 8. How many candles do we need, 4 a table?", even) == even
