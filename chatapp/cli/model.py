"""`chatapp model`: which models there are, what is in one, and exchange with other programs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from chatapp.cli.errors import CliError, ExitCode
from chatapp.cli.model_exchange import export_command, import_command
from chatapp.cli.output import output_option, print_json


@click.group()
def model() -> None:
    """List the models, show what is in one, import and export."""


model.add_command(import_command)
model.add_command(export_command)


@model.command(name="list")
@output_option("text", "json")
def list_models(output: str) -> None:
    """List the shipped model and your own ones; `*` marks the one in use."""
    from chatapp import paths
    from chatapp.assistant.factory import model_dir
    from chatapp.settings import load_settings

    chosen = model_dir(load_settings().settings)
    # a name with a dot in front is a download or an import that has not ended
    own = sorted(file.parent for file in paths.models_dir().glob("[!.]*/config.json"))
    rows = [_summary("default"), *(_summary(directory.name) for directory in own)]
    if all(row["path"] != str(chosen) for row in rows):
        rows.append(_summary(str(chosen)))
    for row in rows:
        row["in_use"] = row["path"] == str(chosen)
    if output == "json":
        print_json(rows)
        return
    for row in rows:
        mark = "*" if row["in_use"] else " "
        click.echo(f"{mark} {row['name']:<20} {row.get('summary') or row['problem']}")


@model.command()
@click.argument("name", default="default")
@output_option("text", "json")
def info(name: str, output: str) -> None:
    """Show shape, size and costs of the model NAME (`default`, one of yours, or a path)."""
    row = _summary(name)
    if "problem" in row:
        raise CliError(
            f"there is no model '{name}': {row['problem']}",
            hint="see `chatapp model list`.",
            code=ExitCode.NOT_FOUND,
        )
    if output == "json":
        print_json(row)
        return
    width = max(len(key) for key in row)
    for key, value in row.items():
        click.echo(f"{key:<{width}}  {value}")


def directory_of(name: str) -> Path:
    """Return the directory of a model: `default`, one of the person's own, or a path."""
    import dataclasses

    from chatapp.assistant.factory import model_dir
    from chatapp.settings import load_settings

    return model_dir(dataclasses.replace(load_settings().settings, model=name))


def _summary(name: str) -> dict[str, Any]:
    """What config.json and the files' sizes say of a model; `problem` when they say nothing."""
    from chatapp.inference.transformers_decoder import needs_transformers
    from chatapp.model.config import ModelConfigError
    from chatapp.model.weights import WeightFiles, WeightsError

    directory = directory_of(name)
    row: dict[str, Any] = {"name": name, "path": str(directory)}
    try:
        values = json.loads((directory / "config.json").read_text(encoding="utf-8"))
        described = _foreign(values) if needs_transformers(directory) else _own(values)
        weights = WeightFiles(directory).bytes
    except (ModelConfigError, WeightsError) as error:
        return row | {"problem": str(error)}
    except json.JSONDecodeError as error:
        return row | {"problem": f"{directory / 'config.json'} is not JSON: {error}"}
    except OSError as error:
        return row | {"problem": f"{error.strerror}: {error.filename}"}
    described["summary"] += f", {weights / 1e6:.1f} MB"
    return row | described | {"weights_bytes": weights}


def _own(values: dict[str, Any]) -> dict[str, Any]:
    """Describe a model that our own implementation runs."""
    from chatapp.model.config import ModelConfig

    config = ModelConfig.from_dict(values)
    parameters = config.parameter_count()
    shape = f"{config.n_layers} layers of width {config.d_model}"
    row = {
        "summary": f"{parameters / 1e6:.1f}M parameters, {shape}",
        "parameters": parameters,
        "layers": config.n_layers,
        "width": config.d_model,
        "heads": config.n_heads,
        "vocabulary": config.vocab_size,
        "context_length": config.context_length,
        "attention": list(config.attention),
        "cache_bytes_full_context": config.cache_bytes(config.context_length, 4),
    }
    origin = values.get("imported_from")
    return row | ({"imported_from": origin} if origin else {})


def _foreign(values: dict[str, Any]) -> dict[str, Any]:
    """Describe a model that runs through `transformers`."""
    kind = values["model_type"]
    return {
        "summary": f"{kind}, runs through transformers",
        "imported_from": {"model_type": kind},
        "runs_on": "transformers",
    }
