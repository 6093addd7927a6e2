"""A model under the mask cannot waste an action, however little it knows."""

from __future__ import annotations

import os
import random
import re
from functools import lru_cache

import pytest
import torch

from chatapp import resources
from chatapp.browsing.mask import LONGEST_QUERY, OneCommand, spelled
from chatapp.inference.masks.protocol import ConstraintError
from chatapp.model.tokenizer import ChatTokenizer
from retrieval.browser.allowed import Allowed, allowed
from retrieval.browser.commands import parse
from retrieval.browser.pages import Page, Result, error_page, results_page, text_page
from retrieval.browser.render import Room
from retrieval.browser.state import Limits, State, start
from retrieval.browser.step import step
from retrieval.web.pages import PageLink

STEPS = int(os.environ.get("BROWSE_STEPS", "2000"))  # 10,000 are in docs/log.md
_WORDS = re.findall(
    r"\S+", "tower river built in 1889 【0†x】 ♦ by Ada Quill straße İ 🎈 metres; the high"
)


@lru_cache
def tokenizer() -> ChatTokenizer:
    """The tokenizer that ships with the chat model."""
    return ChatTokenizer.load(resources.default_model_dir() / "tokenizer.json")


class RandomWorld:
    """Pages of random sentences and links, some of them broken."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._pages = [self._page(number) for number in range(12)]

    def search(self, query: str) -> Page:
        found = self._random.sample(self._pages, 4)
        return results_page(query, [Result(p.url, p.title, p.text[:90]) for p in found])

    def open(self, url: str) -> Page:
        page = self._random.choice(self._pages)
        return page if self._random.random() < 0.9 else error_page(url, "Gone", "404")

    def _page(self, number: int) -> Page:
        sentences = [
            " ".join(self._random.choices(_WORDS, k=self._random.randint(3, 12))).capitalize() + "."
            for _ in range(self._random.randint(0, 60))
        ]
        text = "\n\n".join(sentences)
        places = sorted(self._random.sample(range(len(text)), 6)) if len(text) > 60 else []
        links = [
            PageLink(a, b, f"https://{number}.example/{a}", "a.example")
            for a, b in zip(places[::2], places[1::2], strict=True)
        ]
        return text_page(f"https://{number}.example/", f"Page {number}", text, links=links)


def say(options: Allowed, generator: torch.Generator) -> str:
    """Return what a model with random logits says under the mask."""
    mask = OneCommand(options, 199).start(tokenizer())
    tokens: list[int] = []
    while True:
        choices = mask.allowed().nonzero()[:, 0]
        token = int(choices[torch.randint(len(choices), (1,), generator=generator)])
        if token == tokenizer().end_of_turn:
            return tokenizer().decode(tokens)
        tokens.append(token)
        mask.advance(token)


def test_a_random_model_says_no_invalid_command() -> None:
    """Steps on pages with forged marks and broken links: not one action is wasted."""
    generator = torch.Generator().manual_seed(7)
    kinds: set[str] = set()
    taken = 0
    while taken < STEPS:
        world, state = RandomWorld(taken), fresh()
        while state.ended is None and taken < STEPS:
            room = Room(text=300 if taken % 3 else -1)
            command = say(allowed(state, room), generator)
            state = step(state, parse(command), world)
            assert state.problem == "", (command, state.problem)
            kinds.add(command.split(" ")[0])
            taken += 1
        assert all(quote.text for quote in state.quotes)
    assert kinds >= {"Search", "Clicked", "Quote:", "Find", "Scrolled", "Top", "Back", "End:"}


def fresh() -> State:
    return start("Who built the tower in 1889?", Limits(actions=60, screen=400))


def allowed_tokens(options: Allowed, said: str) -> set[str]:
    """Return what may follow after some text, as the texts of tokens."""
    mask = OneCommand(options).start(tokenizer())
    for token in tokenizer().encode(said):
        assert mask.allowed()[token]
        mask.advance(token)
    return {tokenizer().decode([int(i)]) for i in mask.allowed().nonzero()[:, 0]}


def test_the_first_command_is_a_search_of_the_questions_words() -> None:
    """Nothing else is possible, and no other word."""
    options = allowed(fresh())
    first = tokenizer().decode(tokenizer().encode("Search")[:1])
    assert allowed_tokens(options, "") == {first}
    after = allowed_tokens(options, "Search Who")
    after -= {"", " "}
    assert any(" tower".startswith(token) for token in after)
    assert not any(" password".startswith(token) for token in after)


def test_an_answer_needs_a_quote() -> None:
    """Without one only the refusals are possible."""
    world = RandomWorld(1)
    state = step(fresh(), parse("Search tower"), world)
    assert "End: Answer" not in allowed(state).commands
    assert "End: Nonsense" in allowed(state).commands


def test_only_what_is_seen_can_be_quoted_or_clicked() -> None:
    """A sentence or a link below the part that is shown is not offered."""
    text = "The tower is high. " + "It is old. " * 30 + "A river flows by."
    link = PageLink(len(text) - 15, len(text) - 10, "https://r.example/", "r.example")
    world = OnePage(text_page("https://a.example/", "A", text, links=[link]))
    state = step(step(fresh(), parse("Search x"), world), parse("Clicked on link 0"), world)
    options = allowed(state, Room(text=60))
    assert "Quote: The tower is high." in options.commands
    assert not any("river" in command for command in options.commands)
    assert not any(command.startswith("Clicked") for command in options.commands)


class OnePage:
    """A world of one page."""

    def __init__(self, page: Page) -> None:
        self._page = page

    def search(self, query: str) -> Page:
        return results_page(query, [Result(self._page.url, self._page.title, "")])

    def open(self, url: str) -> Page:
        return self._page


def test_a_search_ends_however_long_a_model_would_go_on() -> None:
    """The number of tokens is bounded."""
    mask = OneCommand(Allowed((), ("tower", "river"))).start(tokenizer())
    said = tokenizer().encode("Search") + tokenizer().encode(" tower") * (LONGEST_QUERY + 5)
    taken = 0
    for token in said:
        if not mask.allowed()[token]:
            break
        mask.advance(token)
        taken += 1
    assert taken <= LONGEST_QUERY
    assert mask.allowed()[tokenizer().end_of_turn]


def test_where_nothing_is_allowed_it_is_said() -> None:
    """A browse that has ended has no next command."""
    with pytest.raises(ConstraintError, match="no command"):
        OneCommand(Allowed((), ())).start(tokenizer())


def test_commands_are_spelled_as_the_tokenizer_would() -> None:
    """Training reads commands as plain text, so the mask must cut them in the same way."""
    words = ["Who", "built", "1889", "Ada", "o'clock", "Xyzzy-7"]
    joined = list(spelled(tokenizer(), "Search"))
    for word in words:
        joined += spelled(tokenizer(), f" {word}")
    assert joined == tokenizer().encode("Search " + " ".join(words))
