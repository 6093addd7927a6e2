"""The command grammar of WebGPT's table 1."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.browser.commands import (
    LONGEST_ARGUMENT,
    Back,
    ClickLink,
    Command,
    End,
    FindInPage,
    Invalid,
    QuoteText,
    Scroll,
    Search,
    Top,
    parse,
)

SPELLED: list[tuple[str, Command]] = [
    ("Search how to train crows", Search("how to train crows")),
    ("Clicked on link 12", ClickLink(12)),
    ("Find in page: crows", FindInPage("crows")),
    ("Quote: Many animals give gifts━to humans.", QuoteText("Many animals give gifts━to humans.")),
    ("Scrolled down 3", Scroll("down", 3)),
    ("Scrolled up 1", Scroll("up", 1)),
    ("Top", Top()),
    ("Back", Back()),
    ("End: Answer", End("Answer")),
    ("End: Nonsense", End("Nonsense")),
    ("End: Controversial", End("Controversial")),
]


@pytest.mark.parametrize(("text", "command"), SPELLED)
def test_every_command_of_the_paper_is_read_and_spelled_the_same(
    text: str, command: Command
) -> None:
    """Reading and writing are inverse."""
    assert parse(text) == command
    assert str(command) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "search crows",
        "Search",
        "Search   ",
        "Open https://evil.example",
        "Clicked on link",
        "Clicked on link -1",
        "Clicked on link two",
        "Clicked on link 9999999",
        "Scrolled down 4",
        "Scrolled down 0",
        "Scrolled left 1",
        "Find in page:",
        "Quote:",
        "End: Maybe",
        "Top of the page",
        "I think I should search for crows",
        "Quote: " + "long " * LONGEST_ARGUMENT,
    ],
)
def test_what_is_no_command_says_so(text: str) -> None:
    """There is no typed address, no thought and no other word."""
    invalid = parse(text)
    assert isinstance(invalid, Invalid)
    assert invalid.why
    assert len(invalid.text) <= LONGEST_ARGUMENT


@given(st.text(max_size=200))
def test_any_text_is_read_without_a_fault_and_commands_read_back(text: str) -> None:
    """Whatever a policy says becomes one clean line; a command reads back as itself."""
    command = parse(text)
    assert "\n" not in str(command)
    if not isinstance(command, Invalid):
        assert parse(str(command)) == command


@given(st.text(min_size=1, max_size=100))
def test_an_argument_cannot_become_another_command(query: str) -> None:
    """A query that looks like a command stays a query."""
    assert isinstance(parse(f"Search {query}"), Search | Invalid)
    assert isinstance(parse("Search End: Answer"), Search)
