"""Runs what a person asked for; a failure is told on the screen, never a crash."""

from __future__ import annotations

import logging
from collections.abc import Awaitable
from typing import TYPE_CHECKING

from chatapp.tui.errors import problem_of

if TYPE_CHECKING:
    from textual.worker import Worker

    from chatapp.tui.screens.chat import ChatScreen

log = logging.getLogger(__name__)


async def guarded(chat: ChatScreen, name: str, work: Awaitable[None]) -> None:
    """Wait for `work` of the action `name`; a failure is told, never a crash."""
    try:
        await work
    except Exception as error:
        log.exception("the action %s failed", name)
        problem = problem_of("", error)
        await chat.tell(f"{problem.message} {problem.hint}".strip())


def in_background(
    chat: ChatScreen, name: str, work: Awaitable[None], activity: str
) -> Worker[None]:
    """Do the same while the screen goes on; the status line says `activity` meanwhile."""

    async def busy() -> None:
        chat.status.set_activity(activity)
        try:
            await guarded(chat, name, work)
        finally:
            chat.status.set_activity("")

    return chat.run_worker(busy(), group="turn", exit_on_error=False)
