"""`chatapp eval code`: pass@k by hand, programs from replies, and programs really run."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from chatapp.cli.errors import ExitCode
from chatapp.cli.main import main
from chatapp.evaluation.code import ending, pass_at_k
from chatapp.evaluation.code_tasks import beginning, program_of_reply, statement
from chatapp.evaluation.schemas import CodeTask, parse_code
from tests.evaluation.conftest import MODEL, Evaluate, Write
from tools import python_sandbox
from tools.python_sandbox import SandboxUnavailable, why_unavailable

MBPP: dict[str, Any] = {
    "id": "1",
    "prompt": "Write a function to double a number.",
    "code": "def double(n):\n    return 2 * n",
    "tests": ["assert double(2) == 4", "assert double(0) == 0"],
}
HUMAN_EVAL: dict[str, Any] = {
    "id": "2",
    "prompt": 'def double(n):\n    """Return twice n."""\n',
    "code": "    return 2 * n\n",
    "tests": "def check(candidate):\n    assert candidate(2) == 4\n",
    "entry_point": "double",
}


@pytest.fixture
def walls() -> None:
    """Skip where this machine cannot run untrusted code."""
    reason = why_unavailable()
    if reason is not None:
        pytest.skip(f"{reason.message} (fix: {reason.hint})")


def task(record: dict[str, Any]) -> CodeTask:
    return parse_code(record, "here")


@pytest.mark.parametrize(
    ("n", "right", "k"), [(5, 0, 1), (5, 2, 1), (5, 2, 3), (4, 4, 2), (6, 1, 6)]
)
def test_pass_at_k_counts_all_draws(n: int, right: int, k: int) -> None:
    """The estimator equals the share of k-subsets that hold a right sample."""
    draws = list(itertools.combinations(range(n), k))
    passed = sum(any(sample < right for sample in draw) for draw in draws)
    assert pass_at_k(n, right, k) == pytest.approx(passed / len(draws))


def test_tasks_are_put_so_that_the_function_has_its_name() -> None:
    """MBPP shows its tests, HumanEval its own beginning."""
    assert "assert double(2) == 4" in statement(task(MBPP))
    assert beginning(task(MBPP)).endswith('assert double(0) == 0\n"""\n')
    assert beginning(task(HUMAN_EVAL)) == HUMAN_EVAL["prompt"]
    assert "Complete this Python function" in statement(task(HUMAN_EVAL))


@pytest.mark.parametrize(
    ("record", "reply", "chat"),
    [
        (MBPP, "Here:\n```python\ndef double(n):\n    return n + n\n```\nDone.", True),
        (MBPP, "def double(n):\n    return n + n", False),
        (HUMAN_EVAL, "    return n + n", False),
        (HUMAN_EVAL, "```\n    return n + n\n```", True),
        (HUMAN_EVAL, "```python\ndef double(n):\n    return n + n", True),
    ],
)
def test_code_is_found_in_replies_of_every_form(
    record: dict[str, Any], reply: str, chat: bool, walls: None
) -> None:
    """Fences, whole functions and bare continuations all become a program that passes."""
    program = program_of_reply(task(record), reply, chat=chat)
    assert ending(task(record), program) == "passed"


@pytest.mark.usefixtures("walls")
@pytest.mark.parametrize(
    ("program", "end"),
    [
        ("def double(n):\n    return n", "AssertionError"),
        ("def double(n:", "SyntaxError"),
        ("def triple(n):\n    return n", "NameError"),
        ("import os\nos._exit(0)", "ended early"),
        ("raise SystemExit(0)", "ended early"),
        ("print('passed')\nraise SystemExit", "ended early"),
        ("import os\nos.fork()", "processes"),
        ("x = bytearray(1 << 33)", "memory"),
    ],
)
def test_what_does_not_pass_is_named(program: str, end: str) -> None:
    """Leaving with exit code 0 before the tests is no way to pass."""
    assert ending(task(MBPP), program) == end


@pytest.mark.usefixtures("walls")
def test_the_data_sets_own_solutions_pass(write: Write, evaluate: Evaluate) -> None:
    """`--reference` checks data and sandbox: a right and a wrong solution give one half."""
    wrong = {**MBPP, "id": "3", "code": "def double(n):\n    return n"}
    data = write("code.jsonl", MBPP, HUMAN_EVAL, wrong, {**wrong, "id": "4"})
    line = evaluate("code", "--data", data, "--reference")
    assert line["metrics"] == {"pass@1": 0.5, "syntax": 1.0}
    assert line["config"]["endings"] == {"passed": 2, "AssertionError": 2}
    assert line["chance"] == {"pass@1": 0.0}


@pytest.mark.usefixtures("walls")
@pytest.mark.parametrize("form", ["--chat", "--plain"])
def test_a_model_is_sampled_and_its_programs_are_run(
    form: str, write: Write, evaluate: Evaluate
) -> None:
    """The tiny model can greet and not code; every sample ends somehow and is counted."""
    data = write("code.jsonl", MBPP, HUMAN_EVAL)
    train = write("train.jsonl", *({**MBPP, "id": f"t{n}", "prompt": f"Do {n}."} for n in range(3)))
    shots = ["--shots", 1, "--shots-from", train]
    line = evaluate(
        "code", "--data", data, "--samples", 2, "--k", "1,2", "--max-tokens", 6, form, *shots
    )
    assert set(line["metrics"]) == {"pass@1", "pass@2", "syntax"}
    assert sum(line["config"]["endings"].values()) == 4
    assert line["config"]["temperature"] == 0.8


def test_without_walls_nothing_is_run_and_the_fix_is_named(
    write: Write, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Untrusted code is never run outside the sandbox, not even for a measurement."""
    off = SandboxUnavailable("the Python sandbox needs bwrap", hint="apt-get install bubblewrap")
    monkeypatch.setattr(python_sandbox, "why_unavailable", lambda: off)
    data = str(write("code.jsonl", MBPP))
    assert main(["eval", "code", "--data", data, "--model", str(MODEL)]) == ExitCode.ERROR
    assert "fix: apt-get install bubblewrap" in capsys.readouterr().err


@pytest.mark.usefixtures("walls")
def test_mistakes_are_named(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    """A k that the samples cannot give, and a task that any program would pass."""
    data, empty = str(write("code.jsonl", MBPP)), str(write("no.jsonl", {**MBPP, "tests": []}))
    for arguments, code, said in [
        (["--data", data, "--k", "10"], ExitCode.USAGE, "to the number of samples, 1"),
        (["--data", data, "--k", "one"], ExitCode.USAGE, "must be numbers"),
        (["--data", empty], ExitCode.ERROR, "any program would pass"),
    ]:
        assert main(["eval", "code", *arguments, "--model", str(MODEL)]) == code
        assert said in capsys.readouterr().err
