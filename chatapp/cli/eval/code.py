"""`chatapp eval code`: programs that are run against their tests in the sandbox."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from chatapp.cli.errors import CliError, ExitCode
from chatapp.cli.eval.options import (
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
    from collections.abc import Callable

    from chatapp.evaluation.prompts import Example


@click.command()
@suite_options("code")
@model_options
@prompting_options
@template_option(chat=True)
@click.option(
    "--samples",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Programs written for each task.",
)
@click.option("--k", "ks", default="1", show_default=True, help="The k of pass@k, as 1,10.")
@click.option(
    "--temperature",
    type=click.FloatRange(min=0),
    help="Of the samples [default: 0 for one sample, 0.8 for several].",
)
@click.option(
    "--max-tokens", type=click.IntRange(min=1), default=256, show_default=True, help="Of a program."
)
@click.option(
    "--reference",
    is_flag=True,
    help="Run the file's own solutions instead of a model's: a check of data and sandbox.",
)
def code(
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
    chat: bool,
    samples: int,
    ks: str,
    temperature: float | None,
    max_tokens: int,
    reference: bool,
) -> None:
    """Run the model's programs against their tests.

    Records in the forms of MBPP and of HumanEval are understood. Programs run without network,
    files or other processes, within limits of time and memory; where this machine cannot hold
    them (see the handbook), nothing is measured.
    """
    from chatapp.evaluation.code import CodeSuite, Sampling
    from chatapp.evaluation.records import choose, read
    from chatapp.evaluation.schemas import parse_code
    from tools.python_sandbox import why_unavailable

    reason = why_unavailable()
    if reason is not None:
        raise reason
    wanted = _ks(ks, 1 if reference else samples)
    asked = prompting(
        chat=chat,
        cot=False,
        shots=shots,
        shots_from=shots_from,
        seed=seed,
        files=files,
        parse=_example(chat),
    )
    tasks = choose([task for file in files for task in read(file, parse_code)], limit, seed)
    heat = temperature if temperature is not None else (0.0 if samples == 1 else 0.8)
    sampling = Sampling(samples, heat, max_tokens, seed)
    model = None if reference else load(model_name, threads, device)
    config = told(files, limit, seed, "reference" if reference else model_name)
    run(CodeSuite(model, tasks, asked, sampling, wanted), config, output=output, save=save)


def _ks(text: str, samples: int) -> list[int]:
    """Read `--k`; no k may be larger than the number of samples."""
    try:
        ks = sorted({int(part) for part in text.split(",")})
    except ValueError:
        ks = []
    if not ks or ks[0] < 1 or ks[-1] > samples:
        raise CliError(
            f"--k {text} must be numbers from 1 to the number of samples, {samples}",
            hint="give fewer, or more --samples.",
            code=ExitCode.USAGE,
        )
    return ks


def _example(chat: bool) -> Callable[[dict[str, Any], str], Example | None]:
    """Return what makes a worked example of a code record."""

    def parse(record: dict[str, Any], where: str) -> Example | None:
        from chatapp.evaluation.code import example_of
        from chatapp.evaluation.schemas import parse_code

        task = parse_code(record, where)
        return example_of(task, chat=chat) if task.code else None

    return parse
