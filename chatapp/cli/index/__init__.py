"""`chatapp index`: give the app sources, look into them, keep them up to date, take them away."""

from __future__ import annotations

import click

from chatapp.cli.index.adding import add
from chatapp.cli.index.installing import install
from chatapp.cli.index.keeping import rebuild, remove
from chatapp.cli.index.looking import problems, search, status
from chatapp.cli.index.watching import watch


@click.group()
def index() -> None:
    """Add, remove, search, watch and rebuild your sources."""


for command in (add, status, problems, search, remove, rebuild, watch, install):
    index.add_command(command)
