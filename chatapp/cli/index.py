"""`chatapp index`: give the app sources, look into them, take them away.

The thing to know: Ctrl-C during `add` is not an error: what was read is committed, the command says
how to go on and exits 130. Inputs that cannot be read are listed and the rest is indexed.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from chatapp import paths
from chatapp.cli.errors import CliError, ExitCode
from chatapp.cli.output import output_option, print_json
from chatapp.cli.person import is_terminal
from retrieval.text import sanitize_text

if TYPE_CHECKING:
    from retrieval.index import Index
    from retrieval.types import Hit, IndexStatus, IngestProgress, IngestReport

_EXCERPT = 240  # characters of a passage in the text form of `search`


@click.group()
def index() -> None:
    """Add, remove, search and rebuild your sources."""


@index.command()
@click.argument("targets", metavar="PATH...", nargs=-1, required=True)
@click.option("--collection", default="files", show_default=True, help="Name to file them under.")
@output_option("text", "json", "jsonl")
def add(targets: tuple[str, ...], collection: str, output: str) -> None:
    """Add files and folders: text, Markdown, HTML, PDF and record files (.jsonl, .jsonl.xz).

    What has not changed since the last time is skipped; what is gone from a file or folder is
    removed. An interrupted run continues when the same command is given again.
    """
    if not all(target.strip() for target in targets):
        raise click.BadParameter("an empty path", param_hint="PATH")
    files = [paths.expanded(target) for target in targets]
    with _opened() as sources, _stop_on_interrupt() as should_stop, _progress_bar() as progress:
        report = sources.add(
            files,
            collection=collection,
            progress=progress,
            should_stop=should_stop,
        )
    _print_report(report, output)
    code = _exit_code(report, files)
    if code is not ExitCode.OK:
        sys.exit(code)


@index.command()
@output_option("text", "json", "jsonl")
def status(output: str) -> None:
    """Say how much is indexed, where, and with which embedder."""
    with _opened(to_read=True) as sources:
        _print_status(sources.status(), output)


@index.command()
@click.argument("query")
@click.option(
    "-k",
    "count",
    type=click.IntRange(1, 1000),
    default=8,
    show_default=True,
    help="How many passages.",
)
@click.option(
    "--mode",
    type=click.Choice(["hybrid", "lexical", "dense"]),
    default="hybrid",
    show_default=True,
    help="Search by words, by meaning, or by both.",
)
@click.option("--collection", "collections", multiple=True, help="Search only this one (repeat).")
@output_option("text", "json", "jsonl")
def search(query: str, count: int, mode: Any, collections: tuple[str, ...], output: str) -> None:
    """Show the passages that match QUERY best, with why they matched."""
    with _opened(to_read=True) as sources:
        hits = sources.search(query, count, mode=mode, collections=collections)
    rows = [asdict(hit) for hit in hits]
    if output == "text":
        for number, hit in enumerate(hits, 1):
            _print_hit(number, hit)
    elif output == "jsonl":
        for row in rows:
            print_json(row)
    if output != "text":
        print_json({"query": sanitize_text(query), "mode": mode, "hits": rows})
    if not hits:
        raise CliError(
            "nothing in the index matches",
            hint="try other words, or add sources with `chatapp index add PATH`",
            code=ExitCode.NOT_FOUND,
        )


@index.command()
@click.argument("target")
@output_option("text", "json", "jsonl")
def remove(target: str, output: str) -> None:
    """Remove TARGET: a file, a folder, an address or a document id."""
    with _opened() as sources:
        count = sources.remove(target)
    if not count:
        raise CliError(
            f"nothing in the index comes from '{sanitize_text(target)}'",
            hint="`chatapp index search` shows the address of every passage",
            code=ExitCode.NOT_FOUND,
        )
    if output == "text":
        click.echo(f"removed {count} document{'s' * (count != 1)}")
    else:
        print_json({"target": target, "removed": count})


@index.command()
@output_option("text", "json", "jsonl")
def rebuild(output: str) -> None:
    """Make vectors and caches anew from the stored text; nothing is read from your files."""
    with _opened() as sources, _progress_bar() as progress:
        rebuilt = sources.rebuild(progress)
    _print_status(rebuilt, output)


@contextmanager
def _opened(*, to_read: bool = False) -> Iterator[Index]:
    """Open the person's index for the length of one command.

    A command that only reads also works in a home that cannot be written.
    """
    from chatapp.assistant.own_index import open_own_index

    path = paths.index_path()
    read_only = to_read and path.exists() and not os.access(path.parent, os.W_OK)
    opened = open_own_index(read_only=read_only)
    try:
        yield opened
    finally:
        opened.close()


@contextmanager
def _stop_on_interrupt() -> Iterator[Callable[[], bool]]:
    """Turn the first Ctrl-C or SIGTERM into a polite stop; a second Ctrl-C interrupts at once."""
    asked = threading.Event()

    def stop(number: int, frame: object) -> None:
        asked.set()
        signal.signal(signal.SIGINT, signal.default_int_handler)

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked.is_set
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _progress_bar() -> Iterator[Callable[[IngestProgress], None]]:
    """Show progress on stderr while it is a terminal."""
    from tqdm import tqdm

    with tqdm(
        unit="B", unit_scale=True, file=sys.stderr, disable=not is_terminal(sys.stderr), leave=False
    ) as bar:

        def show(state: IngestProgress) -> None:
            bar.total = max(state.total_bytes, state.done_bytes) or None
            bar.set_description(Path(state.path).name[:30], refresh=False)
            bar.set_postfix_str(f"{state.passages:,} passages", refresh=False)
            bar.update(state.done_bytes - bar.n)

        yield show


def _exit_code(report: IngestReport, targets: list[Path]) -> ExitCode:
    """Return how `add` ends: a missing path is 3, any other problem 1, an interrupt 130."""
    if report.interrupted:
        return ExitCode.SIGINT
    if not all(os.path.exists(target) for target in targets):  # noqa: PTH110 - never raises
        return ExitCode.NOT_FOUND
    return ExitCode.ERROR if report.problems else ExitCode.OK


def _print_report(report: IngestReport, output: str) -> None:
    for problem in report.problems:
        click.echo(f"warning: {problem.path}: {problem.message}", err=True)
        if problem.hint:
            click.echo(f"  fix: {problem.hint}", err=True)
    if report.interrupted:
        click.echo("stopped; give the same command again to continue", err=True)
    if output != "text":
        print_json(asdict(report))
        return
    click.echo(
        f"{report.added} added, {report.updated} updated, {report.unchanged} unchanged, "
        f"{report.removed} removed: {report.passages:,} passages in {report.seconds:.1f} s"
    )


def _print_status(state: IndexStatus, output: str) -> None:
    if output != "text":
        print_json(asdict(state))
        return
    click.echo(f"index        {state.path}")
    click.echo(f"documents    {state.documents:,}")
    click.echo(f"passages     {state.passages:,}")
    click.echo(f"vectors      {state.vectors:,} ({state.embedder}, {state.dimension} dimensions)")
    click.echo(f"on disk      {state.bytes_on_disk / 1e6:,.1f} MB")
    for name, count in state.collections.items():
        click.echo(f"collection   {name}: {count:,} documents")


def _print_hit(number: int, hit: Hit) -> None:
    passage = hit.passage
    ranks = [
        f"{route} {rank}"
        for route, rank in (("lexical", hit.lexical_rank), ("dense", hit.dense_rank))
        if rank
    ]
    place = f" › {passage.heading}" if passage.heading else ""
    excerpt = " ".join(passage.text.split())
    shown = excerpt if len(excerpt) <= _EXCERPT else f"{excerpt[:_EXCERPT].rstrip()}…"
    click.echo(f"{number}. {passage.title}{place}  ({hit.score:.4f}; {', '.join(ranks)})")
    click.echo(f"   {shown}")
    click.echo(f"   {passage.uri}")
