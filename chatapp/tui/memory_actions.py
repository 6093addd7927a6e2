"""Actions on memory and feedback: the memory screen, ratings, corrections, comparisons."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from chatapp.tui.guard import guarded

if TYPE_CHECKING:
    from chatapp.tui.answer_state import AnswerState
    from chatapp.tui.screens.chat import ChatScreen


async def memory(chat: ChatScreen, argument: str) -> None:
    """Show everything that is remembered."""
    from chatapp.tui.screens.memories import MemoriesScreen

    chat.app.push_screen(MemoriesScreen(await chat.backend.assistant()))


async def memory_here(chat: ChatScreen, argument: str) -> None:
    """Show what the selected answer remembered or used, to edit or forget it."""
    from chatapp.tui.screens.memories import MemoriesScreen

    answer = _answer(chat)
    if answer is None or not answer.memories:
        chat.hint("No memory took part in this answer. /memory lists them all.")
        return
    chat.app.push_screen(MemoriesScreen(await chat.backend.assistant(), answer.memories))


async def good(chat: ChatScreen, argument: str) -> None:
    await _rate(chat, 1.0, "Rated good.")


async def bad(chat: ChatScreen, argument: str) -> None:
    await _rate(chat, 0.0, "Rated bad. /correct says what it should have been.")


async def correct(chat: ChatScreen, argument: str) -> None:
    """Ask what the selected answer should have been, beginning with what it is."""
    answer = _answer(chat)
    if answer is None:
        chat.hint("There is no answer to correct yet.")
        return
    from chatapp.tui.screens.text_dialog import TextDialog

    async def typed(text: str | None) -> None:
        if text is not None:
            await guarded(chat, "correct", _store_correction(chat, answer.message_id, text))

    chat.app.push_screen(TextDialog("What the answer should have been", answer.text), typed)


async def compare(chat: ChatScreen, argument: str) -> None:
    """Show two answers to the same question side by side; the one that is picked is stored."""
    answer = _answer(chat)
    if answer is None or not answer.message_id:
        chat.hint("There is no answer to compare yet.")
        return
    assistant = await chat.backend.assistant()
    versions = await asyncio.to_thread(assistant.store.siblings, answer.message_id)
    finished = [version for version in versions if version.text and version.status != "streaming"]
    if len(finished) < 2:
        chat.hint("There is only one answer. Ctrl+R makes another one to compare.")
        return
    from chatapp.tui.screens.compare import CompareScreen

    async def picked(ids: tuple[str, str] | None) -> None:
        if ids is not None:
            await guarded(chat, "compare", _store_preference(chat, *ids))

    chat.app.push_screen(CompareScreen(finished, answer.message_id), picked)


async def _rate(chat: ChatScreen, reward: float, said: str) -> None:
    answer = _answer(chat)
    if answer is None or not answer.message_id:
        chat.hint("There is no answer to rate yet.")
        return
    assistant = await chat.backend.assistant()
    await asyncio.to_thread(assistant.feedback.rate, answer.message_id, reward)
    chat.hint(said)


async def _store_correction(chat: ChatScreen, message_id: str, text: str) -> None:
    assistant = await chat.backend.assistant()
    await asyncio.to_thread(assistant.feedback.correct, message_id, text)
    chat.hint("Your correction is stored beside the answer.")


async def _store_preference(chat: ChatScreen, better: str, worse: str) -> None:
    assistant = await chat.backend.assistant()
    await asyncio.to_thread(assistant.feedback.prefer, better, worse)
    await chat.reading.read_branch(better)
    chat.hint("Stored: this answer is the better one.")


def _answer(chat: ChatScreen) -> AnswerState | None:
    """Return the selected answer, else the last one."""
    from chatapp.tui.answer_state import AnswerState

    if isinstance(chat.selected, AnswerState):
        return chat.selected
    return chat.transcript.last_answer()


ACTIONS = {
    "memory": memory,
    "memory_here": memory_here,
    "good": good,
    "bad": bad,
    "correct": correct,
    "compare": compare,
}

ONLY_HERE = {"compare": "Show two answers side by side and pick the better one."}
