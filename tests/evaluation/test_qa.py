"""`chatapp eval qa` over a real small index: the assistant's own path, scored by hand."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from chatapp import paths
from chatapp.assistant.grounding import gather
from chatapp.assistant.reading import shipped_reader
from chatapp.cli.errors import ExitCode
from chatapp.cli.main import main
from chatapp.evaluation.estimates import Estimate
from chatapp.evaluation.qa import Answered, QaSuite, answer, confidence_figures, score
from chatapp.evaluation.result import Result, line
from chatapp.evaluation.schemas import Question
from chatapp.settings import RetrievalSettings
from retrieval.index import Index

PAGES = {
    "Eiffel Tower": "The Eiffel Tower was completed in 1889. It stands in Paris.",
    "Mona Lisa": "Leonardo da Vinci painted the Mona Lisa. It hangs in the Louvre in Paris.",
    "Amazon River": "The Amazon River flows into the Atlantic Ocean. It is in South America.",
}
QUESTIONS = [
    {"question": "When was the Eiffel Tower completed?", "answers": ["1889"]},
    {"question": "Who painted the Mona Lisa?", "answers": ["Leonardo da Vinci"]},
    {"question": "What is the airspeed of an unladen swallow?", "answers": []},
]


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    """An index of three short pages."""
    opened = Index.open(paths.index_path(), embedder_dir=tmp_path / "no-embedder")
    for title, text in PAGES.items():
        opened.add_text(f"test:{title}", title, text, collection="test")
    yield opened
    opened.close()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """The three questions as a record file whose contexts are the pages."""
    path = tmp_path / "qa.jsonl"
    contexts = list(PAGES.items())
    with path.open("w", encoding="utf-8") as file:
        for n, (question, (title, text)) in enumerate(zip(QUESTIONS, contexts, strict=True)):
            rest = {"id": f"q{n}", "context": text, "title": title, "choices": None, "source": "t"}
            unanswerable = not question["answers"]
            file.write(json.dumps({**question, **rest, "unanswerable": unanswerable}) + "\n")
    return path


def questions() -> list[Question]:
    return [
        Question(str(n), str(q["question"]), tuple(q["answers"])) for n, q in enumerate(QUESTIONS)
    ]


def test_the_quotes_are_the_ones_the_assistant_would_show(index: Index) -> None:
    """Evaluation measures the path people use: same search, same quotes."""
    settings = RetrievalSettings()
    for question in questions():
        shown = gather(index, question.text, settings)
        measured = answer(index, question, settings, "hybrid", shipped_reader())
        assert measured.quotes == tuple(quote.text for quote in shown.quotes)


def test_scores_of_one_answered_question_by_hand() -> None:
    """Answer in the sixth passage, two quotes of which one verifies, half of the words right."""
    found = Answered(
        Question("1", "Who?", ("Ada Lovelace",)),
        passages=("no",) * 5 + ("It was Ada Lovelace.",),
        quotes=("It was Ada.", "It was Ada Lovelace."),
        verified=(True, False),
        short_answer="Ada",
        best="Ada Lovelace",
    )
    scores = list(score(found))
    assert scores[:2] == [("citation_fidelity", 1.0), ("citation_fidelity", 0.0)]
    assert dict(scores[2:]) == pytest.approx(
        {
            "recall@5": 0.0,
            "recall@20": 1.0,
            "answer_in_quotes": 1.0,
            "em": 0.0,
            "f1": 2 / 3,
            "em_forced": 1.0,
            "f1_forced": 1.0,
            "em_with_refusals": 0.0,
            "f1_with_refusals": 2 / 3,
            "not_found": 0.0,
        }
    )


def test_an_unanswerable_question_is_scored_by_refusal_alone() -> None:
    """Saying "not found" is right there, and quoting is wrong."""
    silent = Answered(Question("1", "?", ()), ("text",), (), (), "")
    overall = ("em_with_refusals", "f1_with_refusals")
    assert list(score(silent)) == [("refusal_rate", 1.0), *((name, 1.0) for name in overall)]
    bold = dataclasses.replace(silent, quotes=("text",), verified=(True,))
    assert dict(score(bold)) == {
        "citation_fidelity": 1.0,
        "refusal_rate": 0.0,
        **dict.fromkeys(overall, 0.0),
    }


def test_a_small_index_is_scored_end_to_end(index: Index) -> None:
    """Both answerable questions are found; the one about swallows is refused."""
    asked: list[int] = []
    suite = QaSuite(index, questions(), RetrievalSettings(), ["lexical"])
    found = suite.run(asked.append).variants["lexical"]
    assert sum(asked) == len(QUESTIONS) == suite.size()
    assert {name: found[name].n for name in ("em", "refusal_rate")} == {"em": 2, "refusal_rate": 1}
    for name in ("recall@5", "recall@20", "answer_in_quotes", "citation_fidelity", "refusal_rate"):
        assert found[name].mean == 1.0, name


def test_one_variant_stands_flat_and_several_are_nested() -> None:
    """The report has the shape that every benchmark and evaluation shares."""
    one = {"em": Estimate(0.5, 0.1, 4), "accuracy": Estimate(0.5, 0.1, 4, chance=0.25)}
    flat = line(Result({"hybrid": one}, 4, {"seed": 0}))
    assert flat["metrics"] == {"em": 0.5, "accuracy": 0.5}
    assert flat["stderr"] == {"em": 0.1, "accuracy": 0.1}
    assert flat["counts"] == {"em": 4, "accuracy": 4}
    assert flat["chance"] == {"accuracy": 0.25}
    nested = line(Result({"hybrid": one, "dense": one}, 4))
    assert nested["metrics"] == {"hybrid": flat["metrics"], "dense": flat["metrics"]}
    assert set(nested) == {"metrics", "n", "stderr", "counts", "chance", "config", "machine"}


def test_the_command_indexes_the_contexts_and_ends_with_one_json_line(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """From an empty home to figures in one command; progress goes to stderr."""
    command = ["eval", "qa", "--data", str(data), "--index-contexts", "--mode", "lexical"]
    assert main([*command, "--output", "json"]) == ExitCode.OK
    shown = capsys.readouterr()
    line = json.loads(shown.out.splitlines()[-1])
    assert line["n"] == 3
    assert line["metrics"]["recall@5"] == 1.0
    assert line["config"]["documents"] == 3
    assert "question" in shown.err
    assert main(command) == ExitCode.OK
    assert re.search(r"recall@5 +1\.000 ± 0\.000  n=2", capsys.readouterr().out)


def test_the_limit_and_the_seed_choose_the_questions(
    index: Index, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--limit` asks that many, and `all` compares all ways to search."""
    assert index.status().documents == 3
    command = ["eval", "qa", "--data", str(data), "--limit", "2", "--seed", "1", "--mode", "all"]
    assert main([*command, "--output", "json"]) == ExitCode.OK
    line = json.loads(capsys.readouterr().out)
    assert (line["n"], line["config"]["seed"]) == (2, 1)
    assert set(line["metrics"]) == {"hybrid", "lexical", "dense", "rrf"}


def test_without_an_index_the_handbook_alone_is_asked(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A fresh home is measured as it is, and the command says why the figures are low."""
    assert main(["eval", "qa", "--data", str(data), "--output", "json"]) == ExitCode.OK
    shown = capsys.readouterr()
    assert "chatapp index add" in shown.err
    assert json.loads(shown.out)["metrics"]["recall@5"] == 0.0


def test_mistakes_have_their_own_words_and_codes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A missing data file is 3; a bad one is 1 and names its line; none at all is 2."""
    assert main(["eval", "qa", "--data", str(tmp_path / "none.jsonl")]) == ExitCode.NOT_FOUND
    assert "none.jsonl does not exist" in capsys.readouterr().err
    bad = tmp_path / "bad.jsonl"
    bad.write_text("{}\n")
    assert main(["eval", "qa", "--data", str(bad)]) == ExitCode.ERROR
    assert f"{bad}, line 1" in capsys.readouterr().err
    assert main(["eval", "qa"]) == ExitCode.USAGE


def test_confidence_is_judged_by_what_it_tells_apart() -> None:
    """The surer half is right, the rest wrong, and the unanswerable one is the least sure."""
    known = Question("1", "Who?", ("Ada",))

    def found(question: Question, best: str, confidence: float) -> Answered:
        return Answered(question, (), (), (), "", best, confidence)

    answered = [
        found(known, "Ada", 0.9),
        found(known, "Ada", 0.8),
        found(known, "Bob", 0.4),
        found(Question("2", "Why?", ()), "Bob", 0.1),
    ]
    figures = {name: figure.mean for name, figure in confidence_figures(answered) if figure}
    assert figures["refusal_auroc"] == figures["right_auroc"] == 1.0
    assert figures["em_at_coverage_50"] == 1.0
    assert figures["em_at_coverage_100"] == 0.5


def test_the_paragraph_of_a_question_can_be_read_instead_of_searching(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--gold` needs no index of the paragraphs; quotes stand in the paragraph all the same."""
    command = ["eval", "qa", "--data", str(data), "--gold", "--output", "json"]
    assert main(command) == ExitCode.OK
    line = json.loads(capsys.readouterr().out)
    assert line["metrics"]["recall@5"] == 1.0
    assert line["metrics"]["citation_fidelity"] == 1.0
    assert line["metrics"]["em_forced"] == 1.0


def test_only_questions_of_the_part_are_asked(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The two parts are all there is, and an empty one is said to be empty."""
    asked = {"learn": 0, "measure": 0}
    for part in asked:
        code = main(["eval", "qa", "--data", str(data), "--part", part, "--output", "json"])
        shown = capsys.readouterr()
        if code == ExitCode.OK:
            asked[part] = json.loads(shown.out)["n"]
        else:
            assert f"no question of the part `{part}`" in shown.err
    assert sum(asked.values()) == 3
