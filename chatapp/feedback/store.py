"""The judgements in the conversation file: ratings, comparisons, corrections.

Each holds the exact prompt and answers of its time, so that it stays true whatever happens to the
conversation later: what the model was given, with instructions, memories and results of tools. An
answer that no model made, or of a time when that was not kept, has persona and turns instead. What
is purged takes its judgements along.
Private conversations are judged like others: giving feedback is an act of the person's own.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from chatapp.conversations import ConversationStore, Message, NotFound
from chatapp.conversations.seen import BLANK, PromptTurn
from chatapp.feedback.given import given_for

if TYPE_CHECKING:
    from sqlite_utils import Database

Kind = Literal["rating", "comparison", "correction"]

GOOD, BAD = 1.0, 0.0
_COLUMNS = (
    "id, kind, message_id, conversation_id, prompt, answer, other, reward, model, created_at, "
    "exact, other_prompt"
)


class NotJudgeable(ValueError):
    """What was to be judged is no finished answer, or the two are not answers to one question."""


@dataclass(frozen=True)
class Judgement:
    """One judgement. `prompt` are the turns before the answer.

    A rating has a `reward` from 0 to 1. In a comparison `answer` was preferred to `other`; in a
    correction `answer` is what the person wrote instead of `other`. `exact` says that `prompt` is
    what the model was given, to the byte, and nothing of it was forgotten since; `other_prompt` is
    what the other answer of a comparison was made from, if that was not the same.
    """

    id: str
    kind: Kind
    message_id: str | None
    conversation_id: str | None
    prompt: tuple[PromptTurn, ...]
    answer: str
    other: str
    reward: float | None
    model: str
    created_at: str
    exact: bool = False
    other_prompt: tuple[PromptTurn, ...] = ()


class Feedback:
    """The judgements in the file of `store`."""

    def __init__(self, store: ConversationStore) -> None:
        self._store = store

    def rate(self, message_id: str, reward: float) -> Judgement:
        """Judge an answer from 0 (bad) to 1 (good); a second rating replaces the first.

        Raises:
            NotFound: there is no such message.
            NotJudgeable: it is no finished answer, or the reward is out of range.
        """
        if not 0 <= reward <= 1:
            raise NotJudgeable("a rating lies between 0 (bad) and 1 (good)")
        answer = self._answer(message_id)
        return self._add("rating", answer, answer.text, reward=reward)

    def correct(self, message_id: str, text: str) -> Judgement:
        """Store what the person would have answered instead. Raises NotFound, NotJudgeable."""
        answer = self._answer(message_id)
        if not text.strip() or text.strip() == answer.text.strip():
            raise NotJudgeable("a correction differs from the answer and is not empty")
        return self._add("correction", answer, text.strip(), other=answer.text)

    def prefer(self, message_id: str, other_id: str) -> Judgement:
        """Store that one answer is better than another one to the same question.

        Raises:
            NotFound: one of them does not exist.
            NotJudgeable: they answer different questions, or say the same.
        """
        better, worse = self._answer(message_id), self._answer(other_id)
        if better.id == worse.id or better.parent_id != worse.parent_id:
            raise NotJudgeable("only two answers to the same question can be compared")
        if better.text == worse.text:
            raise NotJudgeable("the two answers say the same")
        return self._add("comparison", better, better.text, other=worse.text, beside=worse)

    def all(self) -> list[Judgement]:
        """Return every judgement, oldest first."""
        query = f"select {_COLUMNS} from feedback order by key"
        return self._store.read(lambda db: [_to_judgement(row) for row in db.query(query)])

    def remove(self, judgement_id: str) -> Judgement:
        """Take a judgement back. Raises NotFound."""

        def job(db: Database) -> Judgement:
            judgement = _get(db, judgement_id)
            db.execute("delete from feedback where id = ?", [judgement_id])
            return judgement

        return self._store.write(job)

    def _answer(self, message_id: str) -> Message:
        message = self._store.message(message_id)
        if message.role != "assistant" or message.status == "streaming" or not message.text:
            raise NotJudgeable("only an answer that has ended can be judged")
        return message

    def _add(
        self,
        kind: Kind,
        message: Message,
        answer: str,
        *,
        other: str = "",
        reward: float | None = None,
        beside: Message | None = None,
    ) -> Judgement:
        given = given_for(self._store, message)
        other_given = given_for(self._store, beside) if beside else given
        another = () if other_given.turns == given.turns else other_given.turns

        def job(db: Database) -> Judgement:
            if kind != "comparison":
                db.execute(
                    "delete from feedback where message_id = ? and kind = ?", [message.id, kind]
                )
            judgement_id = self._store.unused_id(db)
            db.table("feedback").insert(
                {
                    "id": judgement_id,
                    "kind": kind,
                    "message_id": message.id,
                    "conversation_id": message.conversation_id,
                    "prompt": _to_json(given.turns),
                    "answer": answer,
                    "other": other,
                    "reward": reward,
                    "model": message.model,
                    "created_at": self._store.now(),
                    "exact": int(given.exact and other_given.exact),
                    "other_prompt": _to_json(another),
                }
            )
            return _get(db, judgement_id)

        return self._store.write(job)


def _get(db: Database, judgement_id: str) -> Judgement:
    for row in db.query(f"select {_COLUMNS} from feedback where id = ?", [judgement_id]):
        return _to_judgement(row)
    raise NotFound(f"There is no feedback {judgement_id}.")


def _to_judgement(row: dict[str, Any]) -> Judgement:
    prompts = {name: _from_json(row[name]) for name in ("prompt", "other_prompt")}
    turns = [turn for given in prompts.values() for turn in given]
    whole = not any(BLANK in turn.content for turn in turns)
    return Judgement(**{**row, **prompts, "exact": bool(row["exact"]) and whole})


def _to_json(turns: Iterable[PromptTurn]) -> str:
    return json.dumps([turn.to_json() for turn in turns], ensure_ascii=False)


def _from_json(text: str) -> tuple[PromptTurn, ...]:
    return tuple(PromptTurn.from_json(turn) for turn in json.loads(text))
