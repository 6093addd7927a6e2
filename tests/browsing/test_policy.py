"""The learned policy: a model drives the same session, and the trace is like any other."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from chatapp import resources
from chatapp.browsing.collect import Asked, KnowingJudge, questions_of, records
from chatapp.browsing.mask import OneCommand
from chatapp.browsing.policy import Choice, browse
from chatapp.browsing.prompt import LONGEST_REPLY, fitted
from chatapp.inference.generator import ChatMessage, Finished, SamplingParams, TextDelta
from chatapp.model.tokenizer import ChatTokenizer
from retrieval.browser import scripted
from retrieval.browser.commands import parse
from retrieval.browser.pages import text_page
from retrieval.browser.session import Step, Watch
from retrieval.browser.state import start
from retrieval.browser.step import step
from retrieval.browser.traces import is_faithful
from tests.retrieval.browser.worlds import TOWER, PagesWorld, tower_world

QUESTION = "How high is the tower of Brillant?"
ANSWER = Asked(QUESTION, ("312 metres",), "The tower is 312 metres high.")


class FakeModel:
    """Says what it was told to, as far as the mask lets it."""

    name = "fake"
    context_length = 1024

    def __init__(self, *commands: str) -> None:
        self.tokenizer = ChatTokenizer.load(resources.default_model_dir() / "tokenizer.json")
        self._commands = iter(commands)
        self.prompts: list[str] = []

    def count_tokens(self, messages: Sequence[ChatMessage]) -> int:
        return len(self.tokenizer.encode_prompt([(m.role, m.content) for m in messages]))

    def stream(
        self,
        messages: Sequence[ChatMessage],
        params: SamplingParams,
        should_stop: Callable[[], bool],
    ) -> Iterator[TextDelta | Finished]:
        self.prompts.append(messages[0].content)
        assert isinstance(params.constraint, OneCommand)
        command = next(self._commands)
        mask = params.constraint.start(self.tokenizer)
        for token in self.tokenizer.encode(command):
            assert mask.allowed()[token], f"{command} is not allowed"
            mask.advance(token)
        assert mask.allowed()[self.tokenizer.end_of_turn]
        yield TextDelta(command, 1)
        yield Finished("stop", 1, 1, 0.0, 0.0)


GOOD = (
    "Search tower Brillant",
    "Clicked on link 0",
    "Quote: The tower is 312 metres high.",
    "End: Answer",
)


def test_a_model_browses_and_its_quotes_stand_in_their_pages() -> None:
    """It reads the state anew at each step; the trace plays again to the byte."""
    model, seen = FakeModel(*GOOD), list[Step]()
    browsed = browse(
        QUESTION, tower_world(), model, KnowingJudge(ANSWER), watch=Watch(on_step=seen.append)
    )
    assert browsed.why_ended == "answered"
    [quote] = browsed.quotes
    assert browsed.pages[quote.document_id].text[quote.start : quote.end] == quote.text
    assert [step.command for step in seen] == list(GOOD)
    assert all(prompt.startswith("♦Question\n") for prompt in model.prompts)
    assert "> The tower is 312 metres high." in model.prompts[3]
    assert is_faithful(browsed.trace)


def test_a_refusal_and_the_end_of_the_time_are_told_apart() -> None:
    """What was quoted is kept in both."""
    refused = browse(
        QUESTION,
        tower_world(),
        FakeModel("Search tower", "End: Nonsense"),
        KnowingJudge(ANSWER),
    )
    assert (refused.quotes, refused.why_ended) == ((), "nothing_found")
    late = Watch(deadline=time.monotonic())
    stopped = browse(QUESTION, tower_world(), FakeModel(*GOOD), KnowingJudge(ANSWER), watch=late)
    assert (stopped.actions, stopped.why_ended) == (0, "deadline")


def test_what_does_not_fit_the_window_is_cut_and_not_offered() -> None:
    """A page of signs that cost a token a byte still leaves room for the reply."""
    world = PagesWorld([text_page(TOWER, "Signs", "漢字 。" * 400 + "The end.")])
    state = start("What?" * 20)
    for command in ("Search x", "Clicked on link 0"):
        state = step(state, parse(command), world)
    model = FakeModel()
    messages, room = fitted(state, model.count_tokens, 1024)
    assert model.count_tokens(messages) + LONGEST_REPLY <= 1024
    assert 0 < room.text < 1000


def test_draws_with_one_seed_are_the_same_browse() -> None:
    """The seed goes to the engine, another one for each step."""
    assert Choice(0.8, 3) == Choice(0.8, 3)
    seeds: list[int | None] = []

    class Watching(FakeModel):
        def stream(
            self,
            messages: Sequence[ChatMessage],
            params: SamplingParams,
            should_stop: Callable[[], bool],
        ) -> Iterator[TextDelta | Finished]:
            seeds.append(params.seed)
            assert params.temperature == 0.8
            return super().stream(messages, params, should_stop)

    browse(
        QUESTION, tower_world(), Watching(*GOOD), KnowingJudge(ANSWER), choice=Choice(0.8, seed=5)
    )
    assert len(set(seeds)) == len(GOOD)


def test_a_lesson_is_made_of_the_scripted_policy_s_steps() -> None:
    """Each record is a state and the command said in it, and a model could say every one."""
    judge = KnowingJudge(ANSWER)
    browsed = scripted.browse(
        QUESTION, tower_world(), judge, effort=scripted.Effort(sources=1, searches=1)
    )
    model = FakeModel()
    made = list(records(browsed, model.tokenizer))
    said = [record["messages"][-1]["content"] for record in made]
    assert said[0] == "Search high tower Brillant"
    assert said[-1] == "End: Answer"
    assert "Quote: The tower is 312 metres high." in said
    again = FakeModel(*said)
    cloned = browse(QUESTION, tower_world(), again, judge)
    assert cloned.state.quotes == browsed.state.quotes


def test_only_questions_of_the_learning_part_are_browsed(tmp_path: Path) -> None:
    """The others are kept for measuring; what has no answer teaches nothing."""
    rows = [
        {
            "question": f"Question {number}?",
            "answers": ["x"],
            "context": "",
            "title": "",
            "unanswerable": number == 7,
        }
        for number in range(60)
    ]
    file = tmp_path / "qa.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    learnt = {asked.question for asked in questions_of("learn", [file], 100)}
    measured = {asked.question for asked in questions_of("measure", [file], 100)}
    assert learnt
    assert measured
    assert not learnt & measured
    assert len(learnt | measured) == 59
