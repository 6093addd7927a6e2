"""Teach the head to browse, and measure every step of it against the scripted policy.

    python -m chatapp.browsing.learn --index FILE --data DIR --out DIR

In order: imitate all browses of the scripted policy; imitate only those that quoted a right answer;
draw several browses and keep the best (best of n); PPO. Only questions of the learning part take
part; some of them are kept to measure on. What each step reaches is printed as it is known, and
all of it as JSON in the last line.
"""

from __future__ import annotations

import argparse
import copy
import json
import random
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from chatapp import resources
from chatapp.browsing.by_head import ACTIONS, Decision, decided
from chatapp.browsing.chooser import Chooser, Head, Listener
from chatapp.browsing.choosing import TEMPERATURE, reward
from chatapp.browsing.learning import Learning, advantages_of, copy_of, imitate, reinforce
from chatapp.browsing.offers import Offers
from chatapp.browsing.policy import Choice
from chatapp.model.checkpoint import load_model
from chatapp.training.best_of_n import best_of_n
from retrieval.browser.commands import parse
from retrieval.browser.judge import Judge, PassageJudge
from retrieval.browser.local import IndexWorld
from retrieval.browser.pages import Page
from retrieval.browser.scripted import Effort, browse
from retrieval.browser.session import Browsed
from retrieval.browser.state import Limits, start
from retrieval.browser.step import step
from retrieval.browser.traces import RecordedWorld
from retrieval.browser.world import World
from retrieval.index import Index
from retrieval.reading.reader import load_reader
from retrieval.reading.train.labels import Asked, held_out, load
from retrieval.squad import contains_answer
from retrieval.types import Quote

EFFORT = Effort(pages=5)  # that of the app's settings
_SEED = 7
FILES = ("squad-v1.1-dev-a",)


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
            self._known[key] = self._judge.quotes(question, page, most=most, threshold=0.0)
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
        learning: Learning,
    ) -> None:
        """`parts` are the questions to learn from and those to measure on."""
        self._chooser, self._world, self._judge = chooser, world, judge
        self._learn, self._measure = parts
        self._plan, self._learning = plan, learning
        self.steps: dict[str, dict[str, float]] = {}

    def run(self) -> None:
        """Take all steps; the chooser has the last head."""
        self._note("scripted", [self._scripted(asked) for asked in self._measure])
        browses = [(self._scripted(asked), asked) for asked in self._learn]
        decisions = [decisions_of(b, self._judge, self._chooser) for b, _ in browses]
        right = [d for d, (b, a) in zip(decisions, browses, strict=True) if is_right(b, a)]
        self._imitated("cloned", [each for browse in decisions for each in browse])
        self._chooser.head = Head(self._chooser.head.width)
        self._imitated("cloned, right browses only", [each for browse in right for each in browse])
        self._best_of("best of {} of the cloned")
        self._reinforced()
        self._best_of("best of {} after PPO")

    def _imitated(self, name: str, decisions: Sequence[Decision]) -> None:
        agreed = imitate(self._chooser.head, decisions, self._learning)
        self._greedy(name, {"decisions": len(decisions), "agreement": agreed})

    def _best_of(self, name: str) -> None:
        """Draw for each question, and note what the reward would choose among n of the draws."""
        count = self._plan.draws
        drawn = [
            [(reward(b), float(is_right(b, asked)), float(b.actions)) for b, _ in self._draw(asked)]
            for asked in self._measure
        ]
        table = torch.tensor(drawn)
        for n in (1, count):
            right, actions = (best_of_n(table[..., 0], table[..., k], n).mean() for k in (1, 2))
            self._told(name.format(n), {"right": float(right), "actions": n * float(actions)})

    def _reinforced(self) -> None:
        beginning = copy_of(self._chooser.head)
        best, best_right = copy.deepcopy(self._chooser.head), self._on_learnt()
        for number in range(1, self._plan.rounds + 1):
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
            self._greedy(f"PPO, round {number}", {"reward": mean, "divergence": divergence})
            right = self._on_learnt()
            if right > best_right:
                best, best_right = copy.deepcopy(self._chooser.head), right
        self._chooser.head = best
        self._greedy("PPO, the head that is best on what it learnt from", {})

    def _round(self, number: int) -> Sequence[Asked]:
        """Return the questions of a round; one after the other they go through all."""
        count = min(self._plan.questions, len(self._learn))
        first = (number - 1) * count % len(self._learn)
        return [*self._learn, *self._learn][first : first + count]

    def _on_learnt(self) -> float:
        found = [is_right(self._likeliest(asked), asked) for asked in self._learn]
        return sum(found) / len(found)

    def _greedy(self, name: str, further: dict[str, float]) -> None:
        self._note(name, [self._likeliest(asked) for asked in self._measure], further)

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
        return browse(
            asked.question,
            self._world,
            self._judge,
            limits=Limits(actions=ACTIONS),
            effort=EFFORT,
        )

    def _note(
        self, name: str, browses: Sequence[Browsed], further: dict[str, float] | None = None
    ) -> None:
        pairs = list(zip(browses, self._measure, strict=True))
        n = len(pairs)
        right = sum(is_right(b, asked) for b, asked in pairs) / n
        self._told(
            name,
            {
                "right": right,
                "stderr": (right * (1 - right) / n) ** 0.5,
                "quoted": sum(bool(b.quotes) for b in browses) / n,
                "actions": sum(b.actions for b in browses) / n,
                **(further or {}),
            },
        )

    def _told(self, name: str, figures: dict[str, float]) -> None:
        self.steps[name] = {key: round(value, 4) for key, value in figures.items()}
        print(f"{name}: {self.steps[name]}", file=sys.stderr, flush=True)


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


def main() -> None:
    """Read the arguments, teach, and save the head."""
    parser = argparse.ArgumentParser(prog="python -m chatapp.browsing.learn")
    parser.add_argument("--index", type=Path, required=True, help="index of the world to browse")
    parser.add_argument("--data", type=Path, required=True, help="the data pack")
    parser.add_argument("--out", type=Path, required=True, help="directory for the head")
    parser.add_argument("--model", type=Path, default=resources.default_model_dir())
    parser.add_argument("--learn", type=int, default=60, help="questions to learn from")
    parser.add_argument("--measure", type=int, default=40, help="questions to measure on")
    parser.add_argument("--rounds", type=int, default=Plan.rounds, help="rounds of PPO")
    chosen = parser.parse_args()
    torch.manual_seed(_SEED)
    embedder, reader = resources.embedder_dir(), load_reader(resources.reader_dir())
    questions = unseen(chosen.data)[: chosen.learn + chosen.measure]
    index = Index.open(chosen.index, embedder_dir=embedder, read_only=True)
    listener = Listener(*load_model(chosen.model))
    chooser = Chooser(listener, Head(listener.width))
    judge = RememberingJudge(PassageJudge(embedder, reader))
    parts = questions[chosen.measure :], questions[: chosen.measure]
    plan = Plan(rounds=chosen.rounds)
    school = School(chooser, IndexWorld(index), judge, parts, plan, Learning())
    try:
        school.run()
    finally:
        index.close()
    chooser.save(chosen.out, chosen.model)
    print(json.dumps({"metrics": school.steps, "n": chosen.measure}))


def unseen(data: Path) -> list[Asked]:
    """Return questions to learn from whose articles the reader has not read: it is surer of those.

    In an order of their own, and each with an answer.
    """
    questions = [asked for asked in load(data, FILES) if held_out(asked) and asked.answers]
    random.Random(_SEED).shuffle(questions)
    return questions


if __name__ == "__main__":
    main()
