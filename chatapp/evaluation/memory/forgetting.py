"""Forgetting, byte by byte: facts are told, noted, backed up and forgotten; then files are read.

The value is a word that stands nowhere else. Nothing may bring it back either: neither its own
message read again nor an export made before.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from chatapp.conversations import ConversationStore, Outcome
from chatapp.conversations.backups import back_up
from chatapp.evaluation.estimates import estimate
from chatapp.evaluation.memory.histories import Pair
from chatapp.evaluation.result import Metrics
from chatapp.evaluation.suite import present
from chatapp.memory import Profile
from chatapp.memory.forgetting import forget
from chatapp.memory.transfer import as_json, import_json

SAYINGS = (
    "I live in {}.",
    "My name is {}.",
    "Hello! I moved to {}, and it rains.",
    "My sister is called {}.",
    "I work at {}.",
    "I'm allergic to {}.",
    "I love {}.",
    "My favourite band is {}.",
    "please call me {}",
    "I grew up in {}.",
    "I'm working on a {}.",
    "i live in {} with my cat",
)
_WORDS = (
    *("Qwertzburg", "Zambrelina", "Xylophrania", "Kvornholt"),
    *("Wuxtropol", "Jazdrinka", "Yblonsk", "Fjorvik"),
)


def forgetting(others: list[Pair]) -> Metrics:
    """Forget every saying in a file of its own, among other rounds and with a backup made."""
    gone, stayed_gone = [], []
    for number, saying in enumerate(SAYINGS):
        word = f"{_WORDS[number % len(_WORDS)]}{'a' * (number // len(_WORDS))}"
        with tempfile.TemporaryDirectory(prefix="chatapp-forgetting-") as directory:
            clean, resisted = _forget_one(Path(directory), saying.format(word), word, others)
        gone.append(clean)
        stayed_gone.append(resisted)
    return present({"no byte left": estimate(gone), "not brought back": estimate(stayed_gone)})


def _forget_one(directory: Path, saying: str, word: str, others: list[Pair]) -> tuple[float, float]:
    path = directory / "chat.sqlite3"
    store = ConversationStore.open(path)
    try:
        profile = Profile(store)
        for pair in others:
            _say(store, *pair)
        begun = store.begin_turn(None, saying).result()
        (learnt, *_) = profile.learn(begun.user)
        assert learnt.fact is not None, f"the benchmark says what no rule reads: {saying}"
        noted = Outcome(f"Noted: {learnt.fact.to_person()}.", "complete", "stop", "memory")
        store.finish(begun.assistant.id, noted).result()
        exported = json.dumps(as_json(store))
        back_up(path, every_hours=0)
        forget(store, learnt.fact.id)
        clean = not _files_with(word, directory)
        again = profile.learn(store.begin_turn(None, saying).result().user)
        import_json(store, exported)
        return float(clean), float(not again and profile.facts(everything=True) == [])
    finally:
        store.close()


def _say(store: ConversationStore, user: str, assistant: str) -> None:
    begun = store.begin_turn(None, user).result()
    store.finish(begun.assistant.id, Outcome(assistant, "complete", "stop")).result()


def _files_with(word: str, directory: Path) -> list[str]:
    wanted = word.lower().encode()
    return [f.name for f in directory.iterdir() if wanted in f.read_bytes().lower()]
