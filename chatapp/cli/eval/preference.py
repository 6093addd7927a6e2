"""`chatapp eval preference`: does a judge agree with people, and which model does it prefer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from chatapp.cli.errors import CliError, ExitCode
from chatapp.cli.eval.options import load, model_directory, model_options, suite_options, told
from chatapp.cli.eval.runner import run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chatapp.evaluation.likelihood import LikelihoodModel
    from chatapp.evaluation.preference import Judge
    from chatapp.evaluation.reward_judge import RewardJudge
    from chatapp.evaluation.schemas import Preference
    from chatapp.evaluation.win_rate import Contest


@click.command()
@suite_options("preference")
@model_options
@click.option("--reward-model", help="A reward model's name or directory, to judge with.")
@click.option("--against", help="Another model: how often does --model win over it?")
@click.option(
    "--temperature",
    type=click.FloatRange(min=0, min_open=True),
    default=0.7,
    show_default=True,
    help="Of both models' answers.",
)
@click.option(
    "--max-tokens", type=click.IntRange(min=1), default=128, show_default=True, help="Of an answer."
)
def preference(
    files: tuple[Path, ...],
    limit: int | None,
    seed: int,
    output: str,
    save: Path | None,
    model_name: str,
    threads: int,
    device: str,
    reward_model: str | None,
    against: str | None,
    temperature: float,
    max_tokens: int,
) -> None:
    """Measure how a judge agrees with people.

    That is how often it prefers the answer that people preferred, by source. The reward model
    is one judge; the model's own likelihood and the length of the answers are baselines. With
    --against, two models answer the prompts and the reward model compares them.
    """
    from chatapp.evaluation.preference import LengthJudge, LikelihoodJudge, PreferenceSuite
    from chatapp.evaluation.records import choose, read
    from chatapp.evaluation.schemas import parse_preference

    if against and not reward_model:
        raise CliError(
            "--against needs a judge",
            hint="give a reward model with --reward-model DIR.",
            code=ExitCode.USAGE,
        )
    pairs = choose([pair for file in files for pair in read(file, parse_preference)], limit, seed)
    model = load(model_name, threads, device)
    reward = _reward_judge(reward_model, device) if reward_model else None
    contest = None
    if against and reward:
        rival = load(against, threads, device)
        contest = _contest(model, rival, reward, pairs, (temperature, max_tokens, seed))
    judges: list[Judge] = [*([reward] if reward else []), LikelihoodJudge(model), LengthJudge()]
    config = {
        **told(files, limit, seed, model_name),
        "reward_model": reward_model and Path(reward_model).name,
        "against": against and Path(against).name,
    }
    run(PreferenceSuite(pairs, judges, contest), config, output=output, save=save)


def _reward_judge(name: str, device: str) -> RewardJudge:
    from chatapp.evaluation.reward_judge import RewardJudge
    from chatapp.training.devices import choose_device

    return RewardJudge(model_directory(name), choose_device(device))


def _contest(
    model: LikelihoodModel,
    rival: LikelihoodModel,
    judge: RewardJudge,
    pairs: Sequence[Preference],
    sampling: tuple[float, int, int],
) -> Contest:
    from chatapp.evaluation.win_rate import Contest

    temperature, max_tokens, seed = sampling
    prompts = tuple(dict.fromkeys(pair.messages for pair in pairs))
    return Contest(model, rival, judge.rewards, prompts, temperature, max_tokens, seed)
