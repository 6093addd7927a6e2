"""The options that the suites share, and what several of them load."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from chatapp.cli.errors import CliError, ExitCode
from chatapp.cli.output import output_option

if TYPE_CHECKING:
    from chatapp.evaluation.likelihood import LikelihoodModel
    from chatapp.evaluation.prompts import Example, Prompting

F = TypeVar("F", bound=Callable[..., Any])
FILE = click.Path(path_type=Path)


def suite_options(kinds: str, *, required: bool = True) -> Callable[[F], F]:
    """Return the options of every suite; `kinds` names the records that `--data` takes."""

    def add(command: F) -> F:
        for option in (
            click.option(
                "--save",
                type=FILE,
                help="Also write the JSON line to this file, e.g. RUN/evaluations/NAME.json.",
            ),
            output_option("text", "json"),
            click.option("--seed", default=0, show_default=True, help="Chooses the records."),
            click.option("--limit", type=click.IntRange(min=1), help="Measure this many records."),
            click.option(
                "--data",
                "files",
                multiple=True,
                required=required,
                type=FILE,
                help=f"A file of {kinds} records (.jsonl or .jsonl.xz); may be repeated.",
            ),
        ):
            command = option(command)
        return command

    return add


def model_options(command: F) -> F:
    """Add the options that choose the model and how it computes."""
    for option in (
        click.option(
            "--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:N."
        ),
        click.option("--threads", default=0, help="CPU threads [default: one per core]."),
        click.option(
            "--model",
            "model_name",
            default="default",
            show_default=True,
            help="A model's name, or its directory.",
        ),
    ):
        command = option(command)
    return command


def prompting_options(command: F) -> F:
    """Add the options of few-shot prompting."""
    for option in (
        click.option("--shots-from", type=FILE, help="Training file that examples are drawn from."),
        click.option(
            "--shots",
            type=click.IntRange(min=0),
            default=0,
            show_default=True,
            help="Worked examples before each question.",
        ),
    ):
        command = option(command)
    return command


def cot_option(command: F) -> F:
    """Add the option of chain-of-thought prompting."""
    return click.option("--cot", is_flag=True, help="Let the model reason before it answers.")(
        command
    )


def template_option(*, chat: bool) -> Callable[[F], F]:
    """Return the option that chooses between the chat template and plain text."""
    return click.option(
        "--chat/--plain",
        default=chat,
        show_default=True,
        help="Put questions through the chat template, or as plain text.",
    )


def load(model_name: str, threads: int, device: str) -> LikelihoodModel:
    """Load a model by name or directory for measuring, in full precision.

    Raises:
        ModelUnavailable: the directory holds none that can be loaded.
    """
    import torch

    from chatapp.evaluation.likelihood import LikelihoodModel
    from chatapp.inference.cores import usable_cores
    from chatapp.model.checkpoint import load_model
    from chatapp.training.devices import choose_device

    torch.set_num_threads(threads or usable_cores())
    model, tokenizer = load_model(model_directory(model_name))
    return LikelihoodModel(model.to(choose_device(device)), tokenizer)


def told(
    files: tuple[Path, ...], limit: int | None, seed: int, model_name: str
) -> dict[str, object]:
    """Return what every report says of a model's measurement; a directory by its name alone."""
    return {
        "data": [file.name for file in files],
        "limit": limit,
        "seed": seed,
        "model": Path(model_name).name,
    }


def model_directory(name: str) -> Path:
    """Return the directory that a model's name stands for."""
    import dataclasses

    from chatapp.assistant.factory import model_dir
    from chatapp.settings import load_settings

    return model_dir(dataclasses.replace(load_settings().settings, model=name))


def prompting(
    *,
    chat: bool,
    cot: bool,
    shots: int,
    shots_from: Path | None,
    seed: int,
    files: tuple[Path, ...],
    parse: Callable[[dict[str, Any], str], Example | None] | None = None,
) -> Prompting:
    """Return how questions are put; examples are read and checked here.

    Args:
        parse: makes examples of other records than qa and reasoning.

    Raises:
        CliError: the options do not fit together, or the file has too few examples.
    """
    from chatapp.evaluation.prompts import (
        Prompting,
        answered_example,
        read_examples,
        reasoned_example,
    )

    if bool(shots) != bool(shots_from):
        raise CliError(
            "--shots and --shots-from belong together",
            hint="give a number of examples and a training file to draw them from.",
            code=ExitCode.USAGE,
        )
    wanted = parse or (reasoned_example if cot else answered_example)
    examples = read_examples(shots_from, files, wanted) if shots_from else ()
    if shots and len(examples) <= shots:
        raise CliError(f"{shots_from} has {len(examples)} examples, too few for --shots {shots}")
    return Prompting(chat=chat, cot=cot, shots=shots, examples=examples, seed=seed)
