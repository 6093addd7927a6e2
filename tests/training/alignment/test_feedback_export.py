"""What a person judged in the chat trains a reward model and tunes a model, as it is exported."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from chatapp.cli.feedback import feedback
from chatapp.conversations import ConversationStore
from chatapp.feedback import Feedback
from chatapp.feedback.store import GOOD
from chatapp.paths import database_path
from chatapp.training.stages import RunContext, run_stages
from tests.conversations.helpers import say

Begin = Callable[[str], RunContext]
REWARD = """
[reward]
sources = [{ path = "preferences.jsonl" }]
ratings = [{ path = "ratings.jsonl" }]
sequence = 48
batch = 4
epochs = 1
held_out = 300
control = false
"""
FINETUNE = """
[finetune]
sources = [{ path = "chats.jsonl" }]
sequence = 48
batch = 4
tokens = 768
"""


@pytest.fixture
def exported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Judge forty answers and export them by the command in all three schemas."""
    monkeypatch.setenv("CHATAPP_HOME", str(tmp_path / "home"))
    store = ConversationStore.open(database_path())
    judged = Feedback(store)
    for number in range(40):
        answer = say(store, f"Is {number} a word?", f"no {number % 5}").assistant
        if number % 2:
            judged.correct(answer.id, f"yes {number % 7}")
        else:
            judged.rate(answer.id, GOOD if number % 4 else 0.0)
    store.close()
    for schema, name in (
        ("preference", "preferences"),
        ("rating", "ratings"),
        ("chat", "chats"),
    ):
        file = tmp_path / f"{name}.jsonl"
        done = CliRunner().invoke(feedback, ["export", "--schema", schema, "-o", str(file)])
        assert done.exit_code == 0, done.output
    return tmp_path


def test_the_reward_stage_learns_from_the_exported_feedback(begin: Begin, exported: Path) -> None:
    """Corrections and ratings become the pairs of its training and of its held-out prompts."""
    context = begin(REWARD)
    run_stages(context)
    result = json.loads((context.out / "reward" / "result.json").read_text())
    held_out = result["model"]["all"]["pairs"]
    assert 0 < held_out < 20
    assert (context.model_directory("reward") / "model.safetensors").is_file()


def test_the_finetune_stage_learns_from_the_exported_feedback(begin: Begin, exported: Path) -> None:
    """What was rated good or written by the person becomes conversations to learn from."""
    chats = [json.loads(line) for line in (exported / "chats.jsonl").read_text().splitlines()]
    assert len(chats) == 30
    assert {chat["messages"][-1]["role"] for chat in chats} == {"assistant"}
    context = begin(FINETUNE)
    run_stages(context)
    assert (context.model_directory("finetune") / "model.safetensors").is_file()
