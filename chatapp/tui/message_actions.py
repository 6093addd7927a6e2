"""What can be done with one message of the conversation: the selected one, else the last.

Rows of the table in `chatapp.tui.actions`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chatapp.tui.code_blocks import code_blocks
from chatapp.tui.entries import Entry, Question, neighbour
from chatapp.tui.guard import guarded

if TYPE_CHECKING:
    from chatapp.tui.screens.chat import ChatScreen


async def previous_version(chat: ChatScreen, argument: str) -> None:
    """Read the version before this one, with all that followed it."""
    await _show_version(chat, -1)


async def next_version(chat: ChatScreen, argument: str) -> None:
    """Read the version after this one, with all that followed it."""
    await _show_version(chat, 1)


async def edit(chat: ChatScreen, argument: str) -> None:
    """Take a question into the input; sending it starts a new branch beside the old one."""
    entry = _selected(chat)
    question = _question_of(chat, entry) if entry else None
    if question is None or not question.message_id:
        chat.hint("There is no message to edit yet.")
        return
    chat.composer.begin_edit(question)
    chat.set_focus(chat.composer)


async def tree(chat: ChatScreen, argument: str) -> None:
    """Show all branches; the one that goes through the chosen message is read from then on."""
    from chatapp.tui.screens.tree import TreeScreen

    library, conversation_id = chat.reading.library, chat.reading.conversation_id
    if library is None or conversation_id is None:
        chat.hint("There is no conversation yet.")
        return
    rows = await library.branches(conversation_id)
    entry = _selected(chat)

    async def chosen(message_id: str | None) -> None:
        if message_id is not None:
            await guarded(chat, "tree", chat.reading.read_branch(message_id))

    await chat.app.push_screen(TreeScreen(rows, entry.message_id if entry else None), chosen)


async def fork(chat: ChatScreen, argument: str) -> None:
    """Copy the conversation down to this message into a new one and open that."""
    if (message_id := _stored(chat)) is not None:
        await chat.reading.fork(message_id)


async def delete_message(chat: ChatScreen, argument: str) -> None:
    """Delete the message and all that follows it on this branch; `undo` brings them back."""
    if (message_id := _stored(chat)) is None:
        return
    if chat.answering.here:
        chat.hint("Stop the answer first: Esc.")
    else:
        await chat.reading.delete_message(message_id)
        chat.set_focus(chat.composer)


async def details(chat: ChatScreen, argument: str) -> None:
    """Show tokens, speed, model, sources and memory of the selected message, else the last."""
    from chatapp.tui.screens.details import DetailsScreen

    entry, library = _selected(chat), chat.reading.library
    if entry is None or library is None or not entry.message_id:
        chat.hint("There is no message yet.")
        return
    await chat.app.push_screen(DetailsScreen(await library.details(entry)))


async def copy(chat: ChatScreen, argument: str) -> None:
    """Copy the selected message, else the last answer."""
    entry = chat.selected or chat.transcript.last_answer()
    if entry is None or not entry.text:
        chat.hint("There is no answer to copy yet.")
    else:
        await chat.copy(entry.text)


async def copy_code(chat: ChatScreen, argument: str) -> None:
    """Copy a code block of the selected answer, else of the last one; again: the next block."""
    answer = chat.selected_answer or chat.transcript.last_answer()
    blocks = code_blocks(answer.text) if answer is not None else []
    if answer is None or not blocks:
        chat.hint("This answer has no code block.")
        return
    place = answer.copied_block = (answer.copied_block + 1) % len(blocks)
    said = await chat.copy(blocks[place])
    chat.hint(f"Code block {place + 1} of {len(blocks)}: {said}")


async def _show_version(chat: ChatScreen, step: int) -> None:
    entry = _selected(chat)
    other = neighbour(entry, step) if entry is not None else None
    if other is None:
        chat.hint("There is no other version on this side.")
    elif chat.answering.here:
        chat.hint("Stop the answer first: Esc.")
    else:
        await chat.reading.read_branch(other)


def _stored(chat: ChatScreen) -> str | None:
    """Return the id of the selected message, else the last one; say so if there is none."""
    entry = _selected(chat)
    if entry is None or not entry.message_id:
        chat.hint("There is no message yet.")
        return None
    return entry.message_id


def _selected(chat: ChatScreen) -> Entry | None:
    return chat.selected or next(reversed(chat.transcript.entries), None)


def _question_of(chat: ChatScreen, entry: Entry) -> Question | None:
    """Return the question that `entry` is or answers."""
    if isinstance(entry, Question):
        return entry
    entries = chat.transcript.entries
    before = entries[entries.index(entry) - 1] if entry in entries else None
    return before if isinstance(before, Question) else None


ACTIONS = {
    "previous_version": previous_version,
    "next_version": next_version,
    "edit": edit,
    "tree": tree,
    "fork": fork,
    "delete_message": delete_message,
    "copy": copy,
    "code": copy_code,
    "details": details,
}

ONLY_HERE = {
    "edit": "Edit the selected question, else the last one, and ask it again.",
    "tree": "Show all branches of this conversation and move between them.",
    "fork": "Go on from the selected message in a new conversation.",
    "copy": "Copy the selected message, else the last answer.",
    "details": "Show tokens, speed, model and sources of the selected message, else the last.",
    "code": "Copy a code block of the answer; once more copies the next one.",
}
"""Those of them that are slash commands as well, with their help."""
