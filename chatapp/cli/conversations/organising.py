"""`chatapp conversations rename`, `tag`, `tags`, `pin`, `archive`, `delete`, `restore`, `purge`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from chatapp.cli.conversations.group import (
    conversation_id,
    conversations,
    opened,
    print_rows,
)
from chatapp.cli.errors import CliError, ExitCode
from chatapp.cli.options import clean
from chatapp.cli.output import output_option, print_json
from chatapp.cli.person import ask_first
from retrieval.text import sanitize_text

if TYPE_CHECKING:
    from chatapp.conversations import Conversation, ConversationStore


def _clean_all(
    ctx: click.Context, param: click.Parameter, values: tuple[str, ...]
) -> tuple[str, ...]:
    return tuple(sanitize_text(value) for value in values)


_undo = click.option("--undo", is_flag=True, help="The other way round.")


@conversations.command()
@conversation_id
@click.argument("title", callback=clean)
@output_option("text", "json")
def rename(conversation_id: str, title: str, output: str) -> None:
    """Give a conversation another TITLE."""
    line = " ".join(title.split())
    if not line:
        raise CliError("the title is empty", hint="write one.", code=ExitCode.USAGE)
    _change(output, "renamed to", lambda store: store.rename(conversation_id, line))


@conversations.command()
@conversation_id
@click.argument("names", nargs=-1, required=True, callback=_clean_all)
@click.option("--remove", is_flag=True, help="Take the tags off.")
@output_option("text", "json")
def tag(conversation_id: str, names: tuple[str, ...], remove: bool, output: str) -> None:
    """Put tags on a conversation, each of NAMES one."""

    def change(store: ConversationStore) -> Conversation:
        apply = store.untag if remove else store.tag
        return [apply(conversation_id, name) for name in names][-1]

    _change(output, "tags taken off" if remove else "tagged", change)


@conversations.command()
@output_option("text", "json", "jsonl")
def tags(output: str) -> None:
    """List all tags and how many conversations have each."""
    with opened() as store:
        found = store.tags()
    rows = [{"tag": name, "conversations": count} for name, count in found.items()]
    print_rows(rows, output, lambda row: f"{row['conversations']:>5}  #{row['tag']}")


@conversations.command()
@conversation_id
@_undo
@output_option("text", "json")
def pin(conversation_id: str, undo: bool, output: str) -> None:
    """Keep a conversation at the top of the list."""
    done = "no longer pinned" if undo else "pinned"
    _change(output, done, lambda store: store.organise(conversation_id, pinned=not undo))


@conversations.command()
@conversation_id
@_undo
@output_option("text", "json")
def archive(conversation_id: str, undo: bool, output: str) -> None:
    """Take a conversation out of the list; search still finds it."""
    done = "back in the list" if undo else "archived"
    _change(output, done, lambda store: store.organise(conversation_id, archived=not undo))


_facts = click.option("--facts", is_flag=True, help="Also forget the memories learnt from it.")


@conversations.command()
@conversation_id
@_facts
@output_option("text", "json")
def delete(conversation_id: str, facts: bool, output: str) -> None:
    """Delete a conversation; `restore` brings it back."""

    def change(store: ConversationStore) -> Conversation:
        deleted = store.delete(conversation_id)
        _offer_facts(store, [deleted], forget=facts)
        return deleted

    _change(output, "deleted", change)


@conversations.command()
@conversation_id
@output_option("text", "json")
def restore(conversation_id: str, output: str) -> None:
    """Bring a deleted conversation back."""
    _change(output, "restored", lambda store: store.restore(conversation_id))


@conversations.command()
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--deleted", is_flag=True, help="Purge all that were deleted.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@_facts
@output_option("text", "json")
def purge(ids: tuple[str, ...], deleted: bool, yes: bool, facts: bool, output: str) -> None:
    """Delete conversations for good: here, in search and in every backup."""
    with opened() as store:
        if deleted == bool(ids):
            raise click.UsageError("name conversations, or use --deleted for all in the bin.")
        found = [store.conversation(one) for one in ids] or store.conversations(-1, deleted=True)
        if found:
            titles = ", ".join(f"'{conversation.title}'" for conversation in found[:5])
            more = f" and {len(found) - 5} more" if len(found) > 5 else ""
            ask_first(f"Delete for good: {titles}{more}?", yes)
        _offer_facts(store, found, forget=facts)  # a purged one no longer knows what it taught
        purged = [store.purge(conversation.id) for conversation in found]
    if purged:
        _forget_pages()
    if output == "json":
        print_json([asdict(conversation) for conversation in purged])
    else:
        for conversation in purged:
            click.echo(f"gone for good: {conversation.title}")


def _forget_pages() -> None:
    """Empty the cache of web pages: it does not know which of them a conversation read."""
    from chatapp import paths
    from chatapp.private import make_place
    from retrieval.web.cache import PageCache

    make_place(paths.web_cache_path())
    cache = PageCache(paths.web_cache_path())
    cache.purge()
    cache.close()


def _offer_facts(store: ConversationStore, found: Sequence[Conversation], *, forget: bool) -> None:
    """Forget what was learnt from these conversations, or say that it stays."""
    from chatapp.memory import Profile
    from chatapp.memory.forgetting import forget_learnt_from

    count = sum(len(Profile(store).learnt_from(conversation.id)) for conversation in found)
    if not count:
        return
    if not forget:
        click.echo(f"{count} memories learnt there stay; `--facts` forgets them too.", err=True)
        return
    for conversation in found:
        forget_learnt_from(store, conversation.id)
    click.echo(f"forgotten: {count} memories learnt there", err=True)


def _change(output: str, done: str, change: Callable[[ConversationStore], Conversation]) -> None:
    with opened() as store:
        changed = change(store)
    if output == "json":
        print_json(asdict(changed))
    else:
        click.echo(f"{done}: {changed.title}")
