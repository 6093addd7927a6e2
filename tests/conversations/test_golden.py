"""Files written by every earlier schema open with everything that was in them.

`golden/STEP.sqlite3.xz` was written by the code of that step, `golden/STEP.json` says what its own
reading methods returned. `golden/make.py` made both; it is run in a checkout of that time.
"""

from __future__ import annotations

import dataclasses
import json
import lzma
from pathlib import Path
from typing import Any

import pytest

from chatapp.conversations import ConversationStore

GOLDEN = Path(__file__).parent / "golden"
STEPS = sorted(path.name.removesuffix(".json") for path in GOLDEN.glob("*.json"))


@pytest.fixture(params=STEPS)
def step(request: pytest.FixtureRequest) -> str:
    """Name one earlier schema after its last migration."""
    return str(request.param)


@pytest.fixture
def expected(step: str) -> dict[str, Any]:
    """Return what the code of that time read from its file."""
    return json.loads((GOLDEN / f"{step}.json").read_text("utf-8"))


@pytest.fixture
def old_file(step: str, tmp_path: Path) -> Path:
    """Return a fresh copy of the file."""
    path = tmp_path / "chat.sqlite3"
    path.write_bytes(lzma.decompress((GOLDEN / f"{step}.sqlite3.xz").read_bytes()))
    return path


def holds(value: object, wanted: dict[str, Any]) -> bool:
    """Return whether a value type has every field that was known then, with its value of then."""
    now = json.loads(json.dumps(dataclasses.asdict(value)))  # type: ignore[call-overload]
    return all(now[name] == old for name, old in wanted.items())


def test_every_conversation_branch_and_citation_is_still_there(
    old_file: Path, expected: dict[str, Any]
) -> None:
    store = ConversationStore.open(old_file)
    for conversation_id, conversation in expected["conversations"].items():
        tree, path = conversation.pop("tree"), conversation.pop("path")
        assert holds(store.conversation(conversation_id), conversation)
        now = store.tree(conversation_id)
        assert [message.id for message in now] == [message["id"] for message in tree]
        for message, then in zip(now, tree, strict=True):
            citations, parts = then.pop("citations"), then.pop("parts", [])
            assert holds(message, then)
            for citation, old in zip(store.citations(message.id), citations, strict=True):
                assert holds(citation, old)
            kept = [part for part in store.parts(message.id) if part.kind != "citation"]
            assert [dataclasses.asdict(part) for part in kept] == parts
        assert [message.id for message in store.messages(conversation_id)] == path
    store.close()


def test_search_finds_what_it_found(old_file: Path, expected: dict[str, Any]) -> None:
    store = ConversationStore.open(old_file)
    for words, found in expected["hits"].items():
        assert sorted(hit.message_id for hit in store.search(words)) == found
    store.close()


def test_facts_and_judgements_are_still_there(old_file: Path, expected: dict[str, Any]) -> None:
    store = ConversationStore.open(old_file)
    for table in ("facts", "feedback"):
        for row in expected.get(table, []):
            names = ", ".join(f'"{name}"' for name in row)
            query = f"select {names} from {table} where id = ?"
            [now] = store.read(lambda db, q=query, i=row["id"]: list(db.query(q, [i])))
            assert now == row
    store.close()


def test_the_migrated_file_is_whole_and_the_old_one_is_kept(
    step: str, old_file: Path, tmp_path: Path
) -> None:
    """Its hashes are right, it can be written, and a copy of what it was lies beside it."""
    store = ConversationStore.open(old_file)
    assert store.verify() == []
    started = store.begin_turn(None, "Still writable?").result()
    assert store.search("writable")[0].message_id == started.user.id
    store.close()
    [kept] = tmp_path.glob("*.before-*Z")
    old = ConversationStore.open(kept)
    assert any(step in str(notice) or "brought up to date" in notice for notice in old.notices)
    old.close()
