"""The chat: conversations on the left, the transcript and the input, the sources on the right.

This screen lays out the widgets, answers their messages and offers a few verbs (`ask`,
`open_conversation`, …). What a key, a slash command or a palette entry does with them stands in
`chatapp.tui.actions`. What the first frame does not show is imported when it is first needed, which
is why handlers of such widgets' messages go by name (`on_answer_selected`) and not by `@on`.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Vertical
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Static, TextArea

from chatapp.tui import actions
from chatapp.tui.backend import Backend
from chatapp.tui.errors import Problem, problem_of
from chatapp.tui.text import one_line
from chatapp.tui.widgets.command_menu import CommandMenu
from chatapp.tui.widgets.composer import Composer
from chatapp.tui.widgets.sidebar import Sidebar
from chatapp.tui.widgets.sources_panel import SourcesPanel
from chatapp.tui.widgets.status_bar import StatusBar
from chatapp.tui.widgets.transcript import Transcript

if TYPE_CHECKING:
    from textual.timer import Timer

    from chatapp.assistant.assistant import Assistant
    from chatapp.assistant.events import Event
    from chatapp.tui.answer_state import AnswerState
    from chatapp.tui.library import Library
    from chatapp.tui.turn import Stream, Turn
    from chatapp.tui.widgets.answer import Answer
    from chatapp.tui.widgets.answer_markdown import AnswerMarkdown
    from chatapp.tui.widgets.conversation_options import ConversationOptions
    from chatapp.tui.widgets.recovery_banner import RecoveryBanner
    from chatapp.tui.widgets.trouble_panel import TroublePanel

WIDE = 100
"""From this width the conversations stand beside the transcript without being asked for."""

ROOMY = 120
"""From this width the sources stand beside the transcript, below it they share its height."""

TALL = 32
"""Below this height messages stand closer."""

LOW = 18
"""Below this height the title goes as well, and the input stays small."""

HINT_SECONDS = 3.0


class ChatScreen(Screen[None]):
    """The one main screen."""

    class Reopen(Message):
        """The person wants to try again, or to chat without saving."""

        def __init__(self, *, unsaved: bool) -> None:
            super().__init__()
            self.unsaved = unsaved

    DEFAULT_CSS = """
    ChatScreen {
        layers: base over;
        & #body { layout: horizontal; height: 1fr; }
        & #centre { width: 1fr; height: 1fr; }
        & #reading { layout: horizontal; height: 1fr; }
        & #messages { width: 1fr; height: 1fr; }
        & #title { height: 1; margin: 1 3 0 3; text-style: bold; }
        & #composer { margin: 0 1; }
        &.-narrow #reading { layout: vertical; }
        &.-narrow SourcesPanel {
            width: 1fr;
            height: 10;
            padding: 0 1;
            border-left: none;
            border-top: hkey $foreground 10%;
        }
        &.-narrow SourcesPanel > Static { margin-bottom: 0; }
        &.-small Sidebar { layer: over; dock: left; background: $background; }
        &.-compact UserMessage { padding: 0 2; }
        &.-low #title { display: none; }
        &.-low Transcript { padding-top: 0; }
        &.-low Composer { max-height: 4; }
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "run('stop')", "Stop the answer, or back to the input", id="chat.stop"),
        Binding("ctrl+n", "run('new')", "New conversation", id="chat.new"),
        Binding("ctrl+b", "run('sidebar')", "Conversations on or off", id="chat.sidebar"),
        Binding("ctrl+o", "run('sources')", "Sources on or off", id="chat.sources"),
        Binding("ctrl+r", "run('regenerate')", "Regenerate the answer", id="chat.regenerate"),
        Binding("ctrl+g", "run('continue')", "Continue a cut answer", id="chat.continue"),
        Binding("ctrl+y", "run('copy')", "Copy the answer", id="chat.copy", priority=True),
        Binding("ctrl+f", "run('search')", "Search conversations", id="chat.search", priority=True),
        Binding("f2", "run('rename')", "Rename the conversation", id="chat.rename"),
        Binding("f1", "run('help')", "Help", id="chat.help"),
        # Priority, so that keys typed right after it already go to the answer.
        Binding(
            "shift+tab", "last_answer", "Select the last answer", id="chat.answer", priority=True
        ),
        Binding("pageup", "page(-1)", "Scroll up", id="chat.page_up", priority=True),
        Binding("pagedown", "page(1)", "Scroll down", id="chat.page_down", priority=True),
    ]

    def __init__(self, backend: Backend) -> None:
        super().__init__()
        self.backend = backend
        self.library: Library | None = None
        self.conversation_id: str | None = None
        self.turn: Turn | None = None
        self.selected: AnswerState | None = None
        self.deleted: list[str] = []
        self._switching = asyncio.Lock()  # a message sent meanwhile must not be painted over
        self._drafts: dict[str | None, str] = {}
        self._sidebar_wanted: bool | None = None
        self._hint_timer: Timer | None = None

    def compose(self) -> ComposeResult:
        menu = CommandMenu()
        with Container(id="body"):
            yield Sidebar()
            with Vertical(id="centre"):
                with Container(id="reading"):
                    with Vertical(id="messages"):
                        yield Static("", id="title", markup=False)
                        yield Transcript()
                    yield SourcesPanel()
                yield menu
                yield Composer(menu)
        yield StatusBar()

    def on_mount(self) -> None:
        self.set_focus(self.composer)

    # Parts

    @property
    def menu(self) -> CommandMenu:
        return self.query_one(CommandMenu)

    @property
    def composer(self) -> Composer:
        return self.query_one(Composer)

    @property
    def transcript(self) -> Transcript:
        return self.query_one(Transcript)

    @property
    def sidebar(self) -> Sidebar:
        return self.query_one(Sidebar)

    @property
    def sources(self) -> SourcesPanel:
        return self.query_one(SourcesPanel)

    @property
    def status(self) -> StatusBar:
        return self.query_one(StatusBar)

    # Layout

    def on_resize(self, event: events.Resize) -> None:
        """Give the room there is to what matters most: the transcript and the input."""
        width, height = event.size
        self.set_class(width < ROOMY, "-narrow")
        self.set_class(width < WIDE, "-small")
        self.set_class(height < TALL, "-compact")
        self.set_class(height < LOW, "-low")
        shown = self._sidebar_wanted if self._sidebar_wanted is not None else width >= WIDE
        self.sidebar.set_class(not shown, "-hidden")

    def show_sidebar(self, shown: bool = True) -> None:
        """Show the conversations and go there, or hide them and go back."""
        self._sidebar_wanted = shown
        self.sidebar.set_class(not shown, "-hidden")
        if shown:
            self.sidebar.focus_list()
        else:
            self.set_focus(self.composer)

    def toggle_sidebar(self) -> None:
        self.show_sidebar(self.sidebar.has_class("-hidden"))

    def toggle_sources(self) -> None:
        """Show the sources of the selected answer and go there, or hide them and go back."""
        self.sources.display = not self.sources.display
        if self.sources.display:
            self.select(self.selected or self.transcript.last_answer())
            self.sources.focus_list()
        else:
            self.set_focus(self.composer)

    def hint(self, text: str) -> None:
        """Show a short hint in the status bar for a moment."""
        self.status.set_hint(text)
        if self._hint_timer is not None:
            self._hint_timer.stop()  # the hint before must not take this one along
        self._hint_timer = self.set_timer(HINT_SECONDS, lambda: self.status.set_hint(""))

    def trouble(self, problem: Problem, *, retry: bool = True, offer_unsaved: bool = False) -> None:
        """Show what does not work and how to repair it."""
        from chatapp.tui.widgets.trouble_panel import TroublePanel

        self.query(TroublePanel).remove()
        self.mount(
            TroublePanel(problem, retry=retry, offer_unsaved=offer_unsaved), before=self.menu
        )

    def offer_recovery(self, message_id: str) -> None:
        """Offer to continue or redo the interrupted answer `message_id`; do nothing unasked."""
        from chatapp.tui.widgets.recovery_banner import RecoveryBanner

        self.mount(RecoveryBanner(message_id), before=self.menu)

    async def withdraw_recovery(self) -> None:
        await self.query("RecoveryBanner").remove()

    # Conversations

    async def begin(self, assistant: Assistant, *, resume: str | None) -> None:
        """Show the conversation to resume, else the last one, unless a message was sent already."""
        from chatapp.tui.library import Library

        self.library = Library(assistant.store)
        self.menu.commands = actions.command_rows()
        if notices := "\n".join(assistant.store.notices):
            self.trouble(Problem("The conversations were repaired", notices), retry=False)
        async with self._switching:
            if self.turn is None and not self.transcript.entries:
                await self._resume(self.library, resume)
        await self.refresh_listing()

    async def _resume(self, library: Library, wanted: str | None) -> None:
        """Show the wanted conversation, or the last one; what was typed already stays."""
        from chatapp.conversations.types import NotFound

        if wanted is not None:
            try:
                await self._show(wanted)
                return
            except NotFound as error:
                problem = problem_of("This conversation cannot be opened", error)
                self.trouble(problem, retry=False)
        await self._show(await library.latest_id())

    async def open_conversation(self, conversation_id: str | None) -> None:
        """Show a conversation (None: an empty, new one) and keep the draft of the one left."""
        async with self._switching:
            left = self.conversation_id
            await self._show(conversation_id)
            self._drafts[left] = self.composer.text
            self.composer.set_draft(self._drafts.pop(conversation_id, ""))
        self.set_focus(self.composer)
        await self.refresh_listing()

    async def _show(self, conversation_id: str | None) -> None:
        """Show a conversation. Raises NotFound before anything has changed."""
        title, interrupted = "", None
        entries: list[str | AnswerState] = []
        if conversation_id is not None and self.library is not None:
            loaded = await self.library.load(conversation_id)
            title, entries = loaded.conversation.title, loaded.entries
            interrupted = loaded.interrupted
        self.conversation_id = conversation_id
        self.select(None)
        await self.withdraw_recovery()
        if self.turn is not None and self.turn.conversation_id == conversation_id:
            running = self.turn.state
            entries = [running if _is(entry, running) else entry for entry in entries]
        elif interrupted is not None:
            self.offer_recovery(interrupted)
        await self.transcript.show(entries)
        self.composer.remember([entry for entry in entries if isinstance(entry, str)])
        self.set_title(title)
        last = self.transcript.last_answer()
        self.status.set_cost(last.usage if last else None, last.seconds if last else 0.0)

    async def arrive(self, conversation_id: str | None) -> None:
        """Catch up with a command that may have opened, renamed or restored a conversation."""
        if conversation_id != self.conversation_id:
            await self.open_conversation(conversation_id)
            return
        if conversation_id is not None and self.library is not None:
            self.set_title((await self.library.conversation(conversation_id)).title)
        await self.refresh_listing()

    async def rename(self, conversation_id: str, title: str) -> None:
        """Give a conversation a new title."""
        if self.library is not None:
            await self.library.rename(conversation_id, title)
            await self.arrive(self.conversation_id)

    async def delete(self, conversation_id: str) -> None:
        """Delete a conversation; it can be brought back until the app is left."""
        if self.library is None:
            return
        gone = await self.library.delete(conversation_id)
        self.deleted.append(conversation_id)
        if conversation_id == self.conversation_id:
            await self.open_conversation(None)
        else:
            await self.refresh_listing()
        self.hint(f"Deleted “{one_line(gone.title, 40)}”. /undo brings it back.")

    async def restore_deleted(self) -> bool:
        """Bring back and open what was deleted last; say whether there was anything."""
        if self.library is None or not self.deleted:
            return False
        conversation = await self.library.restore(self.deleted.pop())
        await self.open_conversation(conversation.id)
        return True

    def set_title(self, title: str) -> None:
        self.query_one("#title", Static).update(one_line(title, 120))

    async def refresh_listing(self) -> None:
        """Read the list of conversations again."""
        if self.library is None:
            return
        conversations, cut_off = await self.library.listing()
        if self.turn is not None and self.turn.conversation_id is not None:
            cut_off.discard(self.turn.conversation_id)
        self.sidebar.show(conversations, current=self.conversation_id, interrupted=cut_off)

    # Turns

    async def ask(self, text: str) -> None:
        """Send a message; it waits for the model if that is still loading."""
        from chatapp.tui.answer_state import AnswerState
        from chatapp.tui.turn import Turn

        self.turn = turn = Turn(None, AnswerState(activity="waiting for the model"), text)
        async with self._switching:
            turn.conversation_id = here = self.conversation_id
            self.composer.accept_sent(text)
            await self.transcript.add(text)
            await self.transcript.add(turn.state)
            await self._start(turn, lambda assistant: assistant.turn(here, text))

    async def answer_again(self, old: AnswerState, new: AnswerState, stream: Stream) -> None:
        """Run a turn whose answer `new` takes the place of `old`; both may be the same."""
        from chatapp.tui.turn import Turn

        self.turn = turn = Turn(self.conversation_id, new)
        async with self._switching:
            if new is not old and self.conversation_id == turn.conversation_id:
                await self.transcript.remove_answer(old)
                await self.transcript.add(new)
            await self._start(turn, stream)

    async def _start(self, turn: Turn, stream: Stream) -> None:
        await self.withdraw_recovery()
        self.status.set_activity("Esc stops")
        self.run_worker(self._run(turn, stream), group="turn", exit_on_error=False)

    async def _run(self, turn: Turn, stream: Stream) -> None:
        try:
            await turn.run(self.backend.assistant(), stream, self._on_event)
        finally:
            self.turn = None
            self.status.set_activity("")
        if turn.question and not turn.stored:
            self.composer.give_back(turn.question)
        await self.refresh_listing()

    async def _on_event(self, turn: Turn, event: Event) -> None:
        """Draw one event of the running turn, if its answer is on the screen."""
        from chatapp.assistant.events import TurnEnd, TurnStart

        answer = self.transcript.answer(turn.state)
        if isinstance(event, TurnStart):
            turn.conversation_id = event.conversation
            if answer is not None and self.conversation_id is None:
                await self._name_new(event.conversation)
        if answer is None:
            return
        await answer.show(event)
        if isinstance(event, TurnEnd):
            self.status.set_cost(turn.state.usage, turn.state.seconds)
            self._present_sources(turn.state)

    async def _name_new(self, conversation_id: str) -> None:
        """The conversation has its row now: it gets its title and its place in the list."""
        self.conversation_id = conversation_id
        await self.arrive(conversation_id)

    def stop_turn(self) -> bool:
        """Stop the running answer, keeping its text; say whether one was running."""
        if self.turn is None:
            return False
        self.turn.stop(self.backend.opened)
        self.status.set_activity("stopping…")
        return True

    # Sources

    def select(self, state: AnswerState | None) -> None:
        """Make this the answer that keys and the sources panel speak of."""
        self.selected = state
        self.sources.show(state.citations if state else [])

    def _present_sources(self, state: AnswerState) -> None:
        """Select a finished answer; open the panel where there is room for it."""
        self.select(state)
        if self.size.width >= ROOMY:
            self.sources.display = bool(state.citations)

    def open_source(self, state: AnswerState, n: int) -> None:
        """Open quote `n` of an answer in its document."""
        index = next((i for i, c in enumerate(state.citations) if c.n == n), None)
        if index is None:
            self.hint(f"This answer cites no source [{n}].")
            return
        from chatapp.tui.screens.passage import PassageScreen

        self.app.push_screen(PassageScreen(state.citations, index, self.backend.open_source))

    # Messages of the widgets

    async def on_composer_sent(self, event: Composer.Sent) -> None:
        if await actions.run_slash(self, event.text):
            self.composer.accept_sent(event.text)
        elif self.turn is not None:
            self.composer.give_back(event.text)
            self.hint("One answer at a time: Esc stops the one being written.")
        else:
            await self.ask(event.text)

    @on(TextArea.Changed, "#composer")
    def _typed(self) -> None:
        self.menu.filter(self.composer.text)

    def on_paste(self, event: events.Paste) -> None:
        """Bring a paste that met an answer or a list to the input: it is meant for there."""
        self.set_focus(self.composer)
        self.composer.post_message(event)

    async def on_composer_help_requested(self) -> None:
        await actions.run(self, "help")

    def on_answer_selected(self, event: Answer.Selected) -> None:
        self.select(event.state)

    def on_answer_source_requested(self, event: Answer.SourceRequested) -> None:
        self.open_source(event.state, event.n)

    async def on_answer_copy_requested(self, event: Answer.CopyRequested) -> None:
        self.select(event.state)
        await actions.run(self, "copy")

    def on_answer_markdown_link_refused(self, event: AnswerMarkdown.LinkRefused) -> None:
        self.hint(f"Links are not opened: {one_line(event.href, 200)}")

    def on_sources_panel_opened(self, event: SourcesPanel.Opened) -> None:
        if self.selected is not None:
            self.open_source(self.selected, event.citation.n)

    async def on_sidebar_chosen(self, event: Sidebar.Chosen) -> None:
        work = self.open_conversation(event.conversation_id)
        await actions.guarded(self, "open", work)

    async def on_conversation_options_act(self, event: ConversationOptions.Act) -> None:
        await actions.run(self, event.action, event.conversation_id)

    async def on_recovery_banner_chosen(self, event: RecoveryBanner.Chosen) -> None:
        if event.choice != "leave":
            await actions.run(self, event.choice)
        self.set_focus(self.composer)

    def on_trouble_panel_chosen(self, event: TroublePanel.Chosen) -> None:
        self.set_focus(self.composer)
        if event.choice != "close":
            self.post_message(self.Reopen(unsaved=event.choice == "unsaved"))

    # Keys

    async def action_run(self, name: str) -> None:
        """Run a named action of `chatapp.tui.actions`."""
        await actions.run(self, name)

    def action_last_answer(self) -> None:
        """Select the newest answer, or the one before the selected one."""
        answers = self.transcript.answers()
        place = next((i for i, a in enumerate(answers) if a.has_focus), len(answers))
        if answers:
            self.set_focus(answers[max(0, place - 1)])

    def action_page(self, direction: int) -> None:
        if direction < 0:
            self.transcript.scroll_page_up()
        else:
            self.transcript.scroll_page_down()


def _is(entry: str | AnswerState, state: AnswerState) -> bool:
    return not isinstance(entry, str) and entry.message_id == state.message_id
