"""The learned policy over offers: a head over the chat model's hidden states chooses each command.

It drives the same session as the other policies and gives the same `Browsed`.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from chatapp.browsing.chooser import Chooser
from chatapp.browsing.offers import Offers
from chatapp.browsing.policy import Choice, why_ended
from retrieval.browser.judge import Judge
from retrieval.browser.session import Browsed, Halted, Session, Watch, Why
from retrieval.browser.state import Limits
from retrieval.browser.world import World

ACTIONS = 20


class Decision(NamedTuple):
    """Features (offers, F) of what could be chosen, what was, and its log-probability then."""

    features: Tensor
    chosen: int
    logprob: float


def browse(
    question: str,
    world: World,
    chooser: Chooser,
    judge: Judge,
    *,
    limits: Limits | None = None,
    watch: Watch | None = None,
    choice: Choice | None = None,
) -> Browsed:
    """Let the head look for an answer to `question`; see `retrieval.browser.scripted.browse`."""
    return decided(question, world, chooser, judge, limits, watch, choice)[0]


def decided(
    question: str,
    world: World,
    chooser: Chooser,
    judge: Judge,
    limits: Limits | None = None,
    watch: Watch | None = None,
    choice: Choice | None = None,
) -> tuple[Browsed, list[Decision]]:
    """Return a browse with its decisions, for learning."""
    session = Session(question, world, limits or Limits(actions=ACTIONS), watch)
    offers, decisions = Offers(judge), list[Decision]()
    drawing = _Drawing(choice or Choice())
    why: Why
    try:
        while session.state.ended is None:
            session.check()
            offered = offers.of(session.state)
            features = chooser.features(session.state.question, offered)
            with torch.inference_mode():
                decisions.append(drawing.decide(features, chooser.head(features)))
            session.do(offered[decisions[-1].chosen].command)
        why = why_ended(session.state)
    except Halted as halted:
        why = halted.why
    try:
        weighed = judge.weigh(session.state.question, _MANY)
        return session.finish(why, weighed, offers.found), decisions
    finally:
        judge.forget()


_MANY = 20


class _Drawing:
    """The likeliest, or a draw at a temperature; one seed gives the same browse again."""

    def __init__(self, choice: Choice) -> None:
        self._temperature = choice.temperature
        self._random = torch.Generator().manual_seed(choice.seed)

    def decide(self, features: Tensor, scores: Tensor) -> Decision:
        if self._temperature <= 0:
            chosen = int(scores.argmax())
        else:
            shares = torch.softmax(scores / self._temperature, -1)
            chosen = int(torch.multinomial(shares, 1, generator=self._random))
        return Decision(features, chosen, float(torch.log_softmax(scores, -1)[chosen]))
