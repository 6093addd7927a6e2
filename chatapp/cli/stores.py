"""Opening the conversation file for one command: notices to stderr, missing ids explained."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from chatapp.cli.errors import CliError, ExitCode

if TYPE_CHECKING:
    from chatapp.conversations import ConversationStore


@contextmanager
def open_store(*, missing: str) -> Iterator[ConversationStore]:
    """Yield the store and close it; `missing` is the hint when an id names nothing."""
    from chatapp.conversations import ConversationStore, NotFound
    from chatapp.paths import database_path

    store = ConversationStore.open(database_path())
    for notice in store.notices:
        click.echo(f"warning: {notice}", err=True)
    try:
        yield store
    except NotFound as error:
        raise CliError(str(error.args[0]), hint=missing, code=ExitCode.NOT_FOUND) from error
    finally:
        store.close()
