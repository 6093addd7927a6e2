"""The answer being written: asks the assistant, draws its events, stops it.

One part of the chat screen (`chat.answering`). An answer goes on while another conversation is on
the screen; its events are then taken in without being drawn.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import TYPE_CHECKING

from textual.worker import WorkerError

from chatapp.tui.entries import Entry, Question
from chatapp.tui.errors import problem_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from textual.worker import Worker

    from chatapp.assistant.attachments import Attachment
    from chatapp.assistant.events import Event, ToolApproval, WebConsent
    from chatapp.tui.answer_state import AnswerState
    from chatapp.tui.screens.chat import ChatScreen
    from chatapp.tui.turn import Stream, Turn
    from chatapp.tui.widgets.approval_bar import Decision


log = logging.getLogger(__name__)


class Answering:
    """One turn at a time; `turn` is None when none runs."""

    def __init__(self, chat: ChatScreen) -> None:
        self._chat = chat
        self.turn: Turn | None = None
        self.attached: list[Attachment] = []
        """Files that wait for the next message."""
        self.reader: Worker[None] | None = None
        """Reads a file that a command attaches."""
        self._asked: ToolApproval | WebConsent | None = None

    @property
    def here(self) -> bool:
        """True while an answer is written in the conversation on the screen."""
        return self.turn is not None and (
            self.turn.conversation_id == self._chat.reading.conversation_id
        )

    def send(self, text: str, *, instead_of: Question | None = None) -> None:
        """Send a message as typed, in the background; it waits for a model that is still loading.

        It goes to the conversation that is on the screen now. Each `@file` in it is read and goes
        along, as do files that a command attached. A file that cannot be read keeps the message
        here, and so does a stop meanwhile. `instead_of` is an earlier question of this
        conversation: a new branch begins beside it.
        """
        from chatapp.tui.answer_state import AnswerState
        from chatapp.tui.turn import Turn

        state = AnswerState(activity="waiting for the model")
        self.turn = turn = Turn(None, state, typed=text, instead_of=instead_of)
        self._chat.run_worker(self._send(turn, text), group="turn", exit_on_error=False)

    async def _send(self, turn: Turn, text: str) -> None:
        from chatapp.assistant.attachments import AttachmentError
        from chatapp.tui.completion import mentioned_files

        chat = self._chat
        quoted = frozenset(chat.composer.quoted)
        async with chat.reading.switching:  # what is being opened already is where it goes
            turn.conversation_id = chat.reading.conversation_id
        try:
            if self.reader is not None:
                with suppress(WorkerError):
                    await self.reader.wait()  # that file was attached before this was sent
            named, files = await asyncio.to_thread(mentioned_files, text, quoted)
            read = await self._read(turn, files)
        except AttachmentError as error:
            fix = f"; {error.hint}" if error.hint else ""
            await chat.tell(f"Not sent: {error}{fix}. Without the @ it is sent as it stands.")
        except asyncio.CancelledError:
            if not turn.stop_requested:
                raise
        except Exception as error:  # a reader met what nobody foresaw
            log.exception("a file that goes along was not read")
            await chat.tell(f"Not sent: {problem_of('', error).message}")
        else:
            await self._put(turn, named, read)
            return
        self.turn = None
        chat.status.set_activity("")
        await self._give_back(turn)

    async def _read(self, turn: Turn, files: Sequence[Path]) -> list[Attachment]:
        """Read the files that go along; a stop does not wait for them."""
        from chatapp.assistant.attachments import read_attachment

        if turn.stop_requested:
            raise asyncio.CancelledError
        if not files:
            return []
        self._chat.status.set_activity(f"reading {', '.join(f.name for f in files)}, Esc stops")
        turn.reading = asyncio.create_task(
            asyncio.to_thread(lambda: [read_attachment(file) for file in files])
        )
        return await turn.reading

    async def _put(self, turn: Turn, text: str, attachments: Sequence[Attachment]) -> None:
        """Show the message, if its conversation is on the screen, and start its answer."""
        chat, there = self._chat, turn.conversation_id
        turn.attached = tuple(self.attached)
        self.attached.clear()
        chat.show_attached(())
        files = [*turn.attached, *attachments]
        turn.question = Question(text, attachments=tuple(file.name for file in files))
        old = turn.instead_of
        async with chat.reading.switching:
            if self.here:
                chat.composer.accept_sent(turn.typed)
                if old is not None:
                    await chat.transcript.cut_from(old)
                await chat.transcript.add(turn.question)
                await chat.transcript.add(turn.state)
            await self._start(
                turn,
                lambda a: (
                    a.edit(old.message_id, text, attachments=files)
                    if old is not None
                    else a.turn(there, text, attachments=files)
                ),
            )

    async def _give_back(self, turn: Turn) -> None:
        """Put a message that was not stored back into the input, or the draft of where it was."""
        reading = self._chat.reading
        self.attached[:0] = turn.attached
        self._chat.show_attached([file.name for file in self.attached])
        if turn.conversation_id == reading.conversation_id:
            self._chat.composer.give_back(turn.typed, instead_of=turn.instead_of)
        else:
            await reading.add_to_draft(turn.conversation_id, turn.typed)

    async def again(self, old: AnswerState, new: AnswerState, stream: Stream) -> None:
        """Run a turn whose answer `new` takes the place of `old`; both may be the same."""
        from chatapp.tui.turn import Turn

        chat = self._chat
        self.turn = turn = Turn(chat.reading.conversation_id, new)
        async with chat.reading.switching:
            if new is not old and chat.reading.conversation_id == turn.conversation_id:
                await chat.transcript.discard(old)
                await chat.transcript.add(new)
            await self._start(turn, stream)

    async def follow(self, events: AsyncIterator[Event]) -> None:
        """Run the turn that a command gave back; its messages are shown once they are stored."""
        from chatapp.tui.answer_state import AnswerState
        from chatapp.tui.turn import Turn

        chat = self._chat
        self.turn = turn = Turn(chat.reading.conversation_id, AnswerState(activity="working"))
        await self._start(turn, lambda assistant: events)

    def stop(self) -> bool:
        """Stop the running answer, keeping its text, or what a command lets the model write.

        Says whether anything was running.
        """
        assistant = self._chat.backend.opened
        attaching = self.reader is not None and self.reader.is_running
        if attaching and self.reader is not None:
            self.reader.cancel()
        if self.turn is None:
            return attaching or (assistant is not None and assistant.interrupt())
        self.turn.stop(assistant)
        self._chat.status.set_activity("stopping…")
        return True

    def wait_with(self, after: Sequence[Attachment], before: Sequence[Attachment]) -> None:
        """Take over what a command made of the files that waited; some may be sent since."""
        added = [file for file in after if file not in before]
        self.attached[:] = [*(file for file in self.attached if file in after), *added]
        self._chat.show_attached([file.name for file in self.attached])

    def decide(self, call_id: str, decision: Decision) -> None:
        """Let the waiting tool run or not, or the waiting query leave."""
        assistant = self._chat.backend.opened
        if assistant is not None:
            assistant.approve(call_id, decision)
        self._asked = None
        self._chat.withdraw_approval()

    def offer_again(self) -> None:
        """Show what the answer waits for again when its conversation is back on the screen."""
        if self._asked is not None and self.here:
            self._chat.offer_approval(self._asked)
        else:
            self._chat.withdraw_approval()

    async def _start(self, turn: Turn, stream: Stream) -> None:
        await self._chat.withdraw_recovery()
        self._chat.status.set_activity("Esc stops")
        self._chat.run_worker(self._run(turn, stream), group="turn", exit_on_error=False)

    async def _run(self, turn: Turn, stream: Stream) -> None:
        chat = self._chat
        try:
            await turn.run(chat.backend.assistant(), stream, self._on_event)
        finally:
            self.turn, self._asked = None, None
            chat.withdraw_approval()
            chat.status.set_activity("")
        if turn.question and not turn.stored:
            await self._give_back(turn)
        await self._learn_versions(turn)
        chat.reading.draw_window()
        await chat.reading.refresh_listing()

    async def _learn_versions(self, turn: Turn) -> None:
        """Ask the store how many versions there are now at the places of this turn."""
        library = self._chat.reading.library
        if library is None or not turn.stored:
            return
        entries: list[Entry] = [turn.state]
        if turn.question is not None:
            entries.append(turn.question)
        for entry in entries:
            entry.complete = False
        await library.complete(entries)
        for entry in entries:
            if (view := self._chat.transcript.view(entry)) is not None:
                view.redraw_versions()

    async def _on_event(self, turn: Turn, event: Event) -> None:
        """Draw one event of the running turn, if its answer is on the screen."""
        from chatapp.assistant.events import ToolApproval, TurnEnd, TurnStart, WebConsent

        chat = self._chat
        answer = chat.transcript.answer(turn.state)
        if isinstance(event, TurnStart):
            began_here = turn.conversation_id is None and chat.reading.conversation_id is None
            turn.conversation_id = event.conversation
            if turn.question is not None:
                turn.question.message_id = event.user_message
            if answer is not None and chat.reading.conversation_id is None:
                await chat.reading.name_new(event.conversation)
            elif answer is None and began_here:
                await chat.reading.open(event.conversation)
            elif answer is None and self.here:
                await chat.reading.reload()
        if isinstance(event, ToolApproval | WebConsent):
            self._asked = event if event.decision == "asked" else None
            self.offer_again()
        if answer is None:
            return
        await answer.show(event)
        if isinstance(event, TurnEnd):
            chat.status.set_cost(turn.state.usage, turn.state.seconds)
            chat.present_sources(turn.state)
