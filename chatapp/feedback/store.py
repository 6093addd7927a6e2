"""The judgements in the conversation file: ratings, comparisons, corrections.

Each holds the exact prompt and answers of its time, so that it stays true whatever happens to the
conversation later. Private conversations are judged like others: giving feedback is an act of the
person's own.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from chatapp.conversations import ConversationStore, Message, NotFound

if TYPE_CHECKING:
    from sqlite_utils import Database

Kind = Literal["rating", "comparison", "correction"]

GOOD, BAD = 1.0, 0.0
_COLUMNS = "id, kind, message_id, conversation_id, prompt, answer, other, reward, model, created_at"


class NotJudgeable(ValueError):
    """What was to be judged is no finished answer, or the two are not answers to one question."""


@dataclass(frozen=True)
class Judgement:
    """One judgement. `prompt` are the persona, if any, and the turns before the answer.

    A rating has a `reward` from 0 to 1. In a comparison `answer` was preferred to `other`; in a
    correction `answer` is what the person wrote instead of `other`.
    """

    id: str
    kind: Kind
    message_id: str | None
    conversation_id: str | None
    prompt: tuple[dict[str, str], ...]
    answer: str
    other: str
    reward: float | None
    model: str
    created_at: str


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
        return self._add("comparison", better, better.text, other=worse.text)

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
    ) -> Judgement:
        path = self._store.path_to(message.id)[:-1]
        persona = self._store.conversation(message.conversation_id).persona
        prompt = [{"role": "system", "content": persona}] if persona else []
        prompt += [{"role": turn.role, "content": turn.text} for turn in path if turn.text]

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
                    "prompt": json.dumps(prompt, ensure_ascii=False),
                    "answer": answer,
                    "other": other,
                    "reward": reward,
                    "model": message.model,
                    "created_at": self._store.now(),
                }
            )
            return _get(db, judgement_id)

        return self._store.write(job)


def _get(db: Database, judgement_id: str) -> Judgement:
    for row in db.query(f"select {_COLUMNS} from feedback where id = ?", [judgement_id]):
        return _to_judgement(row)
    raise NotFound(f"There is no feedback {judgement_id}.")


def _to_judgement(row: dict[str, Any]) -> Judgement:
    return Judgement(**{**row, "prompt": tuple(json.loads(row["prompt"]))})
