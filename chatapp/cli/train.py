"""`chatapp train`: run a recipe, or continue one that was stopped."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from chatapp.cli.errors import CliError, ExitCode
from chatapp.cli.output import output_option, print_json

if TYPE_CHECKING:
    from chatapp.training.recipe import Recipe


@click.command()
@click.argument("recipe", type=click.Path(path_type=Path))
@click.option(
    "--stage",
    help="Run this stage alone: ladder, pretrain, finetune, task, reward, ppo, dpo or compare.",
)
@click.option("--data", type=click.Path(path_type=Path), help="Directory of the records.")
@click.option(
    "--out", type=click.Path(path_type=Path), help="Directory of the run [default: runs/RECIPE]."
)
@click.option("--resume", is_flag=True, help="Continue the run that lies in --out.")
@click.option(
    "--threads", type=click.IntRange(0), default=0, help="CPU threads [default: one per core]."
)
@click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="TABLE.KEY=VALUE",
    help="Replace a value of the recipe; may be given several times.",
)
@click.option("--plan", is_flag=True, help="Print what it will cost and reach; touch nothing.")
@click.option(
    "--gpus", type=click.IntRange(1), default=1, show_default=True, help="GPUs to plan for."
)
@click.option("--gpu", default="h100", show_default=True, help="Their kind, for --plan.")
@output_option("text", "json")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N.")
@click.option(
    "--parallel",
    type=click.Choice(["ddp", "fsdp"]),
    default="ddp",
    show_default=True,
    help="Under torchrun: whole copies of the model, or shards of it.",
)
def train(
    recipe: Path,
    stage: str | None,
    data: Path | None,
    out: Path | None,
    resume: bool,
    threads: int,
    overrides: tuple[str, ...],
    plan: bool,
    gpus: int,
    gpu: str,
    output: str,
    device: str,
    parallel: str,
) -> None:
    """Train a model from RECIPE, a TOML file: from raw text to a chat model, stage by stage.

    Every stage saves its state as it goes; after Ctrl-C or a crash, --resume continues. The
    finished model lies in OUT/model and can be chatted with by naming that directory in the
    setting `model`.
    """
    from chatapp.training.recipe import load_recipe

    loaded = load_recipe(recipe, data, overrides)
    directory = out or Path("runs") / loaded.name
    if plan:
        _plan(loaded, directory, gpus, gpu, output)
        return
    if (directory / "tokenizer.json").is_file() and not (resume or stage):
        raise CliError(
            f"{directory} already holds a run",
            hint="add --resume to continue it, or give another --out.",
            code=ExitCode.USAGE,
        )
    for line in loaded.derived:
        click.echo(line, err=True)
    finished = _run(loaded, directory, stage, threads, device, parallel)
    if finished is not None:
        click.echo(finished)


def _plan(recipe: Recipe, out: Path, gpus: int, gpu: str, output: str) -> None:
    from chatapp.cli.train_plan import print_plan
    from chatapp.training.footprint import GPUS
    from chatapp.training.plan import make_plan

    if gpu not in GPUS:
        raise CliError(
            f"no figures are known for the GPU {gpu!r}",
            hint=f"give --gpu one of {', '.join(GPUS)}.",
            code=ExitCode.USAGE,
        )
    plan = make_plan(recipe, out, gpus, gpu)
    if output == "json":
        print_json(plan)
    else:
        print_plan(plan)


def _run(
    recipe: Recipe, out: Path, stage: str | None, threads: int, device: str, parallel: str
) -> Path | None:
    """Train; return the model's directory, or None where another process speaks for all."""
    import torch

    from chatapp.inference.cores import usable_cores
    from chatapp.training.devices import choose_device, keep_freed_memory
    from chatapp.training.distributed import world_of_torchrun
    from chatapp.training.durable import Stopped
    from chatapp.training.pipeline import Run

    torch.set_num_threads(threads or usable_cores())
    keep_freed_memory()
    chosen = choose_device(device)
    with world_of_torchrun(chosen, "fsdp" if parallel == "fsdp" else "ddp") as world:
        try:
            model = Run(recipe, out, chosen, world).execute(stage)
        except Stopped as stopped:
            raise CliError(
                f"stopped; what was learnt is saved in {out}",
                hint="run the same command with --resume to continue.",
                code=128 + stopped.signal,
            ) from None
        return model if world.leads else None
