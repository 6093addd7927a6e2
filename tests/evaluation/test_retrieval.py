"""`chatapp eval retrieval`: all ways side by side, on the questions of one part."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner

from chatapp.cli.main import cli
from chatapp.evaluation.retrieval import RetrievalSuite
from chatapp.evaluation.schemas import Question
from retrieval.index import Index
from retrieval.splits import part_of
from retrieval.types import Hit

QUESTIONS = [
    Question("1", "What is gold?", ("a metal",)),
    Question("2", "Where does the river flow?", ("into the sea",)),
    Question("3", "Who is not there?", ()),
]


class Backwards:
    """A reader that turns every list round."""

    def rerank(self, question: str, hits: Sequence[Hit]) -> list[Hit]:
        return list(reversed(hits))


@pytest.fixture
def index(tmp_path: Path) -> Index:
    made = Index.open(tmp_path / "index.sqlite3", embedder_dir=tmp_path / "none")
    made.add_text("n:1", "Gold", "Gold is a metal.", collection="n")
    made.add_text("n:2", "River", "A river flows into the sea.", collection="n")
    for number in range(8):
        made.add_text(
            f"g:{number}", f"Gold {number}", f"Gold rush number {number}.", collection="n"
        )
    return made


def test_the_ways_are_compared_question_by_question(index: Index) -> None:
    """Each way has its recalls, and its paired difference to hybrid; no answer, no question."""
    suite = RetrievalSuite(index, QUESTIONS, Backwards())
    asked: list[int] = []
    result = suite.run(asked.append)
    assert sum(asked) == suite.size() == 2 * 5
    assert result.n == 2
    assert result.config["passages"] == 10
    assert result.variants["lexical"]["recall@20"].mean == 1
    assert result.variants["dense"]["recall@100"].mean == 0
    assert result.variants["hybrid - dense"]["recall@5"].mean == 1
    lost = result.variants["hybrid - hybrid+rerank"]["recall@5"]
    assert (lost.mean, lost.stderr, lost.n) == (0.5, 0.5, 2)


def test_only_the_part_that_was_asked_for_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Questions that were learnt from are left out unless they are asked for."""
    monkeypatch.setenv("CHATAPP_HOME", str(tmp_path))
    file = tmp_path / "questions.jsonl"
    texts = [f"What is word{number}?" for number in range(3)]
    record = {"answers": ["gold"], "context": None, "title": None, "unanswerable": False}
    file.write_text("".join(json.dumps({"id": t, "question": t, **record}) + "\n" for t in texts))
    counts = {}
    for part in ("measure", "learn", "all"):
        arguments = ["eval", "retrieval", "--data", str(file), "--part", part, "--output", "json"]
        done = CliRunner().invoke(cli, arguments)
        assert done.exit_code == 0, done.output
        counts[part] = json.loads(done.stdout.splitlines()[-1])["n"]
    measured = sum(part_of(text) == "measure" for text in texts)
    assert counts == {"measure": measured, "learn": 3 - measured, "all": 3}
    assert 0 < measured < 3
