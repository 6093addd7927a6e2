"""`chatapp web`: the chat window in a browser on this machine, drawn by textual-serve.

Whoever has the page can read the conversations, so it is served on the loopback address only, under
that name only, and to who knows the key in the printed address.
"""

from __future__ import annotations

import importlib.util
import shlex
import sys

import click

from chatapp.cli.errors import CliError

LOOPBACK = "127.0.0.1"


@click.command()
@click.option(
    "--port",
    type=click.IntRange(1024, 65535),
    default=8765,
    show_default=True,
    help="Port to listen on.",
)
def web(port: int) -> None:
    """Open the chat in a browser on this machine; needs the extra `web`."""
    if importlib.util.find_spec("textual_serve") is None:
        raise CliError(
            "the browser view needs a library that is not installed",
            hint="in the repository of chatapp, type .venv/bin/pip install -e '.[web]'",
        )
    from chatapp.tui.web import new_key, serve

    key = new_key()
    click.echo(f"Open http://{LOOPBACK}:{port}/?key={key} in a browser; Ctrl+C ends it.", err=True)
    try:
        serve(shlex.join([sys.executable, "-m", "chatapp"]), LOOPBACK, port, key)
    except OSError as error:
        raise CliError(
            f"port {port} cannot be used: {error.strerror}", hint="give another one with --port."
        ) from error
