"""What keys, slash commands and palette entries do: one function an action, one table of them.

Commands of the shared registry that have a better form on a screen (a dialog, a list) have it here;
the others run as they are and show their text.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from chatapp.tui import (
    craft_actions,
    finding_actions,
    memory_actions,
    message_actions,
    model_actions,
)
from chatapp.tui.guard import guarded, in_background

if TYPE_CHECKING:
    from chatapp.tui.answer_state import AnswerState
    from chatapp.tui.screens.chat import ChatScreen

SLASH = re.compile(r"/([a-z]+)(\s.*)?", re.DOTALL)
"""A command name and the rest; a path such as /etc/hosts does not match."""

Action = Callable[["ChatScreen", str], Awaitable[None]]


async def run(chat: ChatScreen, name: str, argument: str = "") -> None:
    """Run an action; a failure becomes a hint, never a crash."""
    await guarded(chat, name, ACTIONS[name](chat, argument))


async def new(chat: ChatScreen, argument: str) -> None:
    await chat.reading.open(None)


async def stop(chat: ChatScreen, argument: str) -> None:
    """Stop the answer; when none runs, leave off editing and put the cursor into the input."""
    if not chat.answering.stop():
        chat.composer.leave_edit()
        chat.set_focus(chat.composer)


async def sidebar(chat: ChatScreen, argument: str) -> None:
    chat.toggle_sidebar()


async def sources(chat: ChatScreen, argument: str) -> None:
    chat.toggle_sources()


async def regenerate(chat: ChatScreen, argument: str) -> None:
    """Answer the last question again; the old answer stays in the store."""
    old = _idle_answer(chat)
    if old is None:
        return
    from chatapp.tui.answer_state import AnswerState

    new = AnswerState(activity="answering again")
    await chat.answering.again(old, new, lambda assistant: assistant.regenerate(old.message_id))


async def continue_(chat: ChatScreen, argument: str) -> None:
    """Go on with the last answer where it was cut off."""
    state = _idle_answer(chat)
    if state is None:
        return
    if state.finish_reason == "stop":
        chat.hint("The last answer is complete.")
        return
    state.resume()
    await chat.answering.again(
        state, state, lambda assistant: assistant.continue_(state.message_id)
    )


async def rename(chat: ChatScreen, argument: str) -> None:
    """Ask for a new title; the argument may name the conversation."""
    conversation_id = argument or chat.reading.conversation_id
    library = chat.reading.library
    if library is None or conversation_id is None:
        chat.hint("There is no conversation to rename yet.")
        return
    from chatapp.tui.screens.prompt import PromptScreen

    async def typed(title: str | None) -> None:
        if title is not None:
            await guarded(chat, "rename", chat.reading.rename(conversation_id, title))

    old = await library.conversation(conversation_id)
    chat.app.push_screen(PromptScreen("Title of this conversation", old.title), typed)


async def delete(chat: ChatScreen, argument: str) -> None:
    """Delete a conversation, this one or the one named; `undo` brings it back."""
    conversation_id = argument or chat.reading.conversation_id
    if chat.reading.library is None or conversation_id is None:
        chat.hint("There is no conversation to delete.")
    elif chat.answering.turn is not None and chat.answering.turn.conversation_id == conversation_id:
        chat.hint("Stop the answer first: Esc.")
    else:
        await chat.reading.delete(conversation_id)


async def undo(chat: ChatScreen, argument: str) -> None:
    """Bring the last deleted conversation back."""
    if not await chat.reading.restore_deleted():
        chat.hint("Nothing was deleted since the start.")


async def help_(chat: ChatScreen, argument: str) -> None:
    from chatapp.tui.help import help_groups
    from chatapp.tui.screens.help import HelpScreen

    chat.app.push_screen(HelpScreen(help_groups(chat.keymap), chat.composer.insert))


async def quit_(chat: ChatScreen, argument: str) -> None:
    await chat.app.action_quit()


def _idle_answer(chat: ChatScreen) -> AnswerState | None:
    """Return the last answer if one can be redone now; else say why not."""
    if chat.answering.turn is not None:
        chat.hint("One answer at a time: Esc stops the one being written.")
        return None
    state = chat.transcript.last_answer()
    if state is None or not state.message_id:
        chat.hint("There is no answer yet.")
        return None
    return state


async def list_(chat: ChatScreen, argument: str) -> None:
    chat.show_sidebar()


ACTIONS: dict[str, Action] = {
    "list": list_,
    "new": new,
    "stop": stop,
    "sidebar": sidebar,
    "sources": sources,
    "regenerate": regenerate,
    "continue": continue_,
    "rename": rename,
    "delete": delete,
    "undo": undo,
    "help": help_,
    "quit": quit_,
    **message_actions.ACTIONS,
    **finding_actions.ACTIONS,
    **memory_actions.ACTIONS,
    **model_actions.ACTIONS,
    **craft_actions.ACTIONS,
}


TAKES_TEXT = {"search", "theme", "model"}
"""Actions that take what is typed after them; other arguments go to the shared registry."""

ONLY_HERE = {
    "sidebar": "Show or hide the conversations.",
    "undo": "Bring back the conversation or message that was deleted last.",
    "quit": "Leave; everything is stored.",
    **message_actions.ONLY_HERE,
    **memory_actions.ONLY_HERE,
    **model_actions.ONLY_HERE,
    **craft_actions.ONLY_HERE,
}
"""Commands of the terminal UI that scripts do not have, with their help."""


async def run_slash(chat: ChatScreen, text: str) -> bool:
    """Run `text` if it reads like a slash command; say whether it did.

    One that fails stands in the input again, to be mended, unless something else is there by then.
    """
    match = SLASH.fullmatch(text)
    if match is None:
        return False
    name, argument = match[1], (match[2] or "").strip()
    if name in ACTIONS and (not argument or name in TAKES_TEXT):
        await run(chat, name, argument)
        return True
    work = _or_back(chat, text, run_registered(chat, name, argument))
    if activity := _takes_long(name):
        worker = in_background(chat, name, work, activity)
        if name == "attach":
            chat.answering.reader = worker
    else:
        await guarded(chat, name, work)
    return True


async def _or_back(chat: ChatScreen, typed: str, work: Awaitable[None]) -> None:
    try:
        await work
    except Exception:
        if not chat.composer.text:
            chat.composer.give_back(typed)
        raise


def _takes_long(name: str) -> str:
    """Return what the status line says while a command that takes long works; else nothing."""
    from chatapp.assistant.commands import COMMANDS

    if name == "import":
        return "importing"
    stops = any(command.name == name and command.stoppable for command in COMMANDS)
    return "Esc stops" if stops or name == "attach" else ""


async def run_registered(chat: ChatScreen, name: str, argument: str) -> None:
    """Run a command of the shared registry and show what it gives back."""
    from chatapp.assistant.commands import Session, perform

    here, before = chat.reading.conversation_id, [*chat.answering.attached]
    session = Session(await chat.backend.assistant(), here, [*before])
    result = await perform(session, name, argument)
    chat.answering.wait_with(session.attachments, before)
    # The person may be elsewhere by now; only a command that opened something goes there.
    moved = session.conversation != here
    await chat.reading.arrive(session.conversation if moved else chat.reading.conversation_id)
    if result.text:
        await chat.transcript.note(result.text)
    if result.events is None:
        return
    if chat.answering.turn is not None:
        await result.events.aclose()
        chat.hint("One answer at a time: Esc stops the one being written.")
    else:
        await chat.answering.follow(result.events)


def command_rows() -> list[tuple[str, str]]:
    """Return every command with its slash and its help: the registry's, then our own."""
    from chatapp.assistant.commands import COMMANDS

    shared = {command.name: command.help for command in COMMANDS}
    return [(f"/{name}", text) for name, text in {**shared, **ONLY_HERE}.items()]
