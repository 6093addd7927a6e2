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
        ("what is the time in new york", {"time_zone": "new york"}),
        ("What is the date in Sydney?", {"time_zone": "Sydney"}),
        ("what time is it in utc?", {"time_zone": "utc"}),
        ("What time is it in Europe/Berlin right now?", {"time_zone": "Europe/Berlin"}),
        ("What time is it in GMT+5?", {"time_zone": "GMT+5"}),
        ("what time is it in utc-3:30 now", {"time_zone": "utc-3:30"}),
        ("what time is it in são paulo?", {"time_zone": "são paulo"}),
        # No zones, but places by their looks: the clock says what it knows near to them.
        ("What is the time in San Francisco?", {"time_zone": "San Francisco"}),
        ("What time is it in the UK?", {"time_zone": "the UK"}),
    ],
)
def test_the_time_goes_to_the_clock(text, arguments):
    """With the place, if one is named."""
    wanted = route(text)
    assert wanted is not None
    assert (wanted.name, wanted.arguments) == ("clock", arguments)


@pytest.mark.parametrize(
    "text",
    [
        "What is the time in a marathon?",
        "what is the time in hours?",
        "What time is it in the movie?",
        "what time is it in general",
        "What time is it in French?",
        "What is the date in Hamlet?",
        "what is the date in the contract",
        "What is the day in a leap year?",
        "what time is it in space?",
        "What is the current date in the Julian calendar?",
    ],
)
def test_the_time_in_something_that_is_no_place_goes_the_usual_way(text):
    """The clock would answer that there is no such time zone."""
    assert route(text) is None


def test_programs_are_asked_for_by_name():
    """This tool needs approval, so only plain requests reach it."""
    program = route("Run this:\n```python\nprint(6 * 7)\n```")
    assert program is not None
    assert (program.name, program.arguments) == ("python", {"code": "print(6 * 7)"})


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("please read the file ~/notes/plan.md", "~/notes/plan.md"),
        ("read the file notes.txt", "notes.txt"),
        ("Read the file notes.txt.", "notes.txt"),
        ("show me the file notes.txt please", "notes.txt"),
        ("Can you open the file called budget.csv?", "budget.csv"),
        ("read the file my trip notes.md", "my trip notes.md"),
        ('open the file "the format of things"', "the format of things"),
        ("open the file docs/plan", "docs/plan"),
        ("read the file /etc/hosts.", "/etc/hosts"),
        (r"read the file C:\notes\plan.md", r"C:\notes\plan.md"),
        ("read the file README", "README"),
        # The first words of these are no words of the question.
        ("read the file to-do.txt", "to-do.txt"),
        ("open the file a.tar.gz", "a.tar.gz"),
        ("read the file as.csv please", "as.csv"),
        ("show me the file .env", ".env"),
    ],
)
def test_files_are_asked_for_by_path(text, path):
    wanted = route(text)
    assert wanted is not None
    assert (wanted.name, wanted.arguments) == ("read_file", {"path": path})


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("list the files in ~/notes", "~/notes"),
        ("list files in docs", "docs"),
        ("List all the files in the folder notes.", "notes"),
        ("show me the files in the notes directory", "notes"),
        ('list the files in "my notes"', "my notes"),
        ("list files in .", "."),
        ("list the files in the folder python", "python"),
    ],
)
def test_folders_are_asked_for_by_path(text, path):
    wanted = route(text)
    assert wanted is not None
    assert (wanted.name, wanted.arguments) == ("list_files", {"path": path})


@pytest.mark.parametrize(
    "text",
    [
        "list the files in this folder",
        "List files in my folder.",
        "show me the files in the current directory",
        "list all files in the folder",
    ],
)
def test_without_a_name_the_folders_that_there_are_are_listed(text):
    """No folder is called "this" or "my"."""
    wanted = route(text)
    assert wanted is not None
    assert (wanted.name, wanted.arguments) == ("list_files", {})


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("search the web for sparse attention", "sparse attention"),
        ("Search the internet about the tides in Brest.", "the tides in Brest"),
        ("could you search the web for me for cheap trains?", "cheap trains"),
        ("search the web: tides in Brest", "tides in Brest"),
        ("check online for updates", "updates"),
        ("look on the internet for answers to riddles", "answers to riddles"),
    ],
)
def test_the_web_is_asked_for_by_name(text, query):
    wanted = route(text)
    assert wanted is not None
    assert (wanted.name, wanted.arguments) == ("web_search", {"query": query})


@pytest.mark.parametrize(
    "text",
    [
        "Show me the file format of PNG",
        "show me the file format of data.csv",
        "Show me the file system of Linux",
        "open the file menu",
        "show me the file I/O functions",
        "show me the file I/O",
        "read the file and tell me who wrote it",
        "read the file notes.txt and tell me who wrote it",
        "open the file I sent you yesterday.",
        "Show me the file types, e.g. PNG",
        "read the file in chapter 2",
        "open the file version 2.0",
        "list files in Linux",
        "list the files in it",
        "Show me the files in a Git repository",
        "list files in a directory",
        "read the file with spaces.txt",
        "List the files of the National Archives",
        "check the internet speed",
        "check the web page",
        "check internet connection",
        "Search the internet archive",
        "search web browser history",
        "look on online banking",
        "Can you search the web?",
        "Can you search the web for me?",
        "search the web for it please",
        "Can you search the internet for information?",
    ],
)
def test_what_only_speaks_of_files_or_the_web_goes_the_usual_way(text):
    """A tool would be asked for something that nobody named."""
    assert route(text) is None


@pytest.mark.parametrize("unit", [" ", "please ", "a", "a/", ". ", "`", "```\n"])
@pytest.mark.parametrize("opening", ["", "run", "read the file ", "search the web for "])
def test_long_messages_are_read_at_once(opening, unit):
    """No rule goes back over what it has read again and again."""
    route(f"{opening}{unit * (30_000 // len(unit))}x")
