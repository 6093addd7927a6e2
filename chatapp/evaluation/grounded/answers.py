"""An answer as it is judged: a short one, statements with citations, and how sure it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from chatapp.evaluation.grounded.citations import Statement
from chatapp.evaluation.schemas import Question


@dataclass(frozen=True)
class Answer:
    """What somebody answered to one question; `short` is empty exactly for a refusal.

    Attributes:
        short: what is compared with the gold answers.
        statements: the sentences that were shown, with the quotes that each cites.
        confidence: from 0 to 1; of a refusal, of the best that was not said.
        actions: of the browser; 0 where nothing was browsed.
        seconds: from the question to the answer.
        invalid: actions that were refused.
        reward: what best-of-n chooses by; None where answers are not drawn.
        ended: why a browse ended, in its own words.
    """

    short: str
    statements: tuple[Statement, ...] = ()
    confidence: float = 0.0
    actions: int = 0
    seconds: float = 0.0
    invalid: int = 0
    reward: float | None = None
    ended: str = ""

    @property
    def refused(self) -> bool:
        """Whether it says that nothing was found."""
        return not self.short

    def after(self, seconds: float) -> Answer:
        """Return the same answer with the time it took."""
        return replace(self, seconds=seconds)

    @property
    def text(self) -> str:
        """All that was shown."""
        return " ".join([self.short, *(statement.text for statement in self.statements)])


class Answerer(Protocol):
    """A way of answering: one row of the table."""

    @property
    def name(self) -> str:
        """Return the name of its row."""
        ...

    def answer(self, question: Question) -> Answer:
        """Answer one question. Never raises for what the web or a model does."""
        ...


class Sampler(Answerer, Protocol):
    """An answerer whose answers can be drawn several times, for best-of-n."""

    def draw(self, question: Question, count: int) -> Sequence[Answer]:
        """Return `count` answers with their rewards, drawn independently."""
        ...
