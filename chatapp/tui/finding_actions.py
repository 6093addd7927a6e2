"""Actions that find conversations and keep them in order: search, pins, tags, export, import.

Those on a conversation take its id as the argument; without one they mean the open one.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from chatapp.tui.guard import guarded, in_background
from chatapp.tui.text import one_line

if TYPE_CHECKING:
    from chatapp.assistant.assistant import Assistant
    from chatapp.tui.screens.chat import ChatScreen
    from chatapp.tui.screens.search import Found


async def search(chat: ChatScreen, argument: str) -> None:
    """Search everything and go to what is chosen: the message, on its branch."""
    from chatapp.tui.finding import Finder
    from chatapp.tui.screens.search import SearchScreen

    finder = Finder((await chat.backend.assistant()).store)

    async def chosen(found: Found | None) -> None:
        if found is not None:
            await guarded(chat, "open", _go_to(chat, found))

    chat.app.push_screen(SearchScreen(finder.search, await finder.choices(), argument), chosen)


async def _go_to(chat: ChatScreen, found: Found) -> None:
    if found.conversation_id != chat.reading.conversation_id:
        await chat.reading.open(found.conversation_id)
    if found.message_id is not None:
        await chat.reading.read_branch(found.message_id)


async def pin(chat: ChatScreen, argument: str) -> None:
    """Keep a conversation at the top of the list, or no longer."""
    assistant, target = await _target(chat, argument)
    if target is not None:
        before = await asyncio.to_thread(assistant.store.conversation, target)
        await asyncio.to_thread(assistant.store.organise, target, pinned=not before.pinned)
        await _tell(chat, "Pinned" if not before.pinned else "No longer pinned", before.title)


async def archive(chat: ChatScreen, argument: str) -> None:
    """Take a conversation out of the list, or put it back; search finds it all the same."""
    assistant, target = await _target(chat, argument)
    if target is not None:
        before = await asyncio.to_thread(assistant.store.conversation, target)
        await asyncio.to_thread(assistant.store.organise, target, archived=not before.archived)
        await _tell(chat, "Archived" if not before.archived else "Back in the list", before.title)


async def tag(chat: ChatScreen, argument: str) -> None:
    """Ask for the tags of a conversation: all of them, separated by spaces."""
    assistant, target = await _target(chat, argument)
    if target is None:
        return
    from chatapp.tui.screens.prompt import PromptScreen

    store = assistant.store
    before = (await asyncio.to_thread(store.conversation, target)).tags

    def change(after: set[str]) -> None:
        for name in after - set(before):
            store.tag(target, name)
        for name in set(before) - after:
            store.untag(target, name)

    async def set_tags(text: str) -> None:
        await asyncio.to_thread(
            change, {word.removeprefix("#").casefold() for word in text.split()}
        )
        await chat.reading.arrive(chat.reading.conversation_id)

    async def typed(text: str | None) -> None:
        if text is not None:
            await guarded(chat, "tag", set_tags(text))

    shown = " ".join(f"#{name}" for name in before)
    dialog = PromptScreen("Tags, separated by spaces", shown, empty=True)
    chat.app.push_screen(dialog, typed)


async def export(chat: ChatScreen, argument: str) -> None:
    """Ask for form and file, then write the conversation there."""
    assistant, target = await _target(chat, argument)
    if target is None:
        return
    from chatapp.tui.screens.export import ExportScreen

    title = (await asyncio.to_thread(assistant.store.conversation, target)).title

    async def chosen(file: Path | None) -> None:
        if file is not None:
            await guarded(chat, "export", _perform(chat, "export", str(file), target))

    chat.app.push_screen(ExportScreen(title, Path.home()), chosen)


async def import_(chat: ChatScreen, argument: str) -> None:
    """Ask for a file of conversations and take them in."""
    from chatapp.tui.screens.prompt import PromptScreen

    async def typed(file: str | None) -> None:
        if file is not None:
            in_background(chat, "import", _perform(chat, "import", file), "importing")

    label = "File to import: JSON of chatapp, or the export of ChatGPT (.json or .zip)"
    chat.app.push_screen(PromptScreen(label), typed)


async def _perform(
    chat: ChatScreen, name: str, argument: str, conversation_id: str | None = None
) -> None:
    """Carry out a command of the shared registry and show what it says."""
    from chatapp.assistant.commands import Session, perform

    session = Session(await chat.backend.assistant(), conversation_id)
    result = await perform(session, name, argument)
    await chat.reading.arrive(chat.reading.conversation_id)
    await chat.transcript.note(result.text)


async def _target(chat: ChatScreen, argument: str) -> tuple[Assistant, str | None]:
    """Return the assistant and the conversation that is meant; say so if there is none."""
    target = argument or chat.reading.conversation_id
    if target is None:
        chat.hint("No conversation is open yet: send a message first.")
    return await chat.backend.assistant(), target


async def _tell(chat: ChatScreen, done: str, title: str) -> None:
    await chat.reading.arrive(chat.reading.conversation_id)
    chat.hint(f"{done}: {one_line(title, 60)}")


ACTIONS = {
    "search": search,
    "pin": pin,
    "archive": archive,
    "tag": tag,
    "export": export,
    "import": import_,
}
