"""What every command's `--output` option looks like, and how a JSON object is printed."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

FORMS = ("text", "json", "jsonl")


def output_option(*choices: str) -> Callable[[F], F]:
    """Return the `--output` option of a command: text, json and jsonl, text if not said.

    A command that names `choices` without jsonl prints one object; as JSON lines that is the same
    line, so it is told json.
    """
    one_object = bool(choices) and "jsonl" not in choices

    def told(ctx: click.Context, param: click.Parameter, value: str) -> str:
        return "json" if one_object and value == "jsonl" else value

    return click.option(
        "--output",
        type=click.Choice(FORMS),
        default="text",
        show_default=True,
        callback=told,
        help="How to print the result.",
    )


def print_json(value: object) -> None:
    """Print `value` as one line of JSON on stdout, in readable UTF-8."""
    click.echo(json.dumps(value, ensure_ascii=False))
