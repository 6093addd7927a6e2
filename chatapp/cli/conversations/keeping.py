"""`chatapp conversations verify`, `backups` and `recover`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from chatapp.cli.conversations.group import conversations, opened, print_rows
from chatapp.cli.errors import CliError, ExitCode
from chatapp.cli.output import output_option, print_json


@conversations.command()
@output_option("text", "json", "jsonl")
@click.pass_context
def verify(ctx: click.Context, output: str) -> None:
    """Check every page and every text of the conversation file against what was written."""
    with opened() as store:
        problems = store.verify()
    print_rows(
        [asdict(one) for one in problems], output, lambda row: f"{row['place']}: {row['said']}"
    )
    if problems:
        click.echo("`chatapp conversations recover` adds what the newest backup has.", err=True)
        ctx.exit(ExitCode.STORAGE)
    if output == "text":
        click.echo("everything is as it was written")


@conversations.command()
@click.option("--now", is_flag=True, help="Make one now.")
@output_option("text", "json", "jsonl")
def backups(now: bool, output: str) -> None:
    """List the backups; chatapp makes one a day and keeps five."""
    from chatapp.conversations.backups import backups_of

    with opened() as store:
        if now:
            store.back_up()
        rows = [_backup(path) for path in backups_of(store.path)]
    print_rows(rows, output, lambda row: f"{row['made']}  {row['bytes']:>12,} bytes  {row['path']}")


@conversations.command()
@click.argument("file", required=False, type=click.Path(path_type=Path))
@output_option("text", "json")
def recover(file: Path | None, output: str) -> None:
    """Add what a backup has and the conversation file has not.

    FILE is a backup, or a damaged file that was set aside; without it, the newest backup. Nothing
    that is there is changed.
    """
    from chatapp.conversations import NotFound
    from chatapp.memory import forgetting

    with opened() as store:
        try:
            found = forgetting.recover(store, file)
        except NotFound as error:
            hint = "`chatapp conversations backups` lists what there is to recover from."
            raise CliError(str(error.args[0]), hint=hint, code=ExitCode.NOT_FOUND) from error
    if output == "json":
        print_json({"conversations": found.conversations, "messages": found.messages})
        return
    click.echo(f"recovered {found}")


def _backup(path: Path) -> dict[str, Any]:
    from chatapp.conversations.backups import made_at

    made = made_at(path).isoformat(timespec="seconds")
    return {"path": str(path), "made": made, "bytes": path.stat().st_size}
