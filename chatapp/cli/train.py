"""`chatapp train`: run a recipe, or continue one that was stopped."""

from __future__ import annotations

from pathlib import Path

import click

from chatapp.cli.errors import CliError, ExitCode


@click.command()
@click.argument("recipe", type=click.Path(path_type=Path))
@click.option("--data", type=click.Path(path_type=Path), help="Directory of the records.")
@click.option(
    "--out", type=click.Path(path_type=Path), help="Directory of the run [default: runs/RECIPE]."
)
@click.option("--resume", is_flag=True, help="Continue the run that lies in --out.")
@click.option("--threads", default=0, help="CPU threads [default: one per core].")
@click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="TABLE.KEY=VALUE",
    help="Replace a value of the recipe; may be given several times.",
)
def train(
    recipe: Path,
    data: Path | None,
    out: Path | None,
    resume: bool,
    threads: int,
    overrides: tuple[str, ...],
) -> None:
    """Train a model from RECIPE, a TOML file: tokenizer, pretraining, fine-tuning.

    Every stage saves its state as it goes; after Ctrl-C or a crash, --resume continues. The
    finished model lies in OUT/model and can be chatted with by naming that directory in the
    setting `model`.
    """
    from chatapp.training.recipe import load_recipe

    plan = load_recipe(recipe, data, overrides)
    directory = out or Path("runs") / plan.name
    if (directory / "tokenizer.json").is_file() and not resume:
        raise CliError(
            f"{directory} already holds a run",
            hint="add --resume to continue it, or give another --out.",
            code=ExitCode.USAGE,
        )
    click.echo(_run(plan, directory, threads))


def _run(plan: object, directory: Path, threads: int) -> Path:
    import torch

    from chatapp.inference.load import usable_cores
    from chatapp.training.pipeline import Run
    from chatapp.training.recipe import Recipe

    assert isinstance(plan, Recipe)
    torch.set_num_threads(threads or usable_cores())
    try:
        return Run(plan, directory).execute()
    except KeyboardInterrupt:
        raise CliError(
            f"stopped; what was learnt is saved in {directory}",
            hint="run the same command with --resume to continue.",
            code=ExitCode.SIGINT,
        ) from None
