"""`chatapp feedback`: judgements made in a session come out as training records."""

from __future__ import annotations

import json

import pytest


@pytest.fixture
def judged(chatapp, tmp_path):
    """Run a session whose answer is rated and corrected."""
    file = tmp_path / "session.jsonl"
    operations = [
        {"user": "hello"},
        {"bad": None},
        {"correct": "Good day."},
    ]
    file.write_text("\n".join(json.dumps(operation) for operation in operations))
    return chatapp("run", str(file))


def test_a_session_can_judge_its_answers(chatapp, judged):
    assert judged.code == 0, judged.err
    kinds = [row["kind"] for row in json.loads(chatapp("feedback", "list", "--output", "json").out)]
    assert kinds == ["rating", "correction"]


def test_export_writes_one_record_a_line(chatapp, judged):
    done = chatapp("feedback", "export")
    record = json.loads(done.out)
    assert (record["chosen"], record["rejected"]) == ("Good day.", "Hello there, you.")
    assert done.err == "1 records\n"
    ratings = chatapp("feedback", "export", "--schema", "rating")
    assert json.loads(ratings.out)["reward"] == 0.0
