"""`chatapp config`: the settings in force, where each comes from, and where the files lie."""

from __future__ import annotations

import json

import click

from chatapp import paths
from chatapp.cli.output import output_option, print_json
from chatapp.settings import load_settings


@click.group()
def config() -> None:
    """Show the settings and where each comes from."""


HIDDEN = "********"


@config.command()
@click.option("--origin", is_flag=True, help="Say which file, variable or default set each one.")
@output_option("text", "json")
def show(origin: bool, output: str) -> None:
    """Print every setting; the text form is valid TOML for a settings file.

    What may be a key is masked, and its line is a comment, so that no mask is ever loaded as a key.
    """
    resolved = load_settings()
    hidden = {key for key, _, _ in resolved.items() if resolved.is_secret(key)}
    shown = [(key, HIDDEN if key in hidden else value, by) for key, value, by in resolved.items()]
    if output == "json":
        print_json(
            {key: {"value": value, "origin": by} if origin else value for key, value, by in shown}
        )
        return
    for key, value, by in shown:
        line = f"{'# ' if key in hidden else ''}{key} = {_toml(value)}"
        click.echo(f"{line:<40}  # {by}" if origin else line)


def _toml(value: object) -> str:
    """Return a value as TOML: for numbers, texts and lists of them, JSON is TOML too."""
    return json.dumps(value, ensure_ascii=False) if value != {} else "{}"


@config.command()
@output_option("text", "json")
def path(output: str) -> None:
    """Print the settings files, weakest first, and where the app keeps its data."""
    places = {
        "system settings": paths.system_config_path(),
        "user settings": paths.user_config_path(),
        "project settings": paths.project_config_path(),
        "conversations": paths.database_path(),
        "index": paths.index_path(),
        "models": paths.models_dir(),
        "log": paths.log_path(),
    }
    if output == "json":
        print_json({name: {"path": str(at), "exists": at.exists()} for name, at in places.items()})
        return
    for name, at in places.items():
        click.echo(f"{name:<17} {at}" + ("" if at.exists() else "  (not there)"))
