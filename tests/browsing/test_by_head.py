"""The policy over offers: what is offered is valid, and a head learns by example and by reward."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
import torch

from chatapp import resources
from chatapp.browsing import school
from chatapp.browsing.by_head import Decision, browse, decided
from chatapp.browsing.chooser import Chooser, Head, Listener, load_chooser
from chatapp.browsing.collect import Asked, KnowingJudge
from chatapp.browsing.learning import Learning, advantages_of, copy_of, imitate, reinforce
from chatapp.browsing.lessons import Figures, Lessons
from chatapp.browsing.offers import KINDS, NUMBERS, Offers
from chatapp.browsing.policy import Choice
from chatapp.browsing.school import Plan, RememberingJudge, School, decisions_of
from chatapp.model.checkpoint import load_model
from retrieval.browser import scripted
from retrieval.browser.commands import parse
from retrieval.browser.state import Limits, start
from retrieval.browser.step import step
from retrieval.browser.traces import is_faithful
from retrieval.reading.train.labels import Asked as LabelledQuestion
from tests.retrieval.browser.worlds import tower_world

QUESTION = "How high is the tower of Brillant?"
ANSWER = Asked(QUESTION, ("312 metres",), "The tower is 312 metres high.")
QUICK = Learning(epochs=60, updates=10)


@pytest.fixture(scope="module")
def listener() -> Listener:
    return Listener(*load_model(resources.default_model_dir()))


@pytest.fixture
def chooser(listener: Listener) -> Chooser:
    torch.manual_seed(0)
    return Chooser(listener, Head(listener.width))


def test_whatever_is_chosen_is_valid_and_the_browse_ends(chooser: Chooser) -> None:
    """A head that knows nothing wastes no action, and its trace plays again to the byte."""
    for seed in range(8):
        browsed = browse(
            QUESTION, tower_world(), chooser, KnowingJudge(ANSWER), choice=Choice(1.0, seed)
        )
        assert all('"problem":""' in line for line in browsed.trace if '"type":"step"' in line)
        assert browsed.state.ended is not None
        assert is_faithful(browsed.trace)
        for quote in browsed.quotes:
            page = browsed.pages[quote.document_id]
            assert page.text[quote.start : quote.end] == quote.text


def test_a_random_walk_over_offers_meets_no_refusal() -> None:
    """Nor an empty list, in any state of the small world; each offer has its numbers."""
    order, seen = random.Random(1), set[str]()
    for _ in range(40):
        offers, state = Offers(KnowingJudge(ANSWER)), start(QUESTION, Limits(actions=12))
        while state.ended is None:
            offered = offers.of(state)
            assert len({offer.command for offer in offered}) == len(offered)
            assert {len(offer.numbers) for offer in offered} == {NUMBERS}
            seen.update(offer.kind for offer in offered)
            state = step(state, parse(order.choice(offered).command), tower_world())
            assert state.problem == ""
    assert seen <= set(KINDS)
    assert {"search", "result", "quote", "answer", "nonsense", "back"} <= seen


def test_a_head_learns_to_do_what_the_script_does(chooser: Chooser) -> None:
    """After imitation it takes the script's way and quotes the answer."""
    judge = RememberingJudge(KnowingJudge(ANSWER))
    shown = scripted.browse(QUESTION, tower_world(), judge, limits=Limits(actions=20))
    decisions = decisions_of(shown, judge, chooser)
    assert len(decisions) == shown.actions
    assert imitate(chooser.head, decisions, QUICK) == 1.0
    learnt = browse(QUESTION, tower_world(), chooser, judge)
    assert [quote.text for quote in learnt.quotes] == ["The tower is 312 metres high."]


def test_reward_moves_the_head_and_the_leash_holds_it(chooser: Chooser) -> None:
    """What was better than its like becomes likelier; a strong leash lets it move less."""
    features = torch.randn(3, chooser.head.width + NUMBERS)
    beginning = copy_of(chooser.head)
    with torch.no_grad():
        before = chooser.head(features).log_softmax(-1)
    browses = [[Decision(features, n, float(before[n]))] for n in range(3)]
    advantages = advantages_of([[0.0, 1.0, 0.0]])
    loose = reinforce(chooser.head, browses, advantages, beginning, Learning(leash=0.0))
    with torch.no_grad():
        after = chooser.head(features).log_softmax(-1)
    assert after[1] > before[1]
    held = copy_of(beginning).requires_grad_(True)
    assert reinforce(held, browses, advantages, beginning, Learning(leash=100.0)) < loose
    assert advantages_of([[0.5, 0.5]]) == [0.0, 0.0]


def course(directory: Path, chooser: Chooser) -> dict[str, Figures]:
    """Take all lessons on one question, and return what they came to."""
    made_with = {"reader": "none"}
    lessons = Lessons(directory, chooser, resources.default_model_dir(), made_with)
    asked = [LabelledQuestion(QUESTION, ("312 metres",), "", "", "")]
    judge, plan = RememberingJudge(KnowingJudge(ANSWER)), Plan(draws=2, rounds=2, questions=1)
    School(chooser, tower_world(), judge, (asked, asked), plan, lessons, QUICK).run()
    return lessons.figures


def test_a_course_that_was_cut_short_goes_on_behind_its_last_lesson(
    listener: Listener, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped in the second round of PPO, it ends with the figures and the head of a whole one."""
    whole = Chooser(listener, Head(listener.width))
    figures = course(tmp_path / "whole", whole)
    assert figures["scripted"]["right"] == figures["cloned"]["right"] == 1.0
    rounds = [1]

    def cut_short(*arguments: Any) -> float:
        if not rounds:
            raise KeyboardInterrupt
        rounds.pop()
        return reinforce(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(school, "reinforce", cut_short)
        with pytest.raises(KeyboardInterrupt):
            course(tmp_path / "cut", Chooser(listener, Head(listener.width)))
    again = Chooser(listener, Head(listener.width))
    with monkeypatch.context() as patch:
        patch.delattr(school, "imitate")  # what was learnt by example is not learnt again
        assert course(tmp_path / "cut", again) == figures
    features = torch.randn(4, whole.head.width + NUMBERS)
    assert torch.equal(again.head(features), whole.head(features))
    with pytest.raises(ValueError, match="another course"):
        Lessons(tmp_path / "cut", again, resources.default_model_dir(), {"reader": "other"})


def test_one_seed_gives_one_browse(chooser: Chooser) -> None:
    """So a draw can be told again."""
    draws = [
        decided(QUESTION, tower_world(), chooser, KnowingJudge(ANSWER), choice=Choice(1.0, 5))[0]
        for _ in range(2)
    ]
    assert draws[0].trace == draws[1].trace


def test_a_head_is_kept_with_the_name_of_its_model(chooser: Chooser, tmp_path: Path) -> None:
    """Another model's hidden states mean something else: it is refused there."""
    model = resources.default_model_dir()
    chooser.save(tmp_path, model)
    again = load_chooser(tmp_path, model)
    features = torch.randn(4, chooser.head.width + NUMBERS)
    assert torch.equal(again.head(features), chooser.head(features))
    (tmp_path / "other").mkdir()
    for name in ("config.json", "tokenizer.json"):
        (tmp_path / "other" / name).write_bytes((model / name).read_bytes())
    config = (tmp_path / "other" / "config.json").read_text()
    digest = config.partition('"weights_sha256": "')[2][:64]
    (tmp_path / "other" / "config.json").write_text(config.replace(digest, "0" * 64))
    with pytest.raises(ValueError, match="another chat model"):
        load_chooser(tmp_path, tmp_path / "other")
    with pytest.raises(FileNotFoundError, match="train one"):
        load_chooser(tmp_path / "other", model)
