"""The command group, and what its commands share: the store, an id, how rows are printed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from chatapp.cli.options import clean
from chatapp.cli.output import print_json

if TYPE_CHECKING:
    from chatapp.conversations import ConversationStore

conversation_id = click.argument("conversation_id", metavar="ID", callback=clean)


@click.group()
def conversations() -> None:
    """List, find, organise, export, import and check conversations."""


@contextmanager
def opened() -> Iterator[ConversationStore]:
    """Yield the store; an id that names nothing is explained."""
    from chatapp.cli.stores import open_store

    with open_store(missing="`chatapp conversations list` shows the ids.") as store:
        yield store


def print_rows(
    rows: list[dict[str, Any]], output: str, line: Callable[[dict[str, Any]], str]
) -> None:
    """Print rows as lines of text, as one JSON list, or as JSON lines."""
    if output == "json":
        print_json(rows)
        return
    for row in rows:
        if output == "jsonl":
            print_json(row)
        else:
            click.echo(line(row))
