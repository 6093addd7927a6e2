"""`chatapp index status`, `problems` and `search`: they change nothing."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from chatapp.cli.errors import CliError, ExitCode
from chatapp.cli.index.reports import print_problems, print_status
from chatapp.cli.index.running import opened
from chatapp.cli.output import output_option, print_json
from retrieval.terms import words
from retrieval.text import sanitize_text

if TYPE_CHECKING:
    from retrieval.types import Hit

_EXCERPT = 240  # characters of a passage in the text form of `search`


@click.command()
@output_option("text", "json", "jsonl")
def status(output: str) -> None:
    """Say how much is indexed, where, and with which embedder."""
    with opened(to_read=True) as sources:
        print_status(sources.status(), output)


@click.command()
@output_option("text", "json", "jsonl")
def problems(output: str) -> None:
    """List the files that could not be read, or not whole, with the reason and the fix."""
    with opened(to_read=True) as sources:
        found = sources.problems()
    if output != "text":
        print_json({"problems": [asdict(problem) for problem in found]})
    elif found:
        print_problems(found, err=False)
    else:
        click.echo("every file was read without a problem")


@click.command()
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
@click.option(
    "--hops",
    type=click.Choice(["1", "2"]),
    default="1",
    show_default=True,
    help="2: search also for names that the first hits bring up.",
)
@click.option("--collection", "collections", multiple=True, help="Search only this one (repeat).")
@output_option("text", "json", "jsonl")
def search(
    query: str, count: int, mode: Any, hops: str, collections: tuple[str, ...], output: str
) -> None:
    """Show the passages that match QUERY best, with why they matched."""
    if not words(query):
        raise CliError(
            "there is nothing to search for: the query holds no word",
            hint='give words, as in `chatapp index search "sparse attention"`',
            code=ExitCode.USAGE,
        )
    with opened(to_read=True) as sources:
        hits = sources.search(
            query, count, mode=mode, collections=collections, hops=2 if hops == "2" else 1
        )
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


def _print_hit(number: int, hit: Hit) -> None:
    passage = hit.passage
    place = f" › {passage.heading}" if passage.heading else ""
    excerpt = " ".join(passage.text.split())
    shown = excerpt if len(excerpt) <= _EXCERPT else f"{excerpt[:_EXCERPT].rstrip()}…"
    click.echo(f"{number}. {passage.title}{place}  ({hit.score:.4f}; {hit.why})")
    click.echo(f"   {shown}")
    click.echo(f"   {passage.uri}")
