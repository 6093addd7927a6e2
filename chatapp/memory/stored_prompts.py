"""Forgetting in what models were given: stored prompts, copies of them in judgements, summaries.

A prompt repeats facts in the very words of that time. They are blanked where it says that it tells
what is remembered, and nowhere else in it, so that the rest stays what the model was given.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from chatapp.conversations.seen import BLANK, PromptTurn, Seen, ToldFact
from chatapp.memory.wording import Redact, telling, without

if TYPE_CHECKING:
    from sqlite_utils import Database

Forgotten = Callable[[ToldFact], bool]
"""Say whether a fact that was told (id, slot, key, value) is to be forgotten."""


@dataclass(frozen=True)
class Prompts:
    """What to blank in stored prompts, judgements and summaries.

    Attributes:
        anywhere: blanks what tells the fact wherever it stands.
        near: blanks its words where the fact was stated or told.
        forgotten: which told facts go; they may have had other words then.
        everywhere: blank the words in what is not told from memory too.
    """

    anywhere: Redact
    near: Redact
    forgotten: Forgotten
    everywhere: bool = False

    def redact_calls(self, db: Database, conversation_id: str | None = None) -> None:
        """Blank what calls were given, in one conversation or in all."""
        if "seen" not in db.table("turns").columns_dict:  # a copy may be older than that
            return
        query = """
            select key from turns where seen <> '{}' and (:all or seen like '%"told"%')
                and (:id is null or message_id in (
                    select id from messages where conversation_id = :id
                ))
        """
        values = {"all": self.everywhere, "id": conversation_id}
        keys = [row["key"] for row in db.query(query, values)]
        for key in keys:  # one at a time: all prompts of a long life are many megabytes
            text = db.execute("select seen from turns where key = ?", [key]).fetchone()[0]
            seen = Seen.from_json(json.loads(text))
            if seen is not None and (new := self._seen(seen)) != seen:
                text = json.dumps(new.to_json(), ensure_ascii=False)
                db.execute("update turns set seen = ? where key = ?", [text, key])

    def redact_judgements(
        self,
        db: Database,
        changed: Mapping[str, str],
        conversation_id: str | None = None,
        *,
        told: Collection[str] = (),
    ) -> None:
        """Blank copies of messages, by their old texts, what prompts told, and corrections.

        `told` are ids of answers that used the fact: a correction of one is likely to name it.
        """
        if "feedback" not in db.table_names():
            return
        columns = [
            name
            for name in ("prompt", "other_prompt", "answer", "other")
            if name in db.table("feedback").columns_dict
        ]
        query = f"""
            select key, kind, message_id, {", ".join(columns)} from feedback
            where ? is null or conversation_id = ?
        """
        for row in list(db.query(query, [conversation_id, conversation_id])):
            new = {name: self._judged(name, row[name], changed) for name in columns}
            if row["kind"] == "correction":
                is_near = row["message_id"] in told or new["other"] != row["other"]
                new["answer"] = (self.near if is_near else self.anywhere)(new["answer"])
            if any(new[name] != row[name] for name in columns):
                db.table("feedback").update(row["key"], new)

    def redact_summaries(
        self, db: Database, conversation_id: str | None = None, *, near: Collection[str] = ()
    ) -> None:
        """Blank the words in summaries: what a model made of a statement tells it too.

        `near` are the conversations in which it was stated or told.
        """
        if "summaries" not in db.table_names():
            return
        query = """
            select s.message_id, s.text, m.conversation_id from summaries s
            join messages m on m.id = s.message_id where ? is null or m.conversation_id = ?
        """
        for row in list(db.query(query, [conversation_id, conversation_id])):
            redact = self.near if row["conversation_id"] in near else self.anywhere
            if (text := redact(row["text"])) != row["text"]:
                db.execute(
                    "update summaries set text = ? where message_id = ?", [text, row["message_id"]]
                )

    def _judged(self, name: str, text: str, changed: Mapping[str, str]) -> str:
        if not name.endswith("prompt"):
            copy = _as_changed(text, changed)
            return self.anywhere(copy) if self.everywhere else copy
        turns = [PromptTurn.from_json(turn) for turn in json.loads(text)]
        new = [self._turn(replace(t, content=_as_changed(t.content, changed))) for t in turns]
        if new == turns:
            return text
        return json.dumps([turn.to_json() for turn in new], ensure_ascii=False)

    def _seen(self, seen: Seen) -> Seen:
        head = seen.head and self._turn(seen.head)
        return replace(seen, head=head, tail=tuple(map(self._turn, seen.tail)))

    def _turn(self, turn: PromptTurn) -> PromptTurn:
        forgotten = [fact for fact in turn.facts if self.forgotten(fact)]
        then = {words for _, *fact in forgotten for words in telling(*fact)}
        spans = ((0, len(turn.content)),) if self.everywhere else turn.told
        content = turn.content
        for start, end in spans:
            told = without(then, self.anywhere(content[start:end]))
            content = content[:start] + told + content[end:]
        facts = tuple(
            (fact_id, slot, key, BLANK * len(value) if fact in forgotten else self.anywhere(value))
            for fact in turn.facts
            for fact_id, slot, key, value in [fact]
        )
        return replace(turn, content=content, facts=facts)


def _as_changed(text: str, changed: Mapping[str, str]) -> str:
    """Return a copy of a message as it reads now; the copy may be older than its end."""
    if text in changed or not text:
        return changed.get(text, text)
    return next((new[: len(text)] for old, new in changed.items() if old.startswith(text)), text)
