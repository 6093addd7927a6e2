"""`chatapp conversations export` and `import`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import IO, TYPE_CHECKING

import click

from chatapp.cli.conversations.group import conversations, opened
from chatapp.cli.errors import CliError, ExitCode
from chatapp.cli.options import clean
from chatapp.cli.output import file_option, output_option, print_json, writing

if TYPE_CHECKING:
    from chatapp.conversations import ConversationStore

_PAGE = 200  # conversations asked for at a time


@conversations.command()
@click.argument("conversation_id", metavar="[ID]", required=False, callback=clean)
@click.option("--all", "everything", is_flag=True, help="All of them, as JSON, one a line.")
@click.option(
    "--format", "kind", type=click.Choice(["markdown", "json", "html"]), default="markdown",
    show_default=True,
    help="Markdown and HTML show one branch; JSON holds everything and can be imported.",
)  # fmt: skip
@file_option
def export(conversation_id: str | None, everything: bool, kind: str, file: str) -> None:
    """Write a conversation as Markdown, JSON or a page of HTML."""
    if everything == (conversation_id is not None):
        raise click.UsageError("name one conversation, or use --all.")
    with opened() as store, writing(file) as stream:
        if conversation_id is None:
            _export_all(store, stream)
        else:
            stream.write(_form(kind)(store, conversation_id))


@conversations.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@output_option("text", "json")
def import_(file: Path, output: str) -> None:
    """Read conversations from FILE: an export in JSON, or what ChatGPT exports.

    ChatGPT's export is the zip file, or the conversations.json in it. What is there already stays
    as it is, so a file can be imported again.
    """
    from chatapp.conversations.exchange import ImportFailed
    from chatapp.memory.forgetting import import_conversations
    from retrieval.text import sanitize_text

    if not file.exists():
        hint = "check the path."
        raise CliError(f"there is no file {file}", hint=hint, code=ExitCode.NOT_FOUND)
    with opened() as store:
        try:
            done = import_conversations(store, file, clean=sanitize_text)
        except ImportFailed as error:
            raise CliError(error.message, hint=error.hint) from error
    if output == "json":
        print_json({"new": done.new, "known": done.known, "messages": done.messages})
        return
    click.echo(
        f"imported {len(done.new)} conversations and {done.messages} messages; "
        f"{len(done.known)} were there already"
    )


def _form(kind: str) -> Callable[[ConversationStore, str], str]:
    from chatapp.conversations.exchange import to_html, to_json, to_markdown

    def as_text(store: ConversationStore, conversation_id: str) -> str:
        return json.dumps(to_json(store, conversation_id), ensure_ascii=False, indent=2) + "\n"

    return {"markdown": to_markdown, "html": to_html, "json": as_text}[kind]


def _export_all(store: ConversationStore, output: IO[str]) -> None:
    """Write every conversation, archived and deleted ones too, one at a time."""
    from chatapp.conversations.exchange import to_json

    for deleted, archived in ((False, False), (False, True), (True, False)):
        before: str | None = None
        while page := store.conversations(_PAGE, before, deleted=deleted, archived=archived):
            for conversation in page:
                line = json.dumps(to_json(store, conversation.id), ensure_ascii=False)
                output.write(f"{line}\n")
            before = page[-1].id
