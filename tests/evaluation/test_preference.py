"""`chatapp eval preference`: agreement by hand, and a contest that favours nobody."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from chatapp.cli.errors import ExitCode
from chatapp.cli.main import main
from chatapp.evaluation.likelihood import LikelihoodModel
from chatapp.evaluation.preference import (
    Answer,
    LengthJudge,
    LikelihoodJudge,
    PreferenceSuite,
)
from chatapp.evaluation.schemas import Preference
from chatapp.evaluation.suite import Done
from chatapp.evaluation.win_rate import Contest, Turns
from chatapp.model.checkpoint import save_model
from chatapp.training.heads.model import HeadedGPT
from chatapp.training.reward.model import save_head
from tests.evaluation.conftest import MODEL, Evaluate, Write

ASKED = (("user", "How are you?"),)


class FakeJudge:
    """Rates answers by the number that they begin with."""

    name = "fake"

    def rate(self, answers: Sequence[Answer], done: Done) -> Mapping[str, list[float]]:
        done(len(answers))
        return {"accuracy": [float(answer.text.split()[0]) for answer in answers]}


def pair(chosen: str, rejected: str, source: str = "a") -> Preference:
    return Preference("1", ASKED, chosen, rejected, source)


def record(n: int, source: str = "s") -> dict[str, Any]:
    messages = [{"role": "user", "content": f"Say {n}."}]
    return {
        "id": str(n),
        "messages": messages,
        "chosen": f"It is {n}, of course.",
        "rejected": "No.",
        "source": source,
    }


@pytest.fixture(scope="module")
def reward_model(model: LikelihoodModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A reward model directory as the reward stage leaves it, with a drawn head."""
    directory = tmp_path_factory.mktemp("reward")
    headed = HeadedGPT(model.model, 1)
    headed.initialise(torch.Generator().manual_seed(0))
    save_model(directory, model.model, model.tokenizer)
    save_head(directory, headed)
    return directory


def test_agreement_by_hand_and_by_source() -> None:
    """One right, one wrong, one tie is a half; each source has its own figure."""
    pairs = [pair("2 x", "1 x"), pair("1 x", "2 x", "b"), pair("1 x", "1 x", "b")]
    found = PreferenceSuite(pairs, [FakeJudge()]).run(lambda n: None).variants["fake"]
    assert found["accuracy"].mean == 0.5
    assert (found["accuracy [a]"].mean, found["accuracy [a]"].n) == (1.0, 1)
    assert found["accuracy [b]"].mean == 0.25
    assert found["accuracy"].chance == 0.5


def test_the_baselines_are_likelihood_and_length(model: LikelihoodModel) -> None:
    """The model finds its own kind of answer likelier; the longer text wins on length."""
    answers = [Answer(ASKED, text) for text in ("I am well, thank you.", "zq", "")]
    rated = LikelihoodJudge(model).rate(answers[:2], lambda n: None)
    assert set(rated) == {"accuracy", "accuracy_norm"}
    assert rated["accuracy_norm"][0] > rated["accuracy_norm"][1]
    assert LengthJudge().rate(answers, lambda n: None)["accuracy"] == [21.0, 2.0, 0.0]


def contest(model: LikelihoodModel, rewards: Any, prompts: tuple[Turns, ...]) -> Contest:
    return Contest(model, model, rewards, prompts, temperature=1.0, max_tokens=8, seed=3)


def test_a_model_against_itself_wins_exactly_half(model: LikelihoodModel) -> None:
    """Seeds are crossed, so whatever the judge likes, luck cancels."""
    numbers = itertools.count()
    rewards: dict[str, float] = {}

    def judge(answers: Sequence[tuple[Turns, str]]) -> list[float]:
        return [rewards.setdefault(text, float(next(numbers))) for _, text in answers]

    prompts = tuple((("user", f"Say {n}."),) for n in range(5))
    found = contest(model, judge, prompts).run(lambda n: None)
    assert found["win_rate"].mean == 0.5
    assert found["win_rate"].n == 5
    assert found["reward"].mean == found["reward_against"].mean


def test_a_tie_is_half_a_win(model: LikelihoodModel) -> None:
    """A judge that sees no difference gives neither side anything."""
    same = contest(model, lambda answers: [1.0] * len(answers), (ASKED,)).run(lambda n: None)
    assert (same["win_rate"].mean, same["ties"].mean) == (0.5, 1.0)


def test_the_command_without_a_reward_model(write: Write, evaluate: Evaluate) -> None:
    """Likelihood and length are measured, by source where there are several."""
    data = write("pairs.jsonl", record(1), record(2, "t"), record(3, "t"))
    line = evaluate("preference", "--data", data)
    assert set(line["metrics"]) == {"likelihood", "length"}
    assert line["metrics"]["length"]["accuracy [t]"] == 1.0
    assert line["chance"]["likelihood"]["accuracy"] == 0.5
    assert line["n"] == 3


def test_the_command_with_a_reward_model_and_a_contest(
    write: Write, evaluate: Evaluate, reward_model: Path
) -> None:
    """Reward accuracy beside its baselines, and one checkpoint against another."""
    data = write("pairs.jsonl", record(1), record(2), record(1, "again"))
    judged = ["--reward-model", reward_model, "--against", MODEL, "--max-tokens", 4]
    line = evaluate("preference", "--data", data, *judged)
    assert set(line["metrics"]) == {"reward model", "likelihood", "length", "win rate"}
    assert line["metrics"]["win rate"]["win_rate"] == 0.5
    assert line["config"]["prompts"] == 2
    assert line["counts"]["win rate"]["win_rate"] == 2


def test_mistakes_name_their_fix(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    """A contest needs a judge, a judge must be a reward model, and turns must be turns."""
    data = str(write("pairs.jsonl", record(1)))
    bad = str(write("bad.jsonl", {**record(1), "messages": [{"role": "user"}]}))
    model = ["--model", str(MODEL)]
    for arguments, code, said in [
        (["--data", data, "--against", str(MODEL)], ExitCode.USAGE, "--against needs a judge"),
        (["--data", data, "--reward-model", str(MODEL)], ExitCode.ERROR, "is no reward model"),
        (["--data", bad], ExitCode.ERROR, "line 1: a turn needs"),
    ]:
        assert main(["eval", "preference", *arguments, *model]) == code
        assert said in capsys.readouterr().err
