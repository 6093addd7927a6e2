"""`chatapp eval math`: word problems, with or without reasoning and the calculator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from chatapp.cli.eval.options import (
    cot_option,
    load,
    model_options,
    prompting,
    prompting_options,
    suite_options,
    template_option,
    told,
)
from chatapp.cli.eval.runner import run

if TYPE_CHECKING:
    from chatapp.evaluation.schemas import Problem


@click.command("math")
@suite_options("reasoning")
@model_options
@prompting_options
@cot_option
@template_option(chat=True)
@click.option("--solver", is_flag=True, help="Ask the solver instead of the language model.")
@click.option("--no-tools", is_flag=True, help="Leave the model to its own arithmetic.")
@click.option(
    "--max-tokens", type=click.IntRange(min=1), default=256, show_default=True, help="Of a reply."
)
def math_(
    files: tuple[Path, ...],
    limit: int | None,
    seed: int,
    output: str,
    save: Path | None,
    model_name: str,
    threads: int,
    device: str,
    shots: int,
    shots_from: Path | None,
    cot: bool,
    chat: bool,
    solver: bool,
    no_tools: bool,
    max_tokens: int,
) -> None:
    """Let the model solve word problems.

    The answer of a problem is a number, as in GSM8K and SVAMP. That of a reply is the number
    after ####, or its last one. A calculator completes <<2+3= in the reply as <<2+3=5>>, as the
    solutions of GSM8K write it, unless --no-tools is given. With --solver the solver that comes
    with chatapp works them out, and none of the options on models and prompts counts.
    """
    from chatapp.evaluation.math_problems import MathSuite
    from chatapp.evaluation.records import choose, read
    from chatapp.evaluation.schemas import parse_problem

    problems = choose([item for file in files for item in read(file, parse_problem)], limit, seed)
    if solver:
        _solve(problems, told(files, limit, seed, ""), output, save)
        return
    asked = prompting(
        chat=chat, cot=cot, shots=shots, shots_from=shots_from, seed=seed, files=files
    )
    suite = MathSuite(
        load(model_name, threads, device),
        problems,
        asked,
        tools=not no_tools,
        max_tokens=max_tokens,
    )
    config = told(files, limit, seed, model_name)
    run(suite, config, output=output, save=save)


def _solve(
    problems: Sequence[Problem], config: Mapping[str, object], output: str, save: Path | None
) -> None:
    from chatapp.assistant.word_problems import LEAST, shipped_solver
    from chatapp.evaluation.solved_problems import SolverSuite

    solver = shipped_solver()
    if solver is None:
        raise click.ClickException(
            "the solver's files are missing or damaged; reinstall chatapp to restore them"
        )
    run(SolverSuite(solver, problems, LEAST), config, output=output, save=save)
