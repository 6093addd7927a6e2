"""`chatapp eval math`: what counts as the answer, the calculator in the decoder, the command."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
import torch

from chatapp.cli.errors import ExitCode
from chatapp.cli.main import main
from chatapp.evaluation.calculator import CalculatorConstraint, count_calls, without_calls
from chatapp.evaluation.likelihood import LikelihoodModel
from chatapp.evaluation.math_problems import MathSuite, final_number
from chatapp.evaluation.prompts import Example, Prompting
from chatapp.evaluation.replies import Reply, greedy, write_replies
from chatapp.evaluation.schemas import Problem
from chatapp.inference.generator import SamplingParams
from tests.evaluation.conftest import MODEL, Evaluate, Write

SOLUTION = "There are 2*3=<<2*3=6>>6 apples.\n#### 6"


def problem(n: int, answer: str = "6") -> dict[str, Any]:
    return {"id": f"m{n}", "question": f"What is {n}?", "solution": SOLUTION, "answer": answer}


@pytest.mark.parametrize(
    ("reply", "number"),
    [
        ("He has 3 and 4.\n#### 7", "7"),
        ("#### 1,234.50 dollars", "1234.5"),
        ("#### -3", "-3"),
        ("So 12 of 20 remain, that is 8.", "8"),
        ("It costs $1,000.", "1000"),
        ("7 #### unknown", "7"),
        (".5", "0.5"),
        ("No idea.", None),
    ],
)
def test_the_answer_is_the_marked_number_or_the_last(reply: str, number: str | None) -> None:
    """Numbers are compared by value, so that 7, 7.0 and 7.00 are the same."""
    assert final_number(reply) == (None if number is None else Decimal(number))


class Saying:
    """A constraint that makes any model say a text, and hands over to another one after it."""

    def __init__(self, text: str, then: CalculatorConstraint) -> None:
        self.text, self.then = text, then

    def start(self, tokenizer: Any) -> Saying:
        self.left, self.mask = tokenizer.encode(self.text), self.then.start(tokenizer)
        return self

    def allowed(self) -> torch.Tensor:
        if not self.left:
            return self.mask.allowed()
        only = torch.zeros_like(self.mask.allowed())
        only[self.left[0]] = True
        return only

    def advance(self, token: int) -> None:
        del self.left[:1]
        self.mask.advance(token)


@pytest.mark.parametrize(
    ("said", "result"),
    [("2*3 = <<2*3=", "6>>"), ("<<20*.8=", "16>>"), ("<<48/2=", "24>>"), ("<<1/8=", "0.125>>")],
)
def test_the_calculator_writes_the_result_while_decoding(
    model: LikelihoodModel, said: str, result: str
) -> None:
    """After `<<expression=` come the tool's tokens, whatever the model would have said."""
    constraint = Saying(said, CalculatorConstraint())
    (reply,) = write_replies(model, [[0]], greedy(24, constraint=constraint), lambda n: None)[0:1]
    assert reply[0].text.startswith(said + result)


@pytest.mark.parametrize("said", ["<<2*=", "<<nonsense=", "a = b", "<<1/0="])
def test_what_is_no_arithmetic_is_left_to_the_model(model: LikelihoodModel, said: str) -> None:
    """No result is forced, and decoding goes on."""
    mask = CalculatorConstraint().start(model.tokenizer)
    for token in model.tokenizer.encode(said):
        mask.advance(token)
    assert bool(mask.allowed().all())


def test_forced_tokens_weigh_nothing_in_the_sampling_distribution(model: LikelihoodModel) -> None:
    """Where one token alone is allowed its log-probability is zero."""
    from chatapp.inference.batch_engine import BatchEngine
    from chatapp.inference.torch_decoder import TorchDecoder

    params = SamplingParams(
        max_tokens=24, temperature=1.0, seed=1, constraint=Saying("<<2*3=", CalculatorConstraint())
    )
    engine = BatchEngine(TorchDecoder(model.model), model.tokenizer)
    (sample,) = engine.generate([[0]], params)
    forced = len(model.tokenizer.encode("<<2*3=")) + len(model.tokenizer.encode("6>>"))
    assert sample.sampling_logprobs[:forced] == [0.0] * forced


def test_calls_can_be_taken_out_and_counted() -> None:
    """Without the tool the examples show plain solutions."""
    assert without_calls(SOLUTION) == "There are 2*3=6 apples.\n#### 6"
    assert (count_calls(SOLUTION), count_calls("none")) == (1, 0)


def test_the_figures_by_hand(model: LikelihoodModel) -> None:
    """Two of three right, one without a number; chance is the commonest answer's share."""
    problems = [Problem(str(n), "?", "", answer) for n, answer in enumerate(["6", "6.0", "7"])]
    suite = MathSuite(model, problems, Prompting(), tools=True, max_tokens=8)
    replies = [Reply("<<1+5=6>>6\n#### 6", 4, True), Reply("6", 1, True), Reply("none", 1, False)]
    found = suite._metrics(replies)
    assert found["accuracy"].mean == pytest.approx(2 / 3)
    assert found["accuracy"].chance == pytest.approx(2 / 3)
    assert found["answered"].mean == pytest.approx(2 / 3)
    assert found["marked"].mean == pytest.approx(1 / 3)
    assert found["calculator_calls"].mean == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("cot", "tools", "shown"),
    [
        (True, True, SOLUTION),
        (True, False, "There are 2*3=6 apples.\n#### 6"),
        (False, True, "#### 6"),
    ],
)
def test_examples_are_worked_as_the_run_wants_them(
    model: LikelihoodModel, cot: bool, tools: bool, shown: str
) -> None:
    """Reasoning and calculator calls stand in the examples only where they are measured."""
    suite = MathSuite(model, [], Prompting(cot=cot), tools=tools, max_tokens=8)
    assert suite._worked(Example("?", "6", SOLUTION)) == shown


def test_the_command_with_and_without_reasoning_and_tools(write: Write, evaluate: Evaluate) -> None:
    """Each way is one run with its own settings in the line."""
    data, train = (
        write("data.jsonl", *map(problem, range(3))),
        write("t.jsonl", *map(problem, range(9))),
    )
    plain = evaluate("math", "--data", data, "--max-tokens", 8, "--no-tools")
    assert (plain["n"], plain["config"]["calculator"]) == (3, False)
    assert plain["chance"]["accuracy"] == 1.0
    worked = ["--cot", "--shots", 1, "--shots-from", train, "--plain"]
    reasoned = evaluate("math", "--data", data, "--max-tokens", 8, *worked)
    assert reasoned["config"]["chain_of_thought"] is True
    assert set(reasoned["stderr"]) == set(reasoned["metrics"])


def test_an_answer_that_is_no_number_is_refused(
    write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    """The suite measures numbers, and says so."""
    data = write("data.jsonl", problem(1, answer="yes"))
    assert main(["eval", "math", "--data", str(data), "--model", str(MODEL)]) == ExitCode.ERROR
    assert "the answer 'yes' is no number" in capsys.readouterr().err
