"""The lessons of the head that browses, each measured against the scripted policy.

The thing to know: a lesson takes minutes, so what each one came to, figures and head, is kept as
soon as it is known (`chatapp.browsing.lessons`), and a course that was cut short goes on behind the
last of them.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import torch

from chatapp.browsing.by_head import ACTIONS, Decision, decided
from chatapp.browsing.chooser import Chooser, Head
from chatapp.browsing.choosing import TEMPERATURE, reward
from chatapp.browsing.learning import Learning, advantages_of, copy_of, imitate, reinforce
from chatapp.browsing.lessons import BEST_BY, Figures, Lessons
from chatapp.browsing.offers import Offers
from chatapp.browsing.policy import Choice
from chatapp.training.best_of_n import best_of_n
from retrieval.browser.commands import parse
from retrieval.browser.judge import Judge
from retrieval.browser.pages import Page
from retrieval.browser.scripted import Effort, browse
from retrieval.browser.session import Browsed
from retrieval.browser.state import Limits, start
from retrieval.browser.step import step
from retrieval.browser.traces import RecordedWorld
from retrieval.browser.world import World
from retrieval.reading.train.labels import Asked
from retrieval.squad import contains_answer
from retrieval.types import Quote

EFFORT = Effort(pages=5)  # that of the app's settings
_KEPT = 4  # sentences of a page that are remembered; nobody asks for more
_SEED = 7
_CLONED = "cloned, right browses only"


@dataclass(frozen=True)
class Plan:
    """How much is done: draws for a question, rounds of PPO, questions in each."""

    draws: int = 4
    rounds: int = 4
    questions: int = 40


class RememberingJudge:
    """Reads a page for a question once, however often it is browsed."""

    def __init__(self, judge: Judge) -> None:
        self._judge = judge
        self._known: dict[tuple[str, str], list[Quote]] = {}

    def quotes(self, question: str, page: Page, *, most: int, threshold: float) -> list[Quote]:
        """See `Judge.quotes`."""
        key = question, page.id
        if key not in self._known:
            self._known[key] = self._judge.quotes(question, page, most=_KEPT, threshold=0.0)
            self._judge.forget()
        return [quote for quote in self._known[key] if quote.score >= threshold][:most]

    def weigh(self, question: str, most: int) -> list[Quote]:
        """See `Judge.weigh`: the pages are not weighed against each other."""
        return []

    def forget(self) -> None:
        """See `Judge.forget`."""


class School:
    """Teaches one chooser in one world."""

    def __init__(
        self,
        chooser: Chooser,
        world: World,
        judge: Judge,
        parts: tuple[Sequence[Asked], Sequence[Asked]],
        plan: Plan,
        lessons: Lessons,
        learning: Learning | None = None,
    ) -> None:
        """`parts` are the questions to learn from and those to measure on."""
        self._chooser, self._world, self._judge = chooser, world, judge
        self._learn, self._measure = parts
        self._plan, self._lessons, self._learning = plan, lessons, learning or Learning()

    def run(self) -> None:
        """Take all lessons; the chooser has the head that is best on what it learnt from."""
        take, plan = self._lessons.take, self._plan
        take("scripted", self._browsed_by_script)
        take("cloned", lambda: self._imitated([each for each, _ in self._shown]))
        take(_CLONED, lambda: self._imitated([each for each, right in self._shown if right]))
        take(f"best of {plan.draws} of the cloned", self._best_of)
        beginning, rounds = copy_of(self._chooser.head), range(1, plan.rounds + 1)
        for number in rounds:
            take(f"PPO, round {number}", partial(self._reinforced, number, beginning))
        self._lessons.take_up_best([_CLONED, *(f"PPO, round {number}" for number in rounds)])
        take("PPO, the head that is best on what it learnt from", self._greedy)
        take(f"best of {plan.draws} after PPO", self._best_of)

    def _browsed_by_script(self) -> Figures:
        return _figures([self._scripted(asked) for asked in self._measure], self._measure)

    @cached_property
    def _shown(self) -> list[tuple[list[Decision], bool]]:
        """What the scripted policy decided on each question, and whether it came out right."""
        browses = [(self._scripted(asked), asked) for asked in self._learn]
        return [
            (decisions_of(browsed, self._judge, self._chooser), is_right(browsed, asked))
            for browsed, asked in browses
        ]

    def _imitated(self, browses: Sequence[Sequence[Decision]]) -> Figures:
        torch.manual_seed(_SEED)
        self._chooser.head = Head(self._chooser.head.width)
        decisions = [each for browse in browses for each in browse]
        agreed = imitate(self._chooser.head, decisions, self._learning)
        return {**self._greedy(), "decisions": len(decisions), "agreement": agreed}

    def _best_of(self) -> Figures:
        """Draw for each question, and note what the reward would choose among n of the draws."""
        drawn = [
            [(reward(b), float(is_right(b, asked)), float(b.actions)) for b, _ in self._draw(asked)]
            for asked in self._measure
        ]
        rewards, right, actions = torch.tensor(drawn).unbind(-1)
        figures = {"actions of a draw": float(actions.mean())}
        for n in (1, self._plan.draws):
            figures[f"right of {n}"] = float(best_of_n(rewards, right, n).mean())
        return figures

    def _reinforced(self, number: int, beginning: Head) -> Figures:
        torch.manual_seed(_SEED + number)
        asked = self._round(number)
        drawn = [self._draw(each, number) for each in asked]
        rewards = [
            [is_right(b, each) + reward(b) for b, _ in row]
            for each, row in zip(asked, drawn, strict=True)
        ]
        made = [decisions for row in drawn for _, decisions in row]
        divergence = reinforce(
            self._chooser.head, made, advantages_of(rewards), beginning, self._learning
        )
        mean = sum(map(sum, rewards)) / len(made)
        return {**self._greedy(), "reward": mean, "divergence": divergence}

    def _round(self, number: int) -> Sequence[Asked]:
        """Return the questions of a round; one after the other they go through all."""
        count = min(self._plan.questions, len(self._learn))
        first = (number - 1) * count % len(self._learn)
        return [*self._learn, *self._learn][first : first + count]

    def _greedy(self) -> Figures:
        """Return the figures of the likeliest commands, and how often they are right on `learn`."""
        learnt = [is_right(self._likeliest(asked), asked) for asked in self._learn]
        figures = _figures([self._likeliest(asked) for asked in self._measure], self._measure)
        return {**figures, BEST_BY: sum(learnt) / len(learnt)}

    def _likeliest(self, asked: Asked) -> Browsed:
        return decided(asked.question, self._world, self._chooser, self._judge)[0]

    def _draw(self, asked: Asked, number: int = 0) -> list[tuple[Browsed, list[Decision]]]:
        return [
            decided(
                asked.question,
                self._world,
                self._chooser,
                self._judge,
                choice=Choice(TEMPERATURE, seed=number * self._plan.draws + draw),
            )
            for draw in range(self._plan.draws)
        ]

    def _scripted(self, asked: Asked) -> Browsed:
        limits = Limits(actions=ACTIONS)
        return browse(asked.question, self._world, self._judge, limits=limits, effort=EFFORT)


def _figures(browses: Sequence[Browsed], questions: Sequence[Asked]) -> Figures:
    pairs = list(zip(browses, questions, strict=True))
    n = len(pairs)
    right = sum(is_right(b, asked) for b, asked in pairs) / n
    return {
        "right": right,
        "stderr": (right * (1 - right) / n) ** 0.5,
        "quoted": sum(bool(b.quotes) for b in browses) / n,
        "actions": sum(b.actions for b in browses) / n,
    }


def is_right(browsed: Browsed, asked: Asked) -> bool:
    """Say whether the best quote holds an answer."""
    return bool(browsed.quotes) and contains_answer(browsed.quotes[0].text, asked.answers)


def decisions_of(browsed: Browsed, judge: Judge, chooser: Chooser) -> list[Decision]:
    """Return the steps of a browse as decisions, as far as what was done was on offer."""
    trace = [json.loads(line) for line in browsed.trace]
    world, offers = RecordedWorld(trace), Offers(judge)
    state = start(browsed.state.question, browsed.state.limits)
    found = []
    for command in (line["command"] for line in trace if line["type"] == "step"):
        offered = offers.of(state)
        chosen = next((n for n, offer in enumerate(offered) if offer.command == command), None)
        if chosen is not None:
            found.append(Decision(chooser.features(state.question, offered), chosen, 0.0))
        state = step(state, parse(command), world)
    return found
