"""Write a golden conversation file with the code of the checkout it is run in.

python tests/conversations/golden/make.py STEP, STEP being the last migration of that code, writes
STEP.sqlite3.xz and STEP.json beside this file. Run it once when a schema is released, never again:
the file must stay what the code of that time wrote. m002 was written before `tree`, facts and
feedback existed, m005 before parts did, m008 before pages did, by the same calls without them.
"""

from __future__ import annotations

import dataclasses
import json
import lzma
import sqlite3
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from chatapp.conversations import ConversationStore, Message, Outcome, Part, StoredCitation
from chatapp.feedback import Feedback
from chatapp.memory import Profile

HERE = Path(__file__).parent
WORDS = ("rhine", "netherl", "rotterdam", "東京タワー", "foo_bar", "basel")
FACTS = "select id, slot, value, status, valid_from, valid_to, source_text from facts order by key"
FEEDBACK = "select id, kind, message_id, prompt, answer, other, reward from feedback order by key"
RHINE = StoredCitation(
    1, "rises in the Swiss Alps", "Rhine", "wiki:Rhine", "doc1", "doc1:0", 120, 143, 0.91
)


def ticking() -> Callable[[], datetime]:
    """Return a clock that moves seven seconds at each look, from a fixed moment."""
    moments = (
        datetime(2026, 3, 1, 12, tzinfo=UTC) + timedelta(seconds=7 * n) for n in range(10**6)
    )
    return lambda: next(moments)


def turn(
    store: ConversationStore,
    question: str,
    answer: str,
    conversation: str | None = None,
    parent: str | None = None,
    **outcome: Any,
) -> Message:
    """Ask and answer, as a chat does."""
    started = store.begin_turn(conversation, question, parent).result()
    store.save_text(started.assistant.id, answer[: len(answer) // 2]).result()
    ended = {"status": "complete", "finish_reason": "stop", "grounding": "model"} | outcome
    usage = {"prompt": 11, "completion": 7}
    written = Outcome(answer, model="default", seconds=1.25, usage=usage, **ended)
    return store.finish(started.assistant.id, written).result()


def fill(store: ConversationStore) -> None:
    """Write a little of everything a file can hold."""
    first = turn(
        store,
        "Where does the Rhine rise?",
        "The Rhine rises in the Swiss Alps. [1]",
        grounding="grounded",
        citations=(RHINE,),
    )
    home = first.conversation_id
    note = {"name": "gauge.txt", "title": "Gauge", "uri": "file:///gauge.txt", "text": "At Basel."}
    call = {"id": "1", "name": "clock", "arguments": {}}
    store.add_parts(first.id, [Part("attachment", note), Part("tool_call", call)]).result()
    page = {"document": "doc1", "title": "Rhine", "uri": "https://rhine.example/", "text": "Basel."}
    searched = {"action": "search", "query": "Rhine"}
    store.add_parts(first.id, [Part("page", page), Part("step", searched)]).result()
    second = turn(store, "And where does it end?", "In the North Sea, near Rotterdam.", home)
    again = store.begin_answer(store.path_to(second.id)[-2].id).result()
    store.finish(again.id, Outcome("It ends in the Netherlands.", "complete", "stop")).result()
    turn(store, "And the Danube?", "In the Black Forest.", home, parent=first.id)
    store.select(second.id)
    tokyo = turn(store, "東京タワーはどこにありますか。", "港区にあります。")
    store.rename(tokyo.conversation_id, "東京")
    code = turn(store, "What is foo_bar(x)->y?\n```py\nfoo_bar(1)\n```", "A call. 🙂 e\u0301")
    turn(
        store,
        "Tell me a story.",
        "Once upon a",
        status="interrupted",
        finish_reason="interrupted",
    )
    store.delete(turn(store, "Delete this one.", "Gone but restorable.").conversation_id)
    turn(store, "Keep this to yourself.", "Of course.", store.create("Private", private=True).id)
    for fact in ("My name is Ada.", "I live in Bonn.", "I live in Berlin."):
        Profile(store).remember(fact)
    feedback = Feedback(store)
    feedback.rate(first.id, 1.0)
    feedback.correct(code.id, "It calls the function foo_bar.")
    feedback.prefer(second.id, again.id)


def described(store: ConversationStore) -> dict[str, Any]:
    """Return what the reading methods of this code return."""

    def message(found: Message) -> dict[str, Any]:
        citations = [dataclasses.asdict(citation) for citation in store.citations(found.id)]
        parts = [dataclasses.asdict(part) for part in store.parts(found.id)]
        parts = [part for part in parts if part["kind"] != "citation"]
        return dataclasses.asdict(found) | {"citations": citations, "parts": parts}

    conversations = {
        found.id: dataclasses.asdict(found)
        | {
            "tree": [message(each) for each in store.tree(found.id)],
            "path": [each.id for each in store.messages(found.id)],
        }
        for deleted in (False, True)
        for found in store.conversations(1000, deleted=deleted)
    }
    return {
        "conversations": conversations,
        "facts": store.read(lambda db: list(db.query(FACTS))),
        "feedback": store.read(lambda db: list(db.query(FEEDBACK))),
        "hits": {words: sorted(h.message_id for h in store.search(words)) for words in WORDS},
    }


def main(step: str) -> None:
    """Write both files of `step`."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "chat.sqlite3"
        store = ConversationStore.open(path, clock=ticking())
        fill(store)
        golden = described(store)
        store.close()
        with sqlite3.connect(path) as db:
            db.execute("pragma wal_checkpoint(truncate)")
            db.execute("vacuum")
        (HERE / f"{step}.sqlite3.xz").write_bytes(lzma.compress(path.read_bytes(), preset=9))
    text = json.dumps(golden, ensure_ascii=False, indent=1)
    (HERE / f"{step}.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
