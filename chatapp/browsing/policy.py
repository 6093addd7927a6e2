"""The learned policy: a chat model says the next command, under a mask made of the state.

It drives the same session as the scripted policy and gives the same `Browsed`. The judge has no say
in what it does; it only scores what was quoted, so that both policies are measured alike.
"""

from __future__ import annotations

from dataclasses import dataclass

from chatapp.browsing.mask import OneCommand
from chatapp.browsing.prompt import LONGEST_REPLY, fitted
from chatapp.inference.generator import Generator, SamplingParams, TextDelta
from retrieval.browser.allowed import allowed
from retrieval.browser.judge import Judge
from retrieval.browser.session import Browsed, Halted, Session, Watch, Why
from retrieval.browser.state import Limits, State
from retrieval.browser.world import World
from retrieval.types import Quote

ACTIONS = 20  # the window holds no long browse


@dataclass(frozen=True)
class Choice:
    """How a command is chosen: the likeliest, or drawn at a temperature with a seed."""

    temperature: float = 0.0
    seed: int = 0


def browse(
    question: str,
    world: World,
    generator: Generator,
    judge: Judge,
    *,
    limits: Limits | None = None,
    watch: Watch | None = None,
    choice: Choice | None = None,
) -> Browsed:
    """Let a model look for an answer to `question`; see `retrieval.browser.scripted.browse`."""
    watch, choice = watch or Watch(), choice or Choice()
    session = Session(question, world, limits or Limits(actions=ACTIONS), watch)
    why: Why = "nothing_found"
    try:
        while session.state.ended is None:
            session.check()
            session.do(next_command(session.state, generator, choice, watch))
        why = why_ended(session.state)
    except Halted as halted:
        why = halted.why
    try:
        return session.finish(why, judged(judge, session))
    finally:
        judge.forget()


def next_command(state: State, generator: Generator, choice: Choice, watch: Watch) -> str:
    """Return the command that the model says in `state`. Raises `Halted` when it is stopped."""
    messages, room = fitted(state, generator.count_tokens, generator.context_length)
    params = SamplingParams(
        max_tokens=LONGEST_REPLY,
        greedy=choice.temperature <= 0,
        temperature=max(choice.temperature, 1e-3),
        top_k=0,
        top_p=1.0,
        repetition_penalty=1.0,
        seed=choice.seed + state.actions_left,
        constraint=OneCommand(allowed(state, room), LONGEST_REPLY - 1),
    )
    said = generator.stream(messages, params, watch.should_stop)
    text = "".join(part.text for part in said if isinstance(part, TextDelta))
    if watch.should_stop():
        raise Halted("stopped")
    return text


def judged(judge: Judge, session: Session) -> list[Quote]:
    """Return what the judge finds on the quoted pages: it gives the quotes their support."""
    question = session.state.question
    for page in dict.fromkeys(quote.page for quote in session.state.quotes):
        judge.quotes(question, session.pages[page], most=1, threshold=0.0)
    return judge.weigh(question, _MANY)


_MANY = 20


def why_ended(state: State) -> Why:
    """Say how a browse ended that nobody cut short."""
    if state.answers:
        return "answered"
    return "actions" if state.ended == "actions" else "nothing_found"
