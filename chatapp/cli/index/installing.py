"""`chatapp index install`: an encyclopaedia by name, with sizes, licence and consent first.

The thing to know: the dump is fetched to the data directory, checked, indexed and deleted. Each of
these goes on where it was when the command is given again.
"""

from __future__ import annotations

import shutil
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import click

from chatapp import paths
from chatapp.cli.errors import CliError, ExitCode
from chatapp.cli.index.reports import exit_code, print_report
from chatapp.cli.index.running import byte_bar, opened, progress_bar, stop_on_interrupt
from chatapp.cli.output import output_option
from chatapp.cli.person import ask_first
from chatapp.private import make_directory
from chatapp.version import __version__

if TYPE_CHECKING:
    from retrieval.dumps.catalogue import Dump

_INDEX_PER_BYTE = 4  # bytes of index for one of a packed dump; an estimate, see docs/log.md


@click.command()
@click.argument("name")
@click.option("--from", "source", metavar="PATH", help="Index this dump; nothing is downloaded.")
@click.option("--mirror", metavar="URL", help="Fetch from here: the same layout, any address.")
@click.option("--keep", is_flag=True, help="Keep the dump after it was indexed.")
@click.option("--yes", is_flag=True, help="Agree to the download.")
@output_option("text", "json", "jsonl")
def install(
    name: str, source: str | None, mirror: str | None, keep: bool, yes: bool, output: str
) -> None:
    """Fetch the encyclopaedia NAME ('simplewiki', 'dewiki') and index it.

    Size, date and licence are shown first. The articles are filed under a collection of that name;
    giving the command again later brings them up to date.
    """
    from retrieval.dumps.catalogue import LICENCE, is_name

    if not is_name(name):
        raise CliError(
            f"there is no encyclopaedia '{name}'",
            hint="simplewiki is the small one; others are dewiki, frwiki, enwiki.",
            code=ExitCode.NOT_FOUND,
        )
    with stop_on_interrupt() as stop:
        if source is not None:
            click.echo(f"licence     {LICENCE}", err=True)
            _index(paths.expanded(source), name, stop, output)
            return
        dump = paths.data_dir() / "downloads" / f"{name}.xml.bz2"
        if not dump.exists():
            _fetch(name, dump, mirror, yes, stop)
        _index(dump, name, stop, output)
    if not keep:
        dump.unlink()


def _fetch(name: str, path: Path, mirror: str | None, yes: bool, stop: threading.Event) -> None:
    from retrieval.dumps import catalogue
    from retrieval.web.fetch import Fetcher
    from retrieval.web.limits import FetchSettings

    base = mirror or catalogue.PUBLISHER
    settings = FetchSettings(f"chatapp/{__version__}", allow=(mirror,) if mirror else ())
    fetcher = Fetcher(settings)
    try:
        dump = catalogue.newest(fetcher, name, stop.is_set, base)
        _ask(dump, path, yes)
        make_directory(path.parent)
        with byte_bar() as told:
            catalogue.fetch(
                fetcher,
                dump,
                path,
                lambda done, whole: told(done, whole or dump.bytes, path.name, ""),
                stop.is_set,
            )
    except catalogue.DumpUnavailable as error:
        if stop.is_set():
            click.echo("stopped; give the same command again to continue", err=True)
            sys.exit(ExitCode.SIGINT)
        raise CliError(error.message, hint=error.hint) from error
    except OSError as error:
        raise CliError(
            f"the download cannot be written: {error.strerror}",
            hint="free some space, then give the same command again to continue.",
            code=ExitCode.STORAGE,
        ) from error
    finally:
        fetcher.close()


def _ask(dump: Dump, path: Path, yes: bool) -> None:
    """Show what would be fetched and what it takes; return only with consent."""
    from retrieval.dumps.catalogue import LICENCE

    folder = next(parent for parent in path.parents if parent.exists())
    free = shutil.disk_usage(folder).free
    size = f"{dump.bytes / 1e6:,.0f} MB" if dump.bytes else "of a size its publisher does not say"
    room = dump.bytes * (1 + _INDEX_PER_BYTE)
    click.echo(f"dump        {dump.name} of {dump.date}: {dump.url}", err=True)
    click.echo(f"download    {size}", err=True)
    click.echo(f"index       about {dump.bytes * _INDEX_PER_BYTE / 1e6:,.0f} MB more", err=True)
    click.echo(f"disk        {free / 1e6:,.0f} MB free in {folder}", err=True)
    click.echo(f"licence     {LICENCE}", err=True)
    if free < room:
        raise CliError(
            f"{dump.name} takes {room / 1e6:,.0f} MB while it is installed, and"
            f" {free / 1e6:,.0f} MB are free",
            hint="free some space, or move the home with CHATAPP_HOME.",
            code=ExitCode.STORAGE,
        )
    ask_first(
        f"Download {size} and index it?",
        yes,
        unasked=f"{dump.name} would be downloaded: {size}",
    )


def _index(path: Path, name: str, stop: threading.Event, output: str) -> None:
    with opened() as sources, progress_bar() as progress:
        report = sources.add([path], collection=name, progress=progress, should_stop=stop.is_set)
    print_report(report, output)
    code = exit_code(report, [path])
    if code is ExitCode.ERROR and report.added + report.updated + report.unchanged:
        return  # some pages of a dump are always broken
    if code is not ExitCode.OK:
        sys.exit(code)
