"""Memory: the one object the assistant talks to. Blocking; use it from one worker thread.

It learns from what the person types, answers what they ask about themself or about earlier
conversations with what stands in the store, and picks facts for a prompt. It generates nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING

from chatapp.conversations import ConversationStore, Message
from chatapp.memory import questions
from chatapp.memory.background import Background
from chatapp.memory.profile import Profile
from chatapp.memory.ranking import MOST_FACTS, choose
from chatapp.memory.recall import Recall
from chatapp.memory.scoring import SHOWN, Scale
from chatapp.memory.types import Fact, Learnt, Round

if TYPE_CHECKING:
    from retrieval.embedding import Embedder
    from retrieval.embedding.pieces import PieceEncoder

READ_AT_ONCE = 16  # rounds that are read in context while a person waits: 0.1 s
COMPARED = 11  # rounds that are looked at to tell whether any is about the question
SAID_IN_SO_MANY_WORDS = 0.85  # of the question's words; then a round is about it, alone or not
NOT_SAID = "I found nothing about that in our conversations."
NEAREST = "I found nothing that is clearly about that in our conversations. The nearest: "
_LONGEST_EXCERPT = 300  # characters


@dataclass(frozen=True)
class Reply:
    """An answer from memory: its text and what it stands on. Both empty tuples: not found."""

    text: str
    facts: tuple[Fact, ...] = ()
    rounds: tuple[Round, ...] = ()

    @property
    def found(self) -> bool:
        """Say whether it rests on anything."""
        return bool(self.facts or self.rounds)


class Memory:
    """Facts and recall over one store. Close it before its store.

    `load_embedder` may return None (then recall goes by words only), and so may `load_encoder`
    (then no round is read in context).
    """

    def __init__(
        self,
        store: ConversationStore,
        load_embedder: Callable[[], Embedder | None],
        load_encoder: Callable[[], PieceEncoder | None] = lambda: None,
    ) -> None:
        self.profile = Profile(store)
        self._store = store
        self._load_embedder, self._load_encoder = load_embedder, load_encoder
        self._background: Background | None = None

    @cached_property
    def _embedder(self) -> Embedder | None:
        return self._load_embedder()  # on first need: most turns recall nothing

    @cached_property
    def recall(self) -> Recall:
        """Return the search over earlier rounds."""
        return Recall(self._store, self._embedder, self._load_encoder())

    def read_on(self, seconds: float) -> None:
        """Go on with earlier rounds that are being read, for so long at most: nobody waits."""
        if self._background is not None:
            self._background.finish(seconds)

    def close(self) -> None:
        """Stop what goes on in the background. From any thread."""
        if self._background is not None:
            self._background.close()

    def learn(self, message: Message) -> list[Learnt]:
        """Store what a message of the person's own states about them; see `Profile.learn`."""
        return self.profile.learn(message)

    def reply(self, question: str, now: datetime, *, without: Collection[str] = ()) -> Reply | None:
        """Return the answer to a question about the person or about what was said, else None.

        `without` are ids of user messages that answer nothing, such as the question itself.
        """
        if parts := questions.parts_about_person(question):
            told = [
                (part, asked, questions.facts_for(self.profile, asked)) for part, asked in parts
            ]
            facts = dict.fromkeys(fact for _, _, facts in told for fact in facts)
            if facts or any(asked.sure for _, asked in parts):
                return Reply(questions.answers(told), facts=tuple(facts))
        if questions.asks_what_was_said(question):
            return self._what_was_said(question, now, without)
        return None

    def relevant(self, question: str, now: datetime, *, limit: int = MOST_FACTS) -> list[Fact]:
        """Return the facts that have to do with `question`, most relevant first."""
        facts = self.profile.facts()
        return choose(facts, question, now, self._embedder, limit=limit) if facts else []

    def dropped(
        self, question: str, now: datetime, conversation: str, seen: Collection[str], *, limit: int
    ) -> list[Round]:
        """Return rounds of a conversation that the model no longer sees and `question` needs.

        `seen` are ids of the user messages that still are in its window.
        """
        self._catch_up()
        found = self.recall.search(
            question, now, limit=limit, without=seen, conversation=conversation
        )
        return [r for r in found if r.score >= self.recall.scale.worth_telling]

    def _catch_up(self) -> None:
        """Bring recall up to date: many rounds are read in context when nobody waits for it."""
        self.recall.index_new()
        contexts = self.recall.contexts
        if contexts is None:
            return
        waiting = contexts.waiting(READ_AT_ONCE + 1)
        if waiting > READ_AT_ONCE:
            self._background = self._background or Background(contexts)
            self._background.begin()
        elif waiting:
            contexts.read_new(READ_AT_ONCE + 1)

    def _what_was_said(self, question: str, now: datetime, without: Collection[str]) -> Reply:
        self._catch_up()
        rounds = self.recall.search(question, now, limit=COMPARED, without=without)
        echoes = {r.message_id for r in rounds if questions.asks_what_was_said(r.question)}
        if echoes:  # asked before: a question and what was recalled for it are not what was said
            ignored = echoes.union(without)
            rounds = self.recall.search(question, now, limit=COMPARED, without=ignored)
        scale = self.recall.scale
        if not rounds:
            return Reply(NOT_SAID)
        if not is_relevant(rounds, scale):
            return Reply(NEAREST + _excerpt(rounds[0]))
        best = [r for r in rounds[:SHOWN] if r.score >= scale.near_the_best * rounds[0].score]
        return Reply("\n\n".join(_excerpt(found) for found in best), rounds=tuple(best))


def is_relevant(found: Sequence[Round], scale: Scale) -> bool:
    """Say whether the best of the recalled rounds are about what was asked, or just the nearest."""
    if not found:
        return False
    return found[0].held >= SAID_IN_SO_MANY_WORDS or scale.evidence(found) >= scale.relevant


def _excerpt(found: Round) -> str:
    said = f"On {questions.day(found.created_at)} you wrote: “{_short(found.question)}”"
    return f"{said} I answered: “{_short(found.answer)}”" if found.answer else said


def _short(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= _LONGEST_EXCERPT else flat[: _LONGEST_EXCERPT - 1].rstrip() + "…"
