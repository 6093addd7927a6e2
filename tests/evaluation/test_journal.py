"""`chatapp eval grounded --journal`: nothing that was answered is answered twice."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from chatapp.cli.errors import ExitCode
from chatapp.cli.main import main
from chatapp.evaluation.grounded.answers import Answer
from chatapp.evaluation.grounded.citations import Statement
from chatapp.evaluation.grounded.drawing import Draws
from chatapp.evaluation.grounded.journal import Journal, Kept, KeptDraws
from chatapp.evaluation.grounded.judges import Rated, WordsJudge
from chatapp.evaluation.grounded.suite import GroundedSuite
from chatapp.evaluation.schemas import Question

RATED = [Rated("The cat sleeps.", "The cat sleeps all day.", True), Rated("It is 7.", "No.", False)]
QUESTIONS = [Question(text, text, ("Łódź",)) for text in ("a?", "b?", "c?")]
WITH = {"model": "m", "limits": [60.0, 5, 20]}


class FakeAnswerer:
    """Counts what it is asked, and is interrupted at one question."""

    name = "fake"

    def __init__(self, stops_at: str = "") -> None:
        self._stops_at = stops_at
        self.asked: list[str] = []

    def answer(self, question: Question) -> Answer:
        if question.text == self._stops_at:
            raise KeyboardInterrupt
        self.asked.append(question.text)
        return Answer("Łódź", (Statement("Łódź", ("It is Łódź.",)),), 0.5, actions=3, seconds=2)

    def draw(self, question: Question, count: int) -> Sequence[Answer]:
        self.asked.append(f"{question.text} × {count}")
        return [Answer("Łódź", reward=0.1 * n) for n in range(count)]


def measured(path: Path, answerer: FakeAnswerer) -> str:
    """Return the result of a run, as text."""
    journal = Journal(path, WITH)
    try:
        suite = GroundedSuite(
            {"file": QUESTIONS},
            [Kept(answerer, journal, "fake")],
            [WordsJudge()],
            RATED,
            Draws(KeptDraws(answerer, journal, "fake"), 2),
        )
        return repr(suite.run(lambda count: None))
    finally:
        journal.close()


def test_a_run_that_was_cut_short_goes_on_where_it_was(tmp_path: Path) -> None:
    """Ctrl-C at the second question; the next run asks what is left, and the figures are equal."""
    whole = measured(tmp_path / "whole.jsonl", FakeAnswerer())
    cut = tmp_path / "cut.jsonl"
    with pytest.raises(KeyboardInterrupt):
        measured(cut, FakeAnswerer(stops_at="b?"))
    second = FakeAnswerer()
    assert measured(cut, second) == whole
    assert second.asked == ["b?", "c?", "a? × 2", "b? × 2", "c? × 2"]
    third = FakeAnswerer()
    assert measured(cut, third) == whole
    assert third.asked == []


def test_a_line_that_was_torn_off_is_answered_again(tmp_path: Path) -> None:
    """A power cut in the middle of a line costs that answer and no other."""
    file = tmp_path / "answers.jsonl"
    whole = measured(file, FakeAnswerer())
    written = file.read_bytes()
    file.write_bytes(written[:-7])
    again = FakeAnswerer()
    assert measured(file, again) == whole
    assert again.asked == ["c? × 2"]
    assert file.read_bytes() == written


def test_answers_made_with_something_else_are_not_mixed_in(tmp_path: Path) -> None:
    """It says what differs; a file that is no journal stays as it is."""
    file = tmp_path / "answers.jsonl"
    Journal(file, WITH).close()
    with pytest.raises(ValueError, match=r"made with another model$"):
        Journal(file, {**WITH, "model": "n"})
    other = tmp_path / "notes.txt"
    other.write_text("Buy milk.\nAnd bread.\n")
    with pytest.raises(ValueError, match="no journal"):
        Journal(other, WITH)
    assert other.read_text() == "Buy milk.\nAnd bread.\n"


def test_the_command_keeps_its_answers_and_says_how_to_go_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The second run gives the same line from the journal; another limit is refused with a fix."""
    file, journal = tmp_path / "questions.jsonl", tmp_path / "answers.jsonl"
    file.write_text(json.dumps({"id": "1", "question": "Who wrote it?", "answers": ["I"]}))
    asked = ["eval", "grounded", "--data", str(file), "--part", "all", "--row", "closed_book"]
    asked += ["--judge", "words", "--output", "json", "--journal", str(journal)]
    assert main(asked) == ExitCode.OK
    first = capsys.readouterr().out
    assert len(journal.read_text().splitlines()) == 2
    assert main(asked) == ExitCode.OK
    assert json.loads(capsys.readouterr().out)["metrics"] == json.loads(first)["metrics"]
    assert main([*asked, "--seconds", "7"]) == ExitCode.USAGE
    told = capsys.readouterr().err
    assert "made with another limits" in told
    assert "give --journal another file" in told
