"""Which messages a tool answers at once: those that clearly ask for it, and no others."""

from __future__ import annotations

import pytest

from chatapp.assistant.routing import route

_WEEKS = "2026-03-05 - 2026-01-01 in weeks"


@pytest.mark.parametrize(
    ("text", "expression"),
    [
        ("What is 12 * 7?", "12 * 7"),
        ("2+2=", "2+2"),
        ("please calculate: (3 + 4)^2", "(3 + 4)^2"),
        ("what's 15% of 80?", "15% of 80"),
        ("How much is 1,234 plus 17?", "1234 + 17"),
        ("what is 9 multiplied by 8 minus 2", "9 * 8 - 2"),
        ("12 squared", "12^2"),
        ("What is the square root of 144?", "sqrt(144)"),
        ("-5 + 3", "-5 + 3"),
        ("what is pi times 2", "pi * 2"),
        ("7 x 8", "7*8"),
        ("what is 90 min in hours?", "90 min in hours"),
        ("3 h 20 min + 45 min", "3 h 20 min + 45 min"),
        ("How many hours are there in 3 days?", "3 days in hours"),
        ("how many days until 24 December 2026?", "2026-12-24 - today in days"),
        ("How many weeks are between 2026-01-01 and March 5th, 2026", _WEEKS),
        ("what date is it 90 days from now?", "today + 90 days"),
        ("what is 1 / 0?", "1 / 0"),
    ],
)
def test_arithmetic_goes_to_the_calculator(text, expression):
    """Digits, words and signs of arithmetic become one expression."""
    wanted = route(text)
    assert wanted is not None
    assert (wanted.name, wanted.arguments) == ("calculator", {"expression": expression})
    assert wanted.answer == f"{expression} = {{}}"


@pytest.mark.parametrize(
    "text",
    [
        "hello",
        "42",
        "what is e",
        "What is 9/11?",
        "We are open 24/7",
        "555-1234",
        "what is 2024-11-22",
        "I have 3 apples and 4 pears",
        "Who won the match of 1999 - 2000?",
        "a 4 x 4 truck",
        "What's the time complexity of quicksort?",
        "what time is it when the bell rings twice in the tower of the old abbey?",
        "Do you run python code?",
        "What does `2 + 2` do in Lisp?",
        "I have 3 days in Rome",
        "how many days until February 31, 2026?",
        "3-4 days",
        "What happened on May 5, 1999?",
        "1 + " * 200,
    ],
)
def test_what_merely_has_numbers_or_times_in_it_goes_the_usual_way(text):
    """A wrong guess would answer a question that nobody asked."""
    assert route(text) is None


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        ("What time is it?", {}),
        ("what's the date today?", {}),
        ("Which day is it", {}),
        ("what is the time in New York right now?", {"time_zone": "New York"}),
        ("what time is it in Tokyo", {"time_zone": "Tokyo"}),
    ],
)
def test_the_time_goes_to_the_clock(text, arguments):
    """With the place, if one is named."""
    wanted = route(text)
    assert wanted is not None
    assert (wanted.name, wanted.arguments) == ("clock", arguments)


def test_programs_files_and_the_web_are_asked_for_by_name():
    """These tools need approval, so only plain requests reach them."""
    program = route("Run this:\n```python\nprint(6 * 7)\n```")
    assert program is not None
    assert (program.name, program.arguments) == ("python", {"code": "print(6 * 7)"})
    read = route("please read the file ~/notes/plan.md")
    assert read is not None
    assert (read.name, read.arguments) == ("read_file", {"path": "~/notes/plan.md"})
    web = route("search the web for sparse attention")
    assert web is not None
    assert (web.name, web.arguments) == ("web_search", {"query": "sparse attention"})
