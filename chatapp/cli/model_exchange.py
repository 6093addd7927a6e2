"""`chatapp model import` and `export`: models from and for the Hugging Face format."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import click

from chatapp.cli import hub
from chatapp.cli.errors import CliError, ExitCode
from chatapp.cli.options import clean
from chatapp.cli.output import output_option, print_json
from chatapp.cli.person import ask_first
from chatapp.private import make_directory

_NAME = re.compile(r"[A-Za-z0-9][\w.-]*")


@click.command(name="import")
@click.argument("source", callback=clean)
@click.option("--name", help="What to call the model here; default: its own name.", callback=clean)
@click.option("--revision", help="Branch, tag or commit of a model on the hub.", callback=clean)
@click.option("--yes", is_flag=True, help="Download without asking.")
@output_option("text", "json")
def import_command(
    source: str, name: str | None, revision: str | None, yes: bool, output: str
) -> None:
    """Bring the model at SOURCE into the models directory.

    SOURCE is a directory in the Hugging Face format, or the id of a model on the Hugging Face hub,
    such as HuggingFaceTB/SmolLM2-135M-Instruct, which is downloaded after you agreed.
    """
    from chatapp import paths

    directory = paths.expanded(source)
    local = directory.is_dir()
    if not local and not hub.is_id(source):
        raise CliError(
            f"there is no directory '{source}', and no model on the hub can be called that",
            hint="name a directory, or an id of the form owner/name.",
            code=ExitCode.NOT_FOUND,
        )
    name = name or (directory.resolve().name if local else source.rsplit("/", 1)[-1])
    target = _target(paths.models_dir(), name)
    make_directory(paths.models_dir())
    staging = paths.models_dir() / f".{name}.download"
    if not local:
        directory = _download(source, revision, staging, yes)
    from chatapp.model.interop.importing import import_model

    imported = import_model(directory, target, name=source if not local else "")
    shutil.rmtree(staging, ignore_errors=True)
    row = {
        "name": name,
        "path": str(target),
        "model_type": imported.model_type,
        "runs_on": "chatapp" if imported.converted else "transformers",
        "chat_template": imported.chats,
    }
    if output == "json":
        print_json(row)
        return
    click.echo(f"imported {name} ({imported.model_type})")
    _explain(name, imported.reason, imported.chats)


def _target(models: Path, name: str) -> Path:
    if name == "default" or not _NAME.fullmatch(name):
        raise CliError(
            f"a model here cannot be called '{name}'",
            hint="choose a name of letters, digits, dots and dashes with --name.",
            code=ExitCode.USAGE,
        )
    if (models / name).exists():
        raise CliError(
            f"there is a model '{name}' already, at {models / name}",
            hint="choose another name with --name, or remove that directory.",
        )
    return models / name


def _download(model_id: str, revision: str | None, folder: Path, yes: bool) -> Path:
    """Show what would be fetched, wait for consent, and fetch it."""
    download = hub.plan(model_id, revision)
    for file, size in sorted(download.sizes.items(), key=lambda each: -each[1]):
        click.echo(f"{size / 1e6:10.1f} MB  {file}", err=True)
    total = f"{download.bytes / 1e6:.1f} MB in {len(download.sizes)} files"
    free = shutil.disk_usage(folder.parent).free
    if free < 2 * download.bytes:  # the files and the converted weights
        raise CliError(
            f"{model_id} takes {2 * download.bytes / 1e6:.0f} MB while it is imported, and "
            f"{free / 1e6:.0f} MB are free",
            hint="free some space, or move the home with CHATAPP_HOME.",
            code=ExitCode.STORAGE,
        )
    ask_first(
        f"Download {total} from the Hugging Face hub?",
        yes,
        unasked=f"{model_id} would be downloaded: {total}",
    )
    hub.fetch(download, folder)
    return folder


def _explain(name: str, reason: str, chats: bool) -> None:
    if reason:
        click.echo(f"It runs through transformers, because {reason}.")
    if not chats:
        click.echo(
            "It has no chat template, so it was not tuned to chat: it reads a plain transcript "
            "('User: …', 'Assistant: …') and goes on with it."
        )
    click.echo(f'To use it, set `model = "{name}"`, for example with CHATAPP_MODEL={name}.')


@click.command(name="export")
@click.argument("name", callback=clean)
@click.argument("directory", type=click.Path(path_type=Path))
@click.option(
    "--format",
    "form",
    type=click.Choice(["hf"]),
    default="hf",
    show_default=True,
    help="hf: what Hugging Face transformers, and programs that read its models, load.",
)
@click.option(
    "--dtype",
    type=click.Choice(["float32", "bfloat16", "float16"]),
    help="Of the weights; default: as stored, or float32 where an embedding norm is folded in.",
)
@output_option("text", "json")
def export_command(name: str, directory: Path, form: str, dtype: str | None, output: str) -> None:
    """Write the model NAME to the new DIRECTORY as a stock architecture."""
    import torch

    from chatapp import paths
    from chatapp.cli.model import directory_of
    from chatapp.inference.transformers_decoder import needs_transformers
    from chatapp.model.interop.exporting import export_model

    source = directory_of(name)
    if not (source / "config.json").is_file():
        raise CliError(
            f"there is no model '{name}'", hint="see `chatapp model list`.", code=ExitCode.NOT_FOUND
        )
    if needs_transformers(source):
        raise CliError(
            f"'{name}' is in the Hugging Face format already", hint=f"copy the directory {source}."
        )
    wanted: torch.dtype | None = getattr(torch, dtype) if dtype else None
    directory = paths.expanded(str(directory))
    directory.parent.mkdir(parents=True, exist_ok=True)
    exported = export_model(source, directory, dtype=wanted)
    stored = str(exported.dtype).removeprefix("torch.")
    row: dict[str, Any] = {
        "path": str(directory),
        "format": form,
        "model_type": exported.model_type,
        "dtype": stored,
        "embedding_norm_folded": exported.folded,
    }
    if output == "json":
        print_json(row)
        return
    click.echo(f"exported {name} to {directory} as {exported.model_type}, {stored}")
    if exported.folded:
        click.echo("The embedding norm is folded into the table, which gives the same logits.")
