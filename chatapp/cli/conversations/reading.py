"""`chatapp conversations list`, `show` and `search`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click

from chatapp.cli.conversations.group import conversation_id, conversations, opened, print_rows
from chatapp.cli.options import clean, limit_option
from chatapp.cli.output import output_option, print_json


@conversations.command("list")
@limit_option(50)
@click.option("--deleted", is_flag=True, help="List the deleted ones.")
@click.option("--archived", is_flag=True, help="List the archived ones.")
@click.option("--tag", callback=clean, help="Only those with this tag.")
@click.option("--before", metavar="ID", callback=clean, help="Go on after this one of the list.")
@output_option("text", "json", "jsonl")
def list_(
    limit: int, deleted: bool, archived: bool, tag: str | None, before: str | None, output: str
) -> None:
    """List conversations: pinned ones first, then last used first."""
    with opened() as store:
        found = store.conversations(limit, before, deleted=deleted, archived=archived, tag=tag)
    print_rows([asdict(item) for item in found], output, _conversation_line)


@conversations.command()
@conversation_id
@output_option("text", "json", "jsonl")
def show(conversation_id: str, output: str) -> None:
    """Show the messages of one conversation."""
    from chatapp.conversations.exchange import to_json, to_markdown

    with opened() as store:
        if output == "text":
            click.echo(to_markdown(store, conversation_id), nl=False)
            return
        exported = to_json(store, conversation_id)
    if output == "json":
        print_json(exported)
    else:
        for message in exported["messages"]:
            print_json(message)


@conversations.command()
@click.argument("words", nargs=-1, required=True)
@limit_option(20)
@click.option("--role", type=click.Choice(["user", "assistant", "system", "tool"]),
              help="Only what you (user) or the model (assistant) said.")  # fmt: skip
@click.option("--in", "conversation_id", metavar="ID", callback=clean,
              help="Only in this conversation.")  # fmt: skip
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), help="Only from this day on.")
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), help="Only before this day.")
@click.option("--tag", callback=clean, help="Only in conversations with this tag.")
@click.option("--pinned", is_flag=True, help="Only in pinned conversations.")
@click.option("--archived/--not-archived", default=None,
              help="Only, or not, in archived conversations.")  # fmt: skip
@click.option("--grounding", type=click.Choice(["grounded", "partly", "model", "written",
              "memory", "tool", "worked_out", "not_found"]),
              help="Only answers with this badge.")  # fmt: skip
@output_option("text", "json", "jsonl")
def search(words: tuple[str, ...], limit: int, output: str, **options: Any) -> None:
    """Find messages, attachments and tool results that have all these WORDS."""
    from chatapp.conversations import SearchFilters
    from retrieval.text import sanitize_text

    for name in ("since", "until"):
        if options[name] is not None:
            options[name] = options[name].strftime("%Y-%m-%d")
    filters = SearchFilters(**{**options, "pinned": options["pinned"] or None})
    with opened() as store:
        found = store.search(sanitize_text(" ".join(words)), limit, filters=filters)
    print_rows([asdict(hit) for hit in found], output, _hit_line)


def _conversation_line(row: dict[str, Any]) -> str:
    when = row["updated_at"][:16].replace("T", " ")
    pin = "*" if row["pinned"] else " "
    tags = "".join(f"  #{tag}" for tag in row["tags"])
    return f"{row['id']} {pin}{when}  {row['message_count']:>4}  {row['title']}{tags}"


def _hit_line(row: dict[str, Any]) -> str:
    snippet = " ".join(row["snippet"].split())
    return f"{row['conversation_id']}  {row['conversation_title']}: {snippet}"
