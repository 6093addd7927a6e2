"""What every command's `--output` option looks like, and how a JSON object is printed."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


def output_option(*choices: str) -> Callable[[F], F]:
    """Return the `--output` option of a command; the first choice is the default."""
    offered = choices or ("text", "json", "jsonl")
    return click.option(
        "--output",
        type=click.Choice(offered),
        default=offered[0],
        show_default=True,
        help="How to print the result.",
    )


def print_json(value: object) -> None:
    """Print `value` as one line of JSON on stdout, in readable UTF-8."""
    click.echo(json.dumps(value, ensure_ascii=False))
