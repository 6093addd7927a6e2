"""`chatapp eval grounded`: every row is judged alike, and browsed over real HTTP if asked."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from chatapp import resources
from chatapp.cli.errors import ExitCode
from chatapp.cli.main import main
from chatapp.evaluation.grounded.answers import Answer
from chatapp.evaluation.grounded.browsing import WithoutQuestion
from chatapp.evaluation.grounded.citations import Statement
from chatapp.evaluation.grounded.drawing import Draws, sizes
from chatapp.evaluation.grounded.judges import Rated, WordsJudge, agreement, read_rated
from chatapp.evaluation.grounded.suite import GroundedSuite
from chatapp.evaluation.schemas import Question
from retrieval.browser.pages import Page, results_page, text_page
from retrieval.splits import part_of
from tests.miniweb import MiniWeb
from tests.miniweb.samples import ARTICLES

RATED = [Rated("The cat sleeps.", "The cat sleeps all day.", True), Rated("It is 7.", "No.", False)]


class FakeAnswerer:
    """Answers from a table; what is not in it is refused."""

    name = "fake"

    def __init__(self, answers: dict[str, Answer]) -> None:
        self._answers = answers

    def answer(self, question: Question) -> Answer:
        return self._answers.get(question.text, Answer("", confidence=0.1))


class FakeSampler(FakeAnswerer):
    """Draws one right and three wrong answers; its reward knows which."""

    name = "drawn"

    def draw(self, question: Question, count: int) -> Sequence[Answer]:
        right = [Answer("Warsaw", reward=0.9)]
        return (right + [Answer("Paris", reward=0.1 * n) for n in range(count)])[:count]


def question(text: str, *answers: str) -> Question:
    return Question(text, text, answers)


def cited(short: str, *, confidence: float) -> Answer:
    return Answer(
        short, (Statement(short, (f"It is {short} indeed.",)),), confidence, actions=4, seconds=2
    )


def test_a_row_says_how_often_it_is_right_how_well_it_cites_and_what_it_costs() -> None:
    """One right, one wrong, one refused, one rightly refused; each figure by hand."""
    questions = [
        question("a?", "Warsaw"),
        question("b?", "Lodz"),
        question("c?", "Krakow"),
        question("d?"),
    ]
    answerer = FakeAnswerer(
        {"a?": cited("Warsaw", confidence=0.9), "b?": cited("Paris", confidence=0.4)}
    )
    suite = GroundedSuite({"file": questions}, [answerer], [WordsJudge()], RATED)
    done: list[int] = []
    result = suite.run(done.append)
    row = {name: figure.mean for name, figure in result.variants["fake"].items()}
    assert sum(done) == suite.size() == 4
    assert row["em"] == pytest.approx(1 / 3)
    assert row["em_of_answered"] == pytest.approx(1 / 2)
    assert row["refused"] == pytest.approx(2 / 4)
    assert row["refused_unanswerable"] == 1
    assert (row["citation_recall"], row["citation_precision"]) == (1, 1)
    assert (row["actions"], row["seconds"]) == (4, 1)
    assert row["auroc"] == 1
    assert row["refusal_auroc"] == pytest.approx((1 + 1 + 0.5) / 3)
    assert result.variants["judge words"]["judge_agreement"].mean == 1
    assert result.config["risk_coverage"] == {
        "fake": [[0.1, 0], [0.2, 0], [0.3, 0.5], [0.4, 0.5], [0.5, 0.5]]
    }


def test_several_files_are_also_reported_one_by_one() -> None:
    """A mean over two kinds of questions hides what each of them says."""
    suite = GroundedSuite(
        {"one": [question("a?", "Warsaw")], "two": [question("b?", "Lodz")]},
        [FakeAnswerer({"a?": cited("Warsaw", confidence=0.9)})],
        [WordsJudge()],
        RATED,
    )
    variants = suite.run(lambda count: None).variants
    assert variants["fake"]["em"].mean == 0.5
    assert (variants["fake one"]["em"].mean, variants["fake two"]["em"].mean) == (1, 0)


def test_one_run_of_draws_gives_the_whole_curve_of_best_of_n() -> None:
    """One of four draws is right and has the best reward: best of n finds it n times in four."""
    suite = GroundedSuite(
        {"file": [question("a?", "Warsaw")]}, [], [WordsJudge()], RATED, Draws(FakeSampler({}), 4)
    )
    curve = suite.run(lambda count: None).variants["drawn drawn"]
    assert [curve[f"em@best_of_{n}"].mean for n in (1, 2, 4)] == pytest.approx([0.25, 0.5, 1])
    assert sizes(6) == [1, 2, 4, 6]
    assert sizes(1) == [1]


def test_the_shipped_rated_statements_are_of_the_measuring_part_only() -> None:
    """No judge is held against what it was taught with."""
    rated = read_rated(resources.samples_dir() / "grounded" / "rated.jsonl")
    assert len(rated) == 300
    assert sum(each.supported for each in rated) == 150
    assert {part_of(each.text) for each in rated} == {"measure"}
    found = agreement(WordsJudge(), rated)
    assert found["judge_agreement"].mean > 0.6
    assert found["judge_agreement"].chance == 0.5


class OnePage:
    """A world with a single page."""

    def __init__(self, text: str) -> None:
        self._text = text

    def search(self, query: str) -> Page:
        return results_page(query, [])

    def open(self, url: str) -> Page:
        return text_page(url, "A page", self._text)


def test_a_page_that_gives_the_question_away_is_not_shown() -> None:
    """Ten words in a row of a question on a page are no accident; nine may be."""
    asked = "in which year did the old bridge of the town open to the public"
    leaky = WithoutQuestion(OnePage(f"Quiz: {asked}? 1868."), asked)
    assert leaky.open("https://a.example/").kind == "error"
    honest = WithoutQuestion(OnePage("The old bridge of the town was opened in 1868."), asked)
    assert honest.open("https://a.example/").kind == "page"


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[tuple[MiniWeb, Path]]:
    """A mini-web, and the index behind it."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    home = tmp_path / "web"
    home.mkdir()
    with MiniWeb(ARTICLES, resources.embedder_dir(), directory=home) as opened:
        yield opened, home / "index.sqlite3"


def test_the_command_browses_over_http_and_its_last_line_is_json(
    web: tuple[MiniWeb, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Rows side by side, from the same articles; pages are really fetched."""
    file = tmp_path / "questions.jsonl"
    rows = [
        ("Where was Marie Curie born?", "Warsaw"),
        ("What is the longest river in Poland?", "Vistula"),
        ("What is the atomic number of radium?", "88"),
    ]
    file.write_text(
        "\n".join(
            json.dumps({"id": q, "question": q, "answers": [a], "unanswerable": False})
            for q, a in rows
        )
    )
    asked = ["eval", "grounded", "--data", str(file), "--web", web[0].base, "--part", "all"]
    asked += ["--index", str(web[1]), "--judge", "words", "--output", "json"]
    for row in ("copy_top_passage", "one_shot", "scripted"):
        asked += ["--row", row]
    assert main(asked) == ExitCode.OK
    report = json.loads(capsys.readouterr().out.splitlines()[-1])
    figures = report["metrics"]
    assert figures["scripted"]["answer_in_text"] >= 2 / 3
    assert figures["scripted"]["citation_recall"] >= 0.9
    assert figures["scripted"]["actions"] >= 4
    assert figures["copy_top_passage"]["em"] == 0
    assert figures["copy_top_passage"]["citation_recall"] >= 0.9
    assert any(asked.path.startswith("/wiki/") for asked in web[0].log)
    assert figures["judge words"]["judge_agreement"] > 0.5


def test_an_address_that_is_none_is_told_before_anything_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And so is a file without questions of the part."""
    file = tmp_path / "questions.jsonl"
    file.write_text(json.dumps({"id": "1", "question": "Who?", "answers": ["I"]}))
    assert main(["eval", "grounded", "--data", str(file), "--web", "here"]) == ExitCode.USAGE
    assert "is no address" in capsys.readouterr().err
