"""Actions on the app itself: the palette, its themes, its keys."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from chatapp.private import make_directory
from chatapp.tui.guard import guarded

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from chatapp.tui.screens.chat import ChatScreen

HEADER = """\
# The keys of the chat. Take the # away from a line to change its keys, then start chatapp again.
# Several keys stand side by side with commas: "ctrl+k,f5". Delete this file to get all keys back.
"""


async def theme(chat: ChatScreen, argument: str) -> None:
    """Use the theme that is named, or let the person choose from all of them."""
    app = chat.app
    if not argument:
        app.search_themes()
    elif argument in app.available_themes:
        app.theme = argument
    else:
        chat.hint(f"There is no theme {argument}. /theme lists them all.")


async def keys(chat: ChatScreen, argument: str) -> None:
    """Write a key map file to edit, unless there is one, and say where it is."""
    from chatapp.tui.keymap import keymap_path

    path = keymap_path()
    if path.exists():
        await chat.transcript.note(f"Your keys stand in {path}. They count from the next start on.")
        return
    await asyncio.to_thread(write_keys, path)
    await chat.transcript.note(f"All keys were written to {path}: change them there.")


def write_keys(path: Path) -> None:
    """Write every binding with its keys, commented out."""
    make_directory(path.parent)
    path.write_text("\n".join([HEADER, *_lines()]) + "\n", encoding="utf-8")


def _lines() -> Iterator[str]:
    from chatapp.tui.keys import all_bindings

    section = ""
    rows = {b.id: b for _, b in all_bindings() if b.id}
    for name in sorted(rows):
        table, _, key = name.partition(".")
        if table != section:
            yield f"\n[{table}]"
            section = table
        what = rows[name].tooltip or rows[name].description
        yield f'# {key} = "{rows[name].key}"' + (f"    # {what}" if what else "")


def palette_entries(chat: ChatScreen) -> Iterator[tuple[str, str, Callable[[], Awaitable[None]]]]:
    """Yield name, help and callback of every command, for the palette."""
    from chatapp.tui.actions import command_rows

    for slash, text in command_rows():
        name = slash.removeprefix("/")
        yield name.capitalize(), text, partial(choose, chat, name)


async def choose(chat: ChatScreen, name: str) -> None:
    """Run a command from the palette; what it must know is asked first."""
    from chatapp.assistant.commands import COMMANDS
    from chatapp.tui import actions
    from chatapp.tui.screens.prompt import PromptScreen

    command = next((c for c in COMMANDS if c.name == name), None)
    needed = [a for a in command.arguments if a.required] if command else []
    if name in actions.ACTIONS or not needed:
        await actions.run_slash(chat, f"/{name}")
        return

    async def typed(text: str | None) -> None:
        if text is not None:
            await guarded(chat, name, actions.run_registered(chat, name, text))

    label = f"/{name} {' '.join(a.name.upper() for a in needed)}: {needed[0].help}"
    chat.app.push_screen(PromptScreen(label), typed)


ACTIONS = {"theme": theme, "keys": keys}

ONLY_HERE = {
    "theme": "Choose the colours.",
    "keys": "Write a file of all keys, to change them there.",
}
