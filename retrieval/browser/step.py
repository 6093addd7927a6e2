"""One action of a browse: `step(state, command, world) -> state`.

The thing to know: it is a function. The same state, command and answers of the world give the same
state, so a recorded browse can be played again to the byte. Every action costs one, invalid ones
too; what is invalid changes nothing else (WebGPT, table 1).
"""

from __future__ import annotations

from dataclasses import replace

from retrieval.browser.commands import (
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
)
from retrieval.browser.matching import find_quote, find_text
from retrieval.browser.pages import Page
from retrieval.browser.state import PageQuote, State, View
from retrieval.browser.world import World


def step(state: State, command: Command | Invalid, world: World) -> State:
    """Return the state after `command`; a state that has ended stays as it is."""
    if state.ended:
        return state
    state = replace(state, actions_left=state.actions_left - 1, problem="")
    state = _done(state, command, world)
    if state.ended is None and state.actions_left <= 0:
        return replace(state, ended="actions")
    return state


def _done(state: State, command: Command | Invalid, world: World) -> State:
    match command:
        case Search():
            return _opened(state, world.search(command.query), str(command))
        case End():
            return replace(state, ended=command.how, past=(*state.past, str(command)))
        case Invalid():
            return _refused(state, command.why)
    if state.view is None:
        return _refused(state, "no page is open yet: search first")
    match command:
        case ClickLink():
            return _click(state, state.view, command, world)
        case FindInPage():
            return _find(state, state.view, command)
        case QuoteText():
            return _quote(state, state.view, command)
        case Scroll():
            return _scroll(state, state.view, command)
        case Top():
            return _moved(state, replace(state.view, screen=0, found=-1), str(command))
        case Back():
            if len(state.views) < 2:
                return _refused(state, "there is no page before this one")
            return replace(state, views=state.views[:-1], past=(*state.past, str(command)))


def _refused(state: State, why: str) -> State:
    return replace(state, problem=why)


def _opened(state: State, page: Page, action: str) -> State:
    return replace(state, views=(*state.views, View(page)), past=(*state.past, action))


def _moved(state: State, view: View, action: str) -> State:
    return replace(state, views=(*state.views[:-1], view), past=(*state.past, action))


def _click(state: State, view: View, command: ClickLink, world: World) -> State:
    links = view.page.links
    if command.link >= len(links):
        return _refused(state, f"the page has no link {command.link}")
    link = links[command.link]
    said = " ".join(view.page.text[link.start : link.end].split())
    return _opened(state, world.open(link.url), f"Click {said} {link.domain}".rstrip())


def _find(state: State, view: View, command: FindInPage) -> State:
    """Go to the screen with the next occurrence: behind the last one, or from this screen on."""
    found = find_text(view.page.text, command.text, state.find_from)
    if found is None:
        past = (*state.past, str(command))  # shown, so that it is not tried again
        return replace(_refused(state, "the page does not hold this text"), past=past)
    screen = next(n for n, (_, end) in enumerate(state.screens) if found.start < end)
    return _moved(state, replace(view, screen=screen, found=found.end), str(command))


def _quote(state: State, view: View, command: QuoteText) -> State:
    quote = quotable(state, view.page, command.text)
    if isinstance(quote, str):
        return _refused(state, quote)
    past = (*state.past, "Quote")
    if state.references + len(quote.text) > state.limits.references:
        return replace(state, ended="references", past=past)
    return replace(state, quotes=(*state.quotes, quote), past=past)


def quotable(state: State, page: Page, text: str) -> PageQuote | str:
    """Return the quote that `text` makes on `page`, or why it makes none."""
    if page.kind != "page":
        return "only pages can be quoted: open one of the results"
    span = find_quote(page.text, text, longest=state.limits.quote, near=state.visible[0])
    if span is None:
        return "the page does not hold this text"
    found = page.text[span.start : span.end]
    if any(quote.page == page.id and quote.text == found for quote in state.quotes):
        return "this is quoted already"
    title = page.title_at(span.start)
    return PageQuote(page.id, page.url, title, page.domain, page.date, *span, found)


def _scroll(state: State, view: View, command: Scroll) -> State:
    by = command.screens if command.direction == "down" else -command.screens
    screen = min(max(view.screen + by, 0), len(state.screens) - 1)
    if screen == view.screen:
        end = "last" if command.direction == "down" else "first"
        return _refused(state, f"this is the {end} screen")
    return _moved(state, replace(view, screen=screen, found=-1), str(command))
