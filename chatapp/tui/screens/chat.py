"""The chat: conversations on the left, the transcript and the input, the sources on the right.

This screen lays out the widgets and answers their messages. Which conversation is open is the
matter of its `reading`, the running answer that of its `answering`; what a key, a slash command or
a palette entry does stands in `chatapp.tui.actions`. What the first frame does not show is imported
when it is first needed, which is why handlers of such widgets' messages go by name
(`on_answer_selected`) and not by `@on`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container, Vertical
from textual.content import Content
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Static, TextArea

from chatapp.tui import actions
from chatapp.tui.answering import Answering
from chatapp.tui.backend import Backend
from chatapp.tui.chat_keys import CHAT_KEYS
from chatapp.tui.entries import Entry, Question
from chatapp.tui.errors import Problem
from chatapp.tui.guard import guarded
from chatapp.tui.keyboard import keyboard
from chatapp.tui.layout import CSS, ROOMY, fit
from chatapp.tui.reading import Reading
from chatapp.tui.text import one_line, plain
from chatapp.tui.widgets.command_menu import CommandMenu
from chatapp.tui.widgets.composer import Composer
from chatapp.tui.widgets.key_hints import KeyHints
from chatapp.tui.widgets.sidebar import Sidebar
from chatapp.tui.widgets.sources_panel import SourcesPanel
from chatapp.tui.widgets.status_bar import StatusBar
from chatapp.tui.widgets.title_line import TitleLine
from chatapp.tui.widgets.transcript import Transcript
from chatapp.tui.widgets.welcome import promise

if TYPE_CHECKING:
    from textual.timer import Timer

    from chatapp.assistant.events import ToolApproval, WebConsent
    from chatapp.conversations.types import Conversation
    from chatapp.settings import Settings
    from chatapp.tui.answer_state import AnswerState
    from chatapp.tui.widgets.answer import Answer
    from chatapp.tui.widgets.answer_markdown import AnswerMarkdown
    from chatapp.tui.widgets.approval_bar import ApprovalBar
    from chatapp.tui.widgets.conversation_options import ConversationOptions
    from chatapp.tui.widgets.message_view import MessageView
    from chatapp.tui.widgets.recovery_banner import RecoveryBanner
    from chatapp.tui.widgets.trouble_panel import TroublePanel

HINT_SECONDS = 3.0


class ChatScreen(Screen[None]):
    """The one main screen."""

    class Reopen(Message):
        """The person wants to try again, or to chat without saving."""

        def __init__(self, *, unsaved: bool) -> None:
            super().__init__()
            self.unsaved = unsaved

    DEFAULT_CSS = CSS

    BINDINGS: ClassVar[list[BindingType]] = CHAT_KEYS

    def __init__(
        self, backend: Backend, settings: Settings, keymap: Mapping[str, str] | None = None
    ) -> None:
        super().__init__()
        self.backend = backend
        self._settings = settings
        self.keymap = keymap or {}
        self.reading = Reading(self)
        self.answering = Answering(self)
        self.selected: Entry | None = None
        self._sidebar_wanted: bool | None = None
        self._hint_timer: Timer | None = None

    def compose(self) -> ComposeResult:
        menu = CommandMenu()
        with Container(id="body"):
            yield Sidebar()
            with Vertical(id="centre"):
                with Container(id="reading"):
                    with Vertical(id="messages"):
                        yield TitleLine()
                        yield Transcript(self._promise)
                    yield SourcesPanel()
                yield menu
                yield Static("", id="attached", markup=False)
                yield Composer(menu)
        yield StatusBar()
        yield KeyHints()

    def on_mount(self) -> None:
        self.set_focus(self.composer)

    def _promise(self) -> str:
        """Say what leaves this machine in a conversation that begins now."""
        assistant = self.backend.opened
        chosen = assistant.options.model if assistant else ""
        return promise(self._settings, chosen or self._settings.model)

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
        fit(self, event.size, sidebar_wanted=self._sidebar_wanted)

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
            self.select(self.selected_answer or self.transcript.last_answer())
            self.sources.focus_list()
        else:
            self.set_focus(self.composer)

    def hint(self, text: str) -> None:
        """Show a short hint in the status bar for a moment."""
        self.status.set_hint(text)
        if self._hint_timer is not None:
            self._hint_timer.stop()  # the hint before must not take this one along
        self._hint_timer = self.set_timer(HINT_SECONDS, lambda: self.status.set_hint(""))

    async def tell(self, text: str) -> None:
        """Say what went wrong: for a moment where one line holds it, else to stay and be read."""
        if "\n" in text or Content(text).cell_length > self.status.content_size.width:
            await self.transcript.note(text)
        else:
            self.hint(text)

    async def copy(self, text: str) -> str:
        """Copy `text` by the best way there is; show and return how that went."""
        from chatapp import paths
        from chatapp.tui.clipboard import copy_text

        file = paths.data_dir() / "copied.txt"
        said = await copy_text(text, self.app.copy_to_clipboard, os.environ, file)
        self.say(said)
        return said

    def show_attached(self, names: Sequence[str]) -> None:
        """Show above the input which files wait for the next message."""
        line = self.query_one("#attached", Static)
        line.update(plain("   ".join(f"⎘ {name}" for name in names)))
        line.display = bool(names)

    def describe(self, conversation: Conversation | None) -> None:
        """Say above the transcript which conversation this is; a private one looks different."""
        self.query_one(TitleLine).show(conversation)
        own = conversation.options.get("model") if conversation is not None else None
        self.status.set_own_model(own if isinstance(own, str) else "")
        self.set_class(conversation is not None and conversation.private, "-private")
        self.refresh_bindings()

    def offers(self, binding_id: str) -> bool:
        """Say whether a key would do something now; the line of keys leaves others out."""
        running = self.answering.turn is not None
        shown = self.query(Transcript)
        answer = shown.first().last_answer() if shown else None
        match binding_id:
            case "chat.stop":
                return running
            case "chat.continue":
                return not running and answer is not None and answer.finish_reason != "stop"
            case "chat.regenerate":
                return not running and answer is not None
            case "chat.copy" | "chat.answer":
                return answer is not None and bool(answer.text)
            case "chat.approval":
                return any(not bar.has_focus_within for bar in self.query("ApprovalBar"))
            case "answer.open":
                return bool(self.selected_answer and self.selected_answer.citations)
            case "answer.trace":
                return bool(self.selected_answer and self.selected_answer.trace.steps)
        return True

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

    def offer_approval(self, asked: ToolApproval | WebConsent) -> None:
        """Ask whether a tool may run, or a query leave; the turn waits until that is decided."""
        from chatapp.tui.widgets.approval_bar import ApprovalBar

        self.withdraw_approval()
        self.mount(ApprovalBar(asked), before=self.menu)
        self.refresh_bindings()  # the line of keys says how to get there

    def withdraw_approval(self) -> None:
        """Take the question away; a key that was meant for it must not reach a message."""
        bars = self.query("ApprovalBar")
        if any(bar.has_focus_within for bar in bars):
            self.set_focus(self.composer)
        bars.remove()

    def action_approval(self) -> None:
        """Go to the question that an answer waits for, if one does."""
        from chatapp.tui.widgets.approval_bar import ApprovalBar

        for bar in self.query(ApprovalBar):
            bar.focus_choice()

    async def withdraw_recovery(self) -> None:
        await self.query("RecoveryBanner").remove()

    # Sources

    @property
    def selected_answer(self) -> AnswerState | None:
        """The selected answer; None while nothing or a question is selected."""
        return None if isinstance(self.selected, Question) else self.selected

    def select(self, entry: Entry | None) -> None:
        """Make this the message that commands speak of; the panel shows an answer's sources."""
        self.selected = entry
        answer = self.selected_answer
        self.sources.show(answer.citations if answer else [])
        self.refresh_bindings()  # the line of keys offers what this message has

    def present_sources(self, state: AnswerState) -> None:
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

        self.sources.highlight(index)
        self.app.push_screen(
            PassageScreen(
                state.citations,
                index,
                self.backend.open_source,
                copy=self.copy,
                visit=self.visit,
            )
        )

    async def visit(self, address: str) -> None:
        """Ask whether to open a web address in a browser; nothing is opened unasked."""
        from chatapp.tui.addresses import has_desktop, is_web_address
        from chatapp.tui.screens.visit import Choice, VisitScreen

        if not is_web_address(address):
            self.say(f"No browser opens this: {one_line(address, 200)}")
            return

        async def chosen(choice: Choice | None) -> None:
            if choice == "open":
                self.app.open_url(address)
            elif choice == "copy":
                await self.copy(address)

        await self.app.push_screen(VisitScreen(address, can_open=has_desktop()), chosen)

    def say(self, text: str) -> None:
        """Tell the person something wherever they look: a dialog covers this screen's hints."""
        if self.is_current:
            self.hint(text)
        else:
            self.notify(text, markup=False)

    # Messages of the widgets

    async def on_composer_sent(self, event: Composer.Sent) -> None:
        self.reading.left = event.left
        try:
            is_command = await actions.run_slash(self, event.text)
        finally:
            self.reading.left = None
        if is_command:
            self.composer.accept_sent(event.text)
        elif self.answering.turn is not None:
            self.composer.give_back(event.text, instead_of=event.instead_of)
            self.hint("One answer at a time: Esc stops the one being written.")
        else:
            self.answering.send(event.text, instead_of=event.instead_of)

    @on(TextArea.Changed, "#composer")
    def _typed(self) -> None:
        keyboard.pressed()
        self.composer.complete()
        self.reading.draft_changed()

    def on_paste(self, event: events.Paste) -> None:
        """Bring a paste that met an answer or a list to the input: it is meant for there."""
        self.set_focus(self.composer)
        self.composer.post_message(event)

    async def on_composer_help_requested(self) -> None:
        await actions.run(self, "help")

    def on_message_view_selected(self, event: MessageView.Selected) -> None:
        self.select(event.entry)

    async def on_message_view_act(self, event: MessageView.Act) -> None:
        self.select(event.entry)
        await actions.run(self, event.name)

    async def on_message_view_neighbour_wanted(self, event: MessageView.NeighbourWanted) -> None:
        await self.transcript.go_by(event.entry, event.step)

    def on_answer_source_requested(self, event: Answer.SourceRequested) -> None:
        self.open_source(event.state, event.n)

    async def on_answer_markdown_link_chosen(self, event: AnswerMarkdown.LinkChosen) -> None:
        await self.visit(event.href)

    def on_approval_bar_decided(self, event: ApprovalBar.Decided) -> None:
        self.answering.decide(event.call_id, event.decision)
        self.set_focus(self.composer)

    def on_sources_panel_opened(self, event: SourcesPanel.Opened) -> None:
        if self.selected_answer is not None:
            self.open_source(self.selected_answer, event.citation.n)

    async def on_sidebar_chosen(self, event: Sidebar.Chosen) -> None:
        work = self.reading.open(event.conversation_id)
        await guarded(self, "open", work)

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
