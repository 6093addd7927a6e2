"""Actions on what answers: the model, how it chooses its words, its persona."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from chatapp.tui.guard import guarded

if TYPE_CHECKING:
    from chatapp.assistant.assistant import Assistant
    from chatapp.tui.screens.chat import ChatScreen


async def model(chat: ChatScreen, argument: str) -> None:
    """Load the model that is named, or let the person choose one."""
    if argument:
        start_loading(chat, argument)
        return
    from chatapp.tui.screens.models import ModelsScreen

    assistant = await chat.backend.assistant()
    here = chat.reading.conversation_id
    choices = await asyncio.to_thread(assistant.models)
    options = await asyncio.to_thread(assistant.options_of, here)

    def chosen(name: str | None) -> None:
        if name is not None:
            start_loading(chat, name)

    current = options.model or choices[0].name
    chat.app.push_screen(ModelsScreen(choices, current, _where(here)), chosen)


def start_loading(chat: ChatScreen, name: str) -> None:
    """Load a model in a worker: the screen is drawn on meanwhile."""
    chat.run_worker(guarded(chat, "model", use_model(chat, name)), group="model", exclusive=True)


async def use_model(chat: ChatScreen, name: str) -> None:
    """Load a model, showing how far it is; the old one stays when that fails."""
    from chatapp.assistant.events import Error, ModelLoading

    if chat.answering.turn is not None:
        chat.hint("Stop the answer first: Esc.")
        return
    assistant = await chat.backend.assistant()
    here = chat.reading.conversation_id
    try:
        async for event in assistant.use_model(name, here):
            if isinstance(event, ModelLoading):
                chat.status.set_activity(f"loading {event.name} {event.fraction:.0%}")
            elif isinstance(event, Error):
                await chat.tell(f"{event.message} {event.hint}".strip())
                return
    finally:
        chat.status.set_activity("")
    if here is None:
        chat.status.set_state("ready", (await assistant.load_model(name)).name)
        if not chat.transcript.entries:
            await chat.transcript.show([])  # where words go depends on the model
    elif chat.reading.conversation_id == here:
        await chat.reading.arrive(here)
    chat.hint(f"{name} answers {_where(here)} from now on.")


async def sampling(chat: ChatScreen, argument: str) -> None:
    """Show and change how the model chooses its words."""
    from chatapp.assistant.conversation_options import settable
    from chatapp.tui.screens.sampling import SamplingScreen

    assistant = await chat.backend.assistant()
    here = chat.reading.conversation_id
    now, own = settable(assistant.options), dict[str, Any]()
    if here is not None:
        own = dict((await asyncio.to_thread(assistant.store.conversation, here)).options)
        inherited = now
    else:
        inherited = settable(assistant.defaults)
        own = {name: value for name, value in now.items() if value != inherited[name]}

    async def saved(values: dict[str, Any] | None) -> None:
        if values is not None:
            await guarded(chat, "sampling", _sample(chat, assistant, here, values))

    chat.app.push_screen(SamplingScreen(own, inherited, _where(here)), saved)


async def persona(chat: ChatScreen, argument: str) -> None:
    """Show and change the instructions for the model in this conversation."""
    from chatapp.tui.screens.text_dialog import TextDialog

    assistant = await chat.backend.assistant()
    here = chat.reading.conversation_id
    if here is None:
        before = assistant.options.system
    else:
        before = (await asyncio.to_thread(assistant.store.conversation, here)).persona

    async def typed(text: str | None) -> None:
        if text is not None:
            await guarded(chat, "persona", _set_persona(chat, assistant, here, text))

    about = "How the model shall be. Answers from sources and memory do not depend on it."
    chat.app.push_screen(TextDialog(f"Persona {_where(here)}", before, about), typed)


async def _sample(
    chat: ChatScreen, assistant: Assistant, here: str | None, values: dict[str, Any]
) -> None:
    if here is not None:
        await asyncio.to_thread(assistant.configure, here, **values)
    else:
        assistant.configure_new(**values)
    await chat.reading.arrive(here)
    chat.hint(f"Counts {_where(here)} from the next answer on.")


async def _set_persona(chat: ChatScreen, assistant: Assistant, here: str | None, text: str) -> None:
    await asyncio.to_thread(assistant.persona, here, text)
    await chat.reading.arrive(here)
    chat.hint(f"The persona counts {_where(here)}." if text else "No persona any more.")


def _where(conversation_id: str | None) -> str:
    return "in this conversation" if conversation_id else "in all new conversations"


ACTIONS = {"model": model, "sampling": sampling, "persona": persona}

ONLY_HERE = {"sampling": "Say how the model chooses its words, here or in all chats."}
