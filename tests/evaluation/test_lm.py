"""`chatapp eval lm` on texts, choices and pairs: definitions by hand, and the command itself."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from chatapp.cli.errors import ExitCode
from chatapp.cli.main import main
from chatapp.evaluation.likelihood import LikelihoodModel, Scored
from chatapp.evaluation.lm import variant_names
from chatapp.evaluation.multiple_choice import ChoiceTask, pair_metrics, reasoned_openings
from chatapp.evaluation.prompts import Prompting
from chatapp.evaluation.running_text import (
    bits_per_byte,
    document_requests,
    last_word,
    last_word_metrics,
)
from chatapp.evaluation.schemas import Question, Text
from tests.evaluation.conftest import MODEL, Evaluate, Write

GREETING = "Hello there. How are you today? I am well, thank you."


def text(n: int, content: str = GREETING) -> dict[str, Any]:
    return {"id": f"t{n}", "title": "T", "text": f"{content} {n} times.", "source": "test"}


def choice(n: int, question: str = "What is two and two?") -> dict[str, Any]:
    return {
        "id": f"c{n}",
        "question": question,
        "answers": ["four"],
        "choices": ["four", "a banana", f"seventeen and {n}"],
        "context": None,
        "unanswerable": False,
        "source": "test",
    }


def test_bits_per_byte_by_hand() -> None:
    """4 ln 2 nats are 4 bits; over 4 bytes that is 1, beside 2 tokens of 3 bits each by chance."""
    scores = [[Scored(-3 * math.log(2), None, 1), Scored(-1 * math.log(2), None, 1)]]
    found = bits_per_byte([Text("1", "four")], scores, vocab_size=8)["bits_per_byte"]
    assert math.isclose(found.mean, 1.0)
    assert found.chance == pytest.approx(1.5)


def test_a_long_document_is_scored_token_by_token_without_gap(model: LikelihoodModel) -> None:
    """Windows cover every token once, each given at least the one before it."""
    document = Text("1", GREETING * 60)
    requests = document_requests(document, model)
    assert len(requests) > 1
    scored = [id_ for request in requests for id_ in request.ids[request.start :]]
    assert scored == model.tokenizer.encode(document.text)
    assert max(len(request.ids) for request in requests) <= model.context_length + 1


@pytest.mark.parametrize(
    ("passage", "parts"),
    [
        ("He gave it to Helen.", ("He gave it to", " Helen")),
        ('"Where is my mother-in-law?"', ('"Where is my', " mother-in-law")),
        ("She said “no”", ("She said “", "no")),
        ("It was Tom's\n", ("It was", " Tom's")),
        ("one\ntwo", ("one\n", "two")),
        ("Alone!", None),
    ],
)
def test_the_last_word_is_a_whole_word_without_punctuation(
    passage: str, parts: tuple[str, str] | None
) -> None:
    """Its space belongs to it, as tokenizers have it; a single word has nothing before it."""
    assert last_word(passage) == parts


def test_last_word_figures_by_hand() -> None:
    """One of two words right; perplexity is the inverse geometric mean of the words' chances."""
    scores = [Scored(math.log(1 / 2), True, 1), Scored(math.log(1 / 8), False, 2)]
    found = last_word_metrics(scores, vocab_size=10)
    assert found["last_word_accuracy"].mean == 0.5
    assert found["last_word_accuracy"].chance == pytest.approx((0.1 + 0.01) / 2)
    assert found["last_word_perplexity"].mean == pytest.approx(4.0)
    assert found["last_word_perplexity"].chance == pytest.approx(math.sqrt(1000))


def test_a_long_choice_is_not_beaten_for_its_length_alone() -> None:
    """Per byte -4/8 beats -3/3; as it stands -3 beats -4. Chance is one in two."""
    question = Question("1", "Which?", ("the long",), choices=("abc", "the long"))
    other = Question("2", "Which?", ("a",), choices=("a", "b"))
    task = ChoiceTask([question, other], Prompting())
    found = task.metrics([Scored(value, None, 1) for value in (-3.0, -4.0, -1.0, -2.0)])
    assert (found["accuracy"].mean, found["accuracy_norm"].mean) == (0.5, 1.0)
    assert found["accuracy"].chance == 0.5


def test_chance_knows_that_yes_is_the_commoner_answer() -> None:
    """Where all choices are the same, always giving one answer is the guess to beat."""
    answers = ["yes", "yes", "yes", "no"]
    questions = [Question(str(n), "?", (a,), choices=("yes", "no")) for n, a in enumerate(answers)]
    assert ChoiceTask(questions, Prompting()).chance() == 0.75


def test_beginnings_are_continued_and_questions_are_answered(model: LikelihoodModel) -> None:
    """A file without question marks holds beginnings, which are put as they are, title first."""
    beginning = Question("1", "A man sits. He", ("runs.",), choices=("runs.", "is."), title="Sport")
    asked = Question("2", "Who runs?", ("he",), choices=("he", "she"))
    for question, shown in [
        (beginning, "Sport: A man sits. He runs."),
        (asked, "Question: Who runs?\nAnswer: he"),
    ]:
        first, _ = ChoiceTask([question], Prompting()).requests(model, [""])
        assert model.tokenizer.decode(first.ids) == shown


def test_pairs_count_the_likelier_good_sentence() -> None:
    """Two pairs, one right."""
    scores = [Scored(value, None, 1) for value in (-1.0, -2.0, -5.0, -4.0)]
    found = pair_metrics(scores)["pair_accuracy"]
    assert (found.mean, found.n, found.chance) == (0.5, 2, 0.5)


def test_each_file_is_measured_by_what_it_holds(write: Write, evaluate: Evaluate) -> None:
    """Texts, choices and pairs in one run, each with n, error and chance."""
    pair = {"sentence_good": "How are you today?", "sentence_bad": "you How today are?"}
    line = evaluate(
        "lm",
        *("--data", write("texts.jsonl", *map(text, range(4)))),
        *("--data", write("choices.jsonl", *map(choice, range(3)))),
        *("--data", write("pairs.jsonl", pair, pair)),
    )
    metrics, chance = line["metrics"], line["chance"]
    assert set(metrics) == {"texts", "choices", "pairs"}
    assert 0 < metrics["texts"]["bits_per_byte"] < chance["texts"]["bits_per_byte"]
    assert chance["choices"]["accuracy"] == pytest.approx(1 / 3, abs=1e-6)
    assert line["counts"]["choices"] == {"accuracy": 3, "accuracy_norm": 3}
    assert metrics["pairs"]["pair_accuracy"] == 1.0
    assert line["n"] == 9


def test_the_model_beats_a_5_gram_fitted_on_other_text(write: Write, evaluate: Evaluate) -> None:
    """The baseline stands beside the model on the same tokens, and is fitted on another file."""
    measured = write("texts.jsonl", *map(text, range(3)))
    training = write("train.jsonl", *(text(n, "Quite another text.") for n in range(9)))
    line = evaluate("lm", "--data", measured, "--ngram", training)
    model, baseline = line["metrics"]["texts"], line["metrics"]["texts 5-gram"]
    assert model["bits_per_byte"] < baseline["bits_per_byte"]
    assert "last_word_accuracy" not in baseline
    assert line["config"]["ngram"] == "train.jsonl"


@pytest.mark.parametrize("chat", [[], ["--chat"]], ids=["plain", "chat"])
def test_examples_come_from_another_file(chat: list[str], write: Write, evaluate: Evaluate) -> None:
    """Two shots before each question, as text or as turns of a chat."""
    measured = write("measured.jsonl", *map(choice, range(3)))
    train = write("train.jsonl", *(choice(n, f"What is {n} and 1?") for n in range(5)))
    line = evaluate(
        "lm", "--data", measured, "--shots", 2, "--shots-from", train, "--limit", 2, *chat
    )
    assert line["config"]["shots"] == 2
    assert line["config"]["prompt"] == ("chat" if chat else "plain")
    assert line["n"] == 2


def test_reasoning_is_written_before_the_choices_are_weighed(
    write: Write, evaluate: Evaluate, model: LikelihoodModel
) -> None:
    """With --cot the model first reasons, then its choices follow "So the answer is"."""
    question = Question("1", "Which?", ("four",), choices=("four", "a banana"))
    task = ChoiceTask([question], Prompting(cot=True))
    (opening,) = reasoned_openings(task, model, lambda n: None)
    assert opening.startswith("Let's think step by step.")
    assert opening.endswith("So the answer is")
    first, _ = task.requests(model, [opening])
    assert model.tokenizer.decode(first.ids).endswith("So the answer is four")
    line = evaluate("lm", "--data", write("choices.jsonl", choice(1)), "--cot", "--chat")
    assert line["config"]["chain_of_thought"] is True


def test_the_table_names_every_figure_and_the_line_can_be_saved(
    write: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A person reads the table; `--save` keeps the line for `chatapp report`."""
    saved = tmp_path / "run" / "evaluations" / "choices.json"
    data = write("choices.jsonl", *map(choice, range(3)))
    command = ["eval", "lm", "--data", str(data), "--model", str(MODEL), "--save", str(saved)]
    assert main(command) == ExitCode.OK
    shown = capsys.readouterr()
    assert "accuracy_norm" in shown.out
    assert "n=3  chance 0.333" in shown.out
    assert json.loads(saved.read_text())["n"] == 3
    assert "sequence" in shown.err


def test_mistakes_name_their_fix(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    """A measured file gives no examples and fits no baseline; other records are refused."""
    data = str(write("choices.jsonl", *map(choice, range(3))))
    free = str(write("free.jsonl", {**choice(1), "choices": None}))
    odd = str(write("odd.jsonl", {"id": "1", "label": 3}))
    for arguments, code, said in [
        (["--shots", "1", "--shots-from", data], ExitCode.ERROR, "cannot give the examples"),
        (["--ngram", data], ExitCode.ERROR, "cannot fit the baseline"),
        (["--shots", "1"], ExitCode.USAGE, "belong together"),
        (["--model", "no-such-model"], ExitCode.ERROR, "no model at"),
        (["--data", free], ExitCode.ERROR, "at least two 'choices'"),
        (["--data", odd], ExitCode.ERROR, "no texts, no questions with choices"),
    ]:
        model = [] if "--model" in arguments else ["--model", str(MODEL)]
        assert main(["eval", "lm", "--data", data, *arguments, *model]) == code, arguments
        assert said in capsys.readouterr().err


def test_ctrl_c_leaves_no_figure_behind(
    write: Write,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A part of a measurement could be taken for the whole, so nothing is printed or saved."""

    def interrupted(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(LikelihoodModel, "score", interrupted)
    saved = tmp_path / "line.json"
    data = write("choices.jsonl", *map(choice, range(3)))
    command = ["eval", "lm", "--data", str(data), "--model", str(MODEL), "--save", str(saved)]
    assert main(command) == ExitCode.SIGINT
    assert capsys.readouterr().out == ""
    assert not saved.exists()


def test_files_of_one_name_are_told_apart() -> None:
    """Two directories may hold a file of the same name; neither figure overwrites the other."""
    files = [Path("a/qa.jsonl.xz"), Path("b/qa.jsonl"), Path("b/text.jsonl")]
    assert variant_names(files) == ["a/qa", "b/qa", "text"]
