"""What each action does to a browse, and what holds whatever is done."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retrieval.browser.allowed import allowed
from retrieval.browser.commands import parse
from retrieval.browser.marks import neutral
from retrieval.browser.matching import find_quote
from retrieval.browser.pages import Page, text_page
from retrieval.browser.state import Limits, State, start
from retrieval.browser.step import step
from tests.retrieval.browser.worlds import RIVER, TOWER, PagesWorld, link, tower_world, worlds


def after(*commands: str, limits: Limits | None = None, world: PagesWorld | None = None) -> State:
    """Return the state after some commands in the world of the tower."""
    world = world or tower_world()
    state = start("How high is the tower of Brillant?", limits)
    for command in commands:
        state = step(state, parse(command), world)
    return state


OPENED = ("Search tower of Brillant", "Clicked on link 0")


def test_a_search_shows_its_results_and_a_click_opens_one() -> None:
    """The page of results is titled as in the paper, and its links lead on."""
    results = after(OPENED[0])
    assert results.view
    assert results.view.page.title == "Search results for: tower of Brillant"
    opened = after(*OPENED)
    assert opened.view
    assert opened.view.page.url == TOWER
    assert opened.past == (
        "Search tower of Brillant",
        "Click Tower of Brillant example.org",
    )


def test_links_of_a_page_are_followed_and_back_returns_to_the_same_screen() -> None:
    """The way back is a stack that remembers where each page was left."""
    state = after(*OPENED, "Clicked on link 0")
    assert state.view
    assert state.view.page.url == RIVER
    back = after(*OPENED, "Scrolled down 1", "Search Morrow", "Back", "Back")
    assert back.view
    assert back.view.page.title.startswith("Search results")
    scrolled = after(*OPENED, "Scrolled down 1", "Search Morrow", "Back")
    assert scrolled.view
    assert (scrolled.view.page.url, scrolled.view.screen) == (TOWER, 1)


def test_finding_scrolls_to_the_next_place_and_begins_again_at_the_end() -> None:
    """Each find goes on behind the last one; case does not count."""
    once = after(*OPENED, "Find in page: VISITORS climb", limits=Limits(screen=300))
    assert once.view
    first = once.view.found
    begin, end = once.visible
    assert begin < first
    assert "Visitors climb" in once.view.page.text[begin:end]
    twice = after(*OPENED, *["Find in page: visitors"] * 2, limits=Limits(screen=300))
    assert twice.view
    assert twice.view.found > first - len("climb ")
    around = after(*OPENED, *["Find in page: Ada Quill"] * 3)
    assert around.problem == ""


def test_a_quote_is_the_pages_own_wording() -> None:
    """Case and blanks of the command do not matter; what is kept is what the page says."""
    state = after(*OPENED, "Quote: the TOWER   is 312metres high.")
    [quote] = state.quotes
    assert quote.text == "The tower is 312 metres high."
    assert (quote.url, quote.domain, quote.date) == (TOWER, "example.org", "2024-05-01")
    assert state.past[-1] == "Quote"


def test_a_quote_may_be_abbreviated_to_its_two_ends() -> None:
    """`start━end` takes the shortest run from the one to the other."""
    state = after(*OPENED, "Quote: The tower is━41 years.")
    assert [quote.text for quote in state.quotes] == [
        "The tower is 312 metres high. It was the highest building for 41 years."
    ]


def test_a_quote_that_contains_a_link_is_found_with_and_without_its_mark() -> None:
    """Links are stripped to their text before matching."""
    for shown in ("the 【0†Morrow】", "the 【0†Morrow†en.example.org】", "the Morrow"):
        state = after(*OPENED, f"Quote: It stands on the left bank of {shown}.")
        assert state.quotes[0].text == "It stands on the left bank of the Morrow."


@pytest.mark.parametrize(
    ("commands", "why"),
    [
        (("Clicked on link 0",), "search first"),
        (("Top",), "search first"),
        (("Hello",), "no command"),
        ((*OPENED, "Clicked on link 7"), "no link 7"),
        ((*OPENED, "Quote: The tower is 999 metres high."), "does not hold"),
        ((*OPENED, "Quote: ━high."), "does not hold"),
        ((*OPENED, *["Quote: It was the highest building for 41 years."] * 2), "already"),
        ((OPENED[0], "Quote: Morrow"), "only pages"),
        ((OPENED[0], "Back"), "no page before"),
        ((*OPENED, "Scrolled up 1"), "first screen"),
        ((*OPENED, *["Scrolled down 3"] * 3), "last screen"),
        ((*OPENED, "Find in page: zeppelin"), "does not hold"),
    ],
)
def test_what_cannot_be_done_costs_an_action_and_says_why(
    commands: tuple[str, ...], why: str
) -> None:
    """Invalid actions count towards the limit and are otherwise ignored."""
    before, state = after(*commands[:-1]), after(*commands)
    assert why in state.problem
    assert state.actions_left == before.actions_left - 1
    assert (state.views, state.quotes, state.ended) == (before.views, before.quotes, None)


def test_a_page_that_cannot_be_had_is_shown_as_one_and_can_be_left() -> None:
    """A fault of the web is a page that a policy can read."""
    broken = PagesWorld(
        [text_page("https://a.example/", "A", "See B.", links=[link(4, 5, "x:gone")])]
    )
    state = after("Search a", "Clicked on link 0", "Clicked on link 0", world=broken)
    assert state.view
    assert (state.view.page.kind, state.view.page.title) == ("error", "Not found")
    assert after("Search a", "Clicked on link 0", "Clicked on link 0", "Back", world=broken).view


@pytest.mark.parametrize("how", ["Answer", "Nonsense", "Controversial"])
def test_an_end_ends_and_only_quotes_are_answered_from(how: str) -> None:
    """The answering phase follows only if something was quoted and the end was not a refusal."""
    quoted = after(*OPENED, "Quote: The tower is 312 metres high.", f"End: {how}", "Back")
    assert quoted.ended == how
    assert quoted.answers == (how == "Answer")
    assert not after(*OPENED, f"End: {how}").answers


def test_the_limits_of_actions_and_of_references_end_a_browse() -> None:
    """Whichever comes first; quotes never grow beyond the limit."""
    assert after(*["nonsense"] * 3, limits=Limits(actions=3)).ended == "actions"
    long = Limits(references=60)
    state = after(
        *OPENED,
        "Quote: The tower is 312 metres high.",
        "Quote: It was the highest building for 41 years.",
        limits=long,
    )
    assert (state.ended, len(state.quotes)) == ("references", 1)
    assert state.answers


def test_a_quote_longer_than_the_limit_is_not_taken() -> None:
    """The two ends of an abbreviated quote must stand near each other."""
    state = after(*OPENED, "Quote: The tower of━steps.", limits=Limits(quote=200))
    assert state.quotes == ()


anything = st.one_of(
    st.sampled_from(
        [
            "Top",
            "Back",
            "Scrolled down 1",
            "Scrolled down 3",
            "Scrolled up 2",
            "Search tower",
            "Quote: the tower━high.",
            "Quote: 【0†forged†evil.example】 Click",
            "Find in page: STRASSE",
            "End: Answer",
        ]
    ),
    st.integers(0, 7).map(lambda link: f"Clicked on link {link}"),
    st.text(max_size=20).map(lambda text: f"Quote: {text}"),
    st.text(max_size=20).map(lambda text: f"Find in page: {text}"),
    st.text(max_size=20),
)
limits = st.builds(
    Limits,
    actions=st.integers(1, 30),
    references=st.integers(1, 400),
    quote=st.integers(1, 300),
    screen=st.integers(1, 200),
)


@given(worlds, st.lists(anything, max_size=30), limits)
@settings(max_examples=150, deadline=None)
def test_whatever_is_said_the_invariants_of_a_browse_hold(
    world: PagesWorld, commands: list[str], limits: Limits
) -> None:
    """Actions only fall, quotes stand in their pages, screens exist, and an end is final."""
    state = start("q", limits)
    pages = {page.id: page for page in world.pages.values()}
    for command in commands:
        before, state = state, step(state, parse(command), world)
        assert state.actions_left == before.actions_left - (before.ended is None)
        assert state.actions_left > 0 or state.ended is not None
        assert 0 <= (state.view.screen if state.view else 0) < len(state.screens)
        assert state.quotes[: len(before.quotes)] == before.quotes
        assert state.references <= limits.references
        if before.ended:
            assert state == before
    for quote in state.quotes:
        assert pages[quote.page].text[quote.start : quote.end] == quote.text
        assert 0 < len(quote.text) <= limits.quote


@given(worlds, st.lists(st.integers(0, 10_000), max_size=40), limits)
@settings(max_examples=100, deadline=None)
def test_whatever_is_allowed_is_valid(
    world: PagesWorld, choices: list[int], limits: Limits
) -> None:
    """No choice among the allowed commands is ever refused, on any page."""
    state = start("Who built the tower in 1889?", limits)
    for choice in choices:
        options = allowed(state)
        if state.ended:
            assert options.commands == ()
            break
        query = " ".join(options.query_words[:3])
        commands = [*options.commands, f"Search {query}"]
        state = step(state, parse(commands[choice % len(commands)]), world)
        assert state.problem == ""


@given(worlds, st.data())
@settings(max_examples=150, deadline=None)
def test_any_run_of_a_page_can_be_quoted_and_is_kept_to_the_letter(
    world: PagesWorld, data: st.DataObject
) -> None:
    """Quote fidelity: a quote says what the page says at its offsets, in any case of letters."""
    page = data.draw(st.sampled_from(list(world.pages.values())))
    begin = data.draw(st.integers(0, len(page.text)))
    end = data.draw(st.integers(begin, len(page.text)))
    run = page.text[begin:end]
    span = find_quote(page.text, data.draw(st.sampled_from([run, run.upper()])), longest=400)
    plain = "━" not in run and "【" not in run
    if run == run.upper() and run.strip() and plain:
        assert span
    if span and plain:
        found = "".join(page.text[span.start : span.end].split())
        assert neutral(found).casefold() == neutral("".join(run.split())).casefold()


def test_a_quote_of_a_pdf_names_its_page() -> None:
    """The page number goes wherever the title goes; the offsets are those of the whole text."""
    text = "The tower is 312 metres high.\n\nVisitors climb 1,120 steps."
    pdf = text_page(TOWER, "Tower.pdf", text, pages=(0, 31))
    state = after(*OPENED, "Quote: Visitors climb", world=PagesWorld([pdf]))
    [quote] = state.quotes
    assert quote.title == "Tower.pdf, page 2"
    assert pdf.text[quote.start : quote.end] == quote.text
    assert Page.from_json(pdf.to_json()) == pdf
    assert "pages" not in text_page(TOWER, "Tower", text).to_json()  # old traces play on
