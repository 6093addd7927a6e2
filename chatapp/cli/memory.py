"""`chatapp memory`: what is remembered about you: read it, correct it, forget it, take it along."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from chatapp.cli.errors import CliError, ExitCode
from chatapp.cli.options import clean, read_text
from chatapp.cli.output import file_option, output_option, print_json, writing
from chatapp.cli.person import ask_first

if TYPE_CHECKING:
    from chatapp.conversations import ConversationStore
    from chatapp.memory import Fact

_ID = click.argument("memory_id", metavar="ID", callback=clean)


@click.group()
def memory() -> None:
    """List, add, edit, forget, export and import what is remembered about you."""


@memory.command("list")
@click.option("--all", "everything", is_flag=True, help="Also what held before or was hidden.")
@output_option("text", "json", "jsonl")
def list_(everything: bool, output: str) -> None:
    """List the facts, oldest first."""
    from chatapp.memory import Profile

    with _store() as store:
        facts = Profile(store).facts(everything=everything)
    if output == "json":
        print_json([asdict(fact) for fact in facts])
        return
    for fact in facts:
        if output == "jsonl":
            print_json(asdict(fact))
        else:
            click.echo(_line(fact))


@memory.command()
@click.argument("text", nargs=-1, required=True)
@output_option("text", "json")
def add(text: tuple[str, ...], output: str) -> None:
    """Remember TEXT, such as `I live in Berlin` or any note."""
    from chatapp.memory import Profile
    from retrieval.text import sanitize_text

    with _store() as store, _refusals():
        learnt = Profile(store).remember(sanitize_text(" ".join(text)))
    if output == "json":
        print_json(asdict(learnt))
        return
    if learnt.fact is not None:
        click.echo(_line(learnt.fact))
    for ended in learnt.closed:
        click.echo(f"no longer: {ended.to_person()}")


@memory.command()
@_ID
@click.argument("value", callback=clean)
@output_option("text", "json")
def edit(memory_id: str, value: str, output: str) -> None:
    """Correct the VALUE of a memory."""
    from chatapp.memory import Profile

    with _store() as store, _refusals():
        _print(Profile(store).edit(memory_id, value), output)


@memory.command()
@click.argument("memory_or_words", metavar="ID|TEXT", callback=clean)
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--keep-message", is_flag=True, help="Leave the words in their conversation.")
@click.option("--everywhere", is_flag=True, help="Also blank its words in every other message.")
@click.option("--hide", is_flag=True, help="Only hide it; nothing is removed.")
@output_option("text", "json")
def forget(
    memory_or_words: str, yes: bool, keep_message: bool, everywhere: bool, hide: bool, output: str
) -> None:
    """Forget a memory for good, by its id or its words: everywhere, backups included."""
    from chatapp.memory import Profile
    from chatapp.memory.forgetting import forget as forget_everywhere

    with _store() as store:
        fact = _find(Profile(store), memory_or_words)
        if hide:
            _print(Profile(store).expire(fact.id), output)
            return
        ask_first(
            f"Forget for good: {fact.to_person()}?", yes, unasked="forgetting cannot be undone"
        )
        done = forget_everywhere(store, fact.id, keep_message=keep_message, everywhere=everywhere)
    if output == "json":
        print_json({**asdict(done), "unreachable": [str(path) for path in done.unreachable]})
        return
    click.echo(f"forgotten: {fact.to_person()}")
    if done.mentions:
        click.echo(
            f"{done.mentions} other message(s) still hold these words; "
            "`--everywhere` would have blanked them too.",
            err=True,
        )
    for path in done.unreachable:
        click.echo(f"a damaged file that was set aside may still hold it: {path}", err=True)


@memory.command()
@_ID
@output_option("text", "json")
def confirm(memory_id: str, output: str) -> None:
    """Say that a memory is right which contradicts an older one."""
    from chatapp.memory import Profile

    with _store() as store:
        _print(Profile(store).confirm(memory_id), output)


@memory.command()
@_ID
@output_option("text", "json")
def reject(memory_id: str, output: str) -> None:
    """Say that it is wrong: the older memory holds."""
    from chatapp.memory import Profile

    with _store() as store:
        _print(Profile(store).reject(memory_id), output)


@memory.command()
@_ID
@output_option("text", "json")
def show(memory_id: str, output: str) -> None:
    """Bring a hidden memory back."""
    from chatapp.memory import Profile

    with _store() as store:
        _print(Profile(store).show(memory_id), output)


@memory.command()
@file_option
def export(file: str) -> None:
    """Write all facts as JSON."""
    import json

    from chatapp.memory.transfer import as_json

    with _store() as store, writing(file) as stream:
        stream.write(json.dumps(as_json(store), ensure_ascii=False, indent=2) + "\n")


@memory.command("import")
@click.argument("file")
@output_option("text", "json")
def import_(file: str, output: str) -> None:
    """Add the facts of an exported FILE (`-`: stdin); what was forgotten stays forgotten."""
    from chatapp.memory.transfer import BrokenExport, import_json

    text = read_text(file)
    with _store() as store:
        try:
            done = import_json(store, text)
        except BrokenExport as error:
            raise CliError(
                f"{file} holds no exported memory: {error}",
                hint="give a file that `chatapp memory export` wrote.",
            ) from error
    if output == "json":
        print_json(asdict(done))
    else:
        click.echo(
            f"added {done.added}, known before {done.known}, forgotten before {done.refused}"
        )


def _find(profile: object, wanted: str) -> Fact:
    from chatapp.memory import Profile

    assert isinstance(profile, Profile)
    found = profile.find(wanted)
    if not found:
        raise CliError(
            f"no memory is about '{wanted}'",
            hint="`chatapp memory list --all` shows them.",
            code=ExitCode.NOT_FOUND,
        )
    if len(found) > 1:
        lines = "".join(f"\n  {_line(fact)}" for fact in found)
        raise CliError(
            f"{len(found)} memories fit '{wanted}':{lines}",
            hint="name one by its id.",
            code=ExitCode.USAGE,
        )
    return found[0]


def _print(fact: Fact, output: str) -> None:
    if output == "json":
        print_json(asdict(fact))
    else:
        click.echo(_line(fact))


def _line(fact: Fact) -> str:
    mark = "" if fact.status == "active" else f"  ({fact.status})"
    return f"{fact.id}  {fact.valid_from[:10]}  {' '.join(fact.to_person().split())}{mark}"


@contextmanager
def _refusals() -> Iterator[None]:
    """Turn refused input into a message with its fix."""
    try:
        yield
    except ValueError as error:
        raise CliError(
            str(error), hint="write it without, or shorter.", code=ExitCode.USAGE
        ) from error


@contextmanager
def _store() -> Iterator[ConversationStore]:
    from chatapp.cli.stores import open_store

    with open_store(missing="`chatapp memory list --all` shows the ids.") as store:
        yield store
