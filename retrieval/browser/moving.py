"""How to get to a place of a page in few actions.

By a word of the question, by scrolling, or by the first words that stand there: the fewest
actions win, and words that a policy could not know count only where the others take long.
"""

from __future__ import annotations

from retrieval.browser.commands import MOST_SCREENS, Command, FindInPage, Scroll
from retrieval.browser.marks import neutral
from retrieval.browser.matching import find_text
from retrieval.browser.state import State
from retrieval.terms import content_words

_MOST_ACTIONS = 4  # by words of the question or scrolling; WebGPT's people did find text, too
_WORDS = 6


def way_to(state: State, place: int) -> list[Command]:
    """Return the actions that lead to the screen with `place`, none if it is seen."""
    target = next(n for n, (_, end) in enumerate(state.screens) if place < end)
    away = target - state.views[-1].screen
    ways: list[list[Command]] = [_scrolls(away)]
    for word in content_words(state.question):
        if away > 1 and (count := _finds(state, word, target)):
            ways.append([FindInPage(word)] * count)
    best = min(ways, key=len)
    if len(best) <= _MOST_ACTIONS:
        return best
    return _by_its_words(state, place) or best


def _scrolls(away: int) -> list[Command]:
    moves: list[Command] = []
    while away:
        by = min(abs(away), MOST_SCREENS)
        moves.append(Scroll("down" if away > 0 else "up", by))
        away -= by if away > 0 else -by
    return moves


def _finds(state: State, word: str, target: int) -> int:
    """Return how many finds of `word` lead to the target screen, 0 if too many or none."""
    start, end = state.screens[target]
    place = state.find_from
    for count in range(1, _MOST_ACTIONS + 1):
        found = find_text(state.views[-1].page.text, word, place)
        if found is None or found.start < place:  # it began again at the top
            return 0
        if start <= found.start < end:
            return count
        place = found.end
    return 0


def _by_its_words(state: State, place: int) -> list[Command]:
    """Return a find of the words at `place`, if it leads there and nowhere before."""
    text = state.views[-1].page.text
    words = neutral(text[place : place + 80]).split()[:_WORDS]
    found = find_text(text, " ".join(words), state.find_from)
    return [FindInPage(" ".join(words))] if found and found.start == place else []
