"""`chatapp conversations`: what was said, from the shell. Deleting is undone by `restore`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from chatapp.cli.errors import CliError, ExitCode
from chatapp.cli.options import clean, limit_option
from chatapp.cli.output import output_option, print_json

if TYPE_CHECKING:
    from chatapp.conversations import Conversation, ConversationStore

_ID = click.argument("conversation_id", metavar="ID", callback=clean)


@click.group()
def conversations() -> None:
    """List, show, search, rename, delete, restore and export conversations."""


@conversations.command("list")
@limit_option(50)
@click.option("--deleted", is_flag=True, help="List the deleted ones.")
@output_option("text", "json", "jsonl")
def list_(limit: int, deleted: bool, output: str) -> None:
    """List conversations, last used first."""
    with _store() as store:
        found = store.conversations(limit, deleted=deleted)
    _print_rows([asdict(item) for item in found], output, _conversation_line)


@conversations.command()
@_ID
@output_option("text", "json", "jsonl")
def show(conversation_id: str, output: str) -> None:
    """Show the messages of one conversation."""
    from chatapp.conversations.export import as_json, as_markdown

    with _store() as store:
        if output == "text":
            click.echo(as_markdown(store, conversation_id), nl=False)
            return
        exported = as_json(store, conversation_id)
    if output == "json":
        print_json(exported)
    else:
        for message in exported["messages"]:
            print_json(message)


@conversations.command()
@click.argument("words", nargs=-1, required=True)
@limit_option(20)
@output_option("text", "json", "jsonl")
def search(words: tuple[str, ...], limit: int, output: str) -> None:
    """Find messages that have all these WORDS."""
    from retrieval.text import sanitize_text

    with _store() as store:
        found = store.search(sanitize_text(" ".join(words)), limit)
    _print_rows([asdict(hit) for hit in found], output, _hit_line)


@conversations.command()
@_ID
@click.argument("title", callback=clean)
@output_option("text", "json")
def rename(conversation_id: str, title: str, output: str) -> None:
    """Give a conversation another TITLE."""
    line = " ".join(title.split())
    if not line:
        raise CliError("the title is empty", hint="write one.", code=ExitCode.USAGE)
    _change(output, "renamed to", lambda store: store.rename(conversation_id, line))


@conversations.command()
@_ID
@output_option("text", "json")
def delete(conversation_id: str, output: str) -> None:
    """Delete a conversation; `restore` brings it back."""
    _change(output, "deleted", lambda store: store.delete(conversation_id))


@conversations.command()
@_ID
@output_option("text", "json")
def restore(conversation_id: str, output: str) -> None:
    """Bring a deleted conversation back."""
    _change(output, "restored", lambda store: store.restore(conversation_id))


@conversations.command()
@_ID
@click.option(
    "--format", "kind", type=click.Choice(["markdown", "json"]), default="markdown",
    show_default=True, help="Markdown shows one branch; JSON holds the whole tree.",
)  # fmt: skip
@click.option("--output", "-o", type=click.File("w", encoding="utf-8", lazy=False), default="-",
              help="File to write; `-` is stdout.")  # fmt: skip
def export(conversation_id: str, kind: str, output: Any) -> None:
    """Write a conversation as Markdown or JSON."""
    import json

    from chatapp.conversations.export import as_json, as_markdown

    with _store() as store:
        if kind == "markdown":
            text = as_markdown(store, conversation_id)
        else:
            text = json.dumps(as_json(store, conversation_id), ensure_ascii=False, indent=2) + "\n"
    output.write(text)


def _change(output: str, done: str, change: Callable[[ConversationStore], Conversation]) -> None:
    with _store() as store:
        changed = change(store)
    if output == "json":
        print_json(asdict(changed))
    else:
        click.echo(f"{done}: {changed.title}")


@contextmanager
def _store() -> Iterator[ConversationStore]:
    from chatapp.cli.stores import open_store

    with open_store(missing="`chatapp conversations list` shows the ids.") as store:
        yield store


def _print_rows(
    rows: list[dict[str, Any]], output: str, line: Callable[[dict[str, Any]], str]
) -> None:
    if output == "json":
        print_json(rows)
        return
    for row in rows:
        if output == "jsonl":
            print_json(row)
        else:
            click.echo(line(row))


def _conversation_line(row: dict[str, Any]) -> str:
    when = row["updated_at"][:16].replace("T", " ")
    return f"{row['id']}  {when}  {row['message_count']:>4}  {row['title']}"


def _hit_line(row: dict[str, Any]) -> str:
    snippet = " ".join(row["snippet"].split())
    return f"{row['conversation_id']}  {row['conversation_title']}: {snippet}"
