"""kill -9 in the middle of an answer, ten times on one file: no question, and next to no text,
is lost, and the answer can be continued or asked for again.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

from chatapp.assistant.assistant import Assistant
from chatapp.assistant.events import MessageDone
from chatapp.conversations import ConversationStore, Message
from chatapp.settings import Settings
from tests.assistant.helpers import collect, only
from tests.assistant.streaming_child import ANSWER
from tests.fakes import FakeGenerator

ROOT = Path(__file__).resolve().parents[2]
KILLS = 10
LOSS_SECONDS = 0.25

Printed = list[tuple[float, str]]


def killed_while_streaming(path: Path, question: str, seconds: float) -> Printed:
    """Run a chat, kill it `seconds` after its first word, return what it had printed and when."""
    command = [sys.executable, "-m", "tests.assistant.streaming_child", str(path), question]
    # Unbuffered, so that nothing read ahead is lost to `communicate`.
    child = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, bufsize=0)
    assert child.stdout is not None
    first = child.stdout.readline()
    time.sleep(seconds)
    child.kill()
    rest, _ = child.communicate()
    whole_lines = (first + rest).rpartition(b"\n")[0].splitlines()
    return [tuple(json.loads(line)) for line in whole_lines]


def seconds_lost(printed: Printed, stored: str) -> float:
    """Return how long before its death the child had printed the first text that is not stored."""
    said = ""
    for when, text in printed:
        said += text
        if len(said) > len(stored):
            return printed[-1][0] - when
    return 0.0


def answers_to(store: ConversationStore, question: str) -> list[Message]:
    """Return the answers to the one question with this text."""
    [conversation] = [c for c in store.conversations() if c.title == question]
    asked, *answers = store.tree(conversation.id)
    assert asked.text == question
    return answers


async def test_ten_kills_lose_no_question_and_at_most_a_quarter_second_of_an_answer(tmp_path):
    path = tmp_path / "chat.sqlite3"
    for number in range(KILLS):
        question = f"hello number {number}"
        printed = killed_while_streaming(path, question, seconds=0.07 * (number + 1))

        store = ConversationStore.open(path)
        [answer] = answers_to(store, question)
        said = "".join(text for _, text in printed)
        assert said
        assert answer.status == "interrupted"
        assert ANSWER.startswith(said)
        assert said.startswith(answer.text) or answer.text.startswith(said)
        assert seconds_lost(printed, answer.text) <= LOSS_SECONDS
        assert store._opened.db.execute("pragma integrity_check").fetchone() == ("ok",)
        assert store.interrupted()[0].id == answer.id

        again = Assistant(
            store,
            settings=Settings(),
            open_index=None,
            load_generator=lambda kept=answer.text: FakeGenerator(kept + " And so on."),
        )
        continued = only(await collect(again.continue_(answer.id)), MessageDone)
        assert continued.text == answer.text + "And so on."
        await collect(again.regenerate(answer.id))
        assert [a.status for a in answers_to(store, question)] == ["complete", "complete"]
        again.close()
