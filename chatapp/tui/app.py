"""The terminal UI. The first frame is painted before anything heavy is imported or opened.

What comes after the first frame: the conversations are opened in a worker thread, then the model is
loaded in another. A message can be typed and sent at any time; it waits for what it needs.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on
from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.widgets import TextArea
from textual.worker import WorkerError

from chatapp.leaving import leave_busy_threads
from chatapp.tui import craft_actions
from chatapp.tui.backend import Backend
from chatapp.tui.chat_keys import enter_keys
from chatapp.tui.errors import problem_of
from chatapp.tui.screens.chat import ChatScreen
from chatapp.tui.theme import COMMON_CSS, THEMES, theme_to_use

if TYPE_CHECKING:
    from textual.driver import Driver
    from textual.screen import Screen
    from textual.theme import Theme

    from chatapp.assistant.assistant import Assistant
    from chatapp.settings import Settings

log = logging.getLogger(__name__)

SIGNAL_EXIT = {signal.SIGTERM: 143, signal.SIGHUP: 129}
CLOSING_SECONDS = 3.0
"""How long a stopped answer may take to be stored before the app leaves anyway."""

COLLECT_AFTER = 10_000
"""So many new objects between two collections of the youngest; a collection stops the typing."""

QUIT_SECONDS = 3.0
"""Ctrl+C twice within this time quits."""


class ChatApp(App[int]):
    """Wires the chat screen to the assistant and to the signals of the outside world."""

    TITLE = "chatapp"
    CSS = COMMON_CSS
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "ctrl+p",
            "command_palette",
            "Palette",
            id="app.palette",
            priority=True,
            tooltip="Command palette: every action by its name",
        ),
        Binding("ctrl+q", "quit", "Quit", id="app.quit", priority=True),
        Binding(
            "ctrl+c",
            "interrupt",
            "Stop",
            id="app.stop",
            priority=True,
            show=False,
            tooltip="Stop the answer; twice quits",
        ),
        Binding(
            "ctrl+z",
            "suspend",
            "Suspend",
            id="app.suspend",
            priority=True,
            show=False,
            tooltip="Suspend; fg comes back",
        ),
    ]

    def __init__(
        self,
        settings: Settings,
        backend: Backend,
        *,
        resume: str | None = None,
        keymap: Mapping[str, str] | None = None,
        driver_class: type[Driver] | None = None,
        signals: bool = False,
    ) -> None:
        # Without colours, Textual must be told before it picks its filter.
        native = True if os.environ.get("NO_COLOR") else None
        super().__init__(driver_class=driver_class, ansi_color=native)
        self._settings = settings
        self._backend = backend
        self._resume = resume
        self._signals = signals
        self._quit_armed = False
        keymap = {**enter_keys(settings.ui.enter), **(keymap or {})}
        self.chat = ChatScreen(backend, settings, keymap)
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = theme_to_use(settings.ui.theme, set(self.available_themes))
        self.set_keymap(keymap)

    def get_default_screen(self) -> ChatScreen:
        return self.chat

    def on_mount(self) -> None:
        if self._signals:
            self._obey_signals()
        self.call_after_refresh(self._open)
        self.theme_changed_signal.subscribe(self, self._keep_theme)

    def _keep_theme(self, theme: Theme) -> None:
        """Write the theme that was chosen into the person's settings, for the next start."""
        self.run_worker(self._write_theme(theme.name), group="theme", exit_on_error=False)

    async def _write_theme(self, name: str) -> None:
        from chatapp import paths
        from chatapp.settings import SettingsError
        from chatapp.settings.keeping import keep_setting

        try:
            await asyncio.to_thread(keep_setting, paths.user_config_path(), "ui", "theme", name)
        except SettingsError as error:
            self.chat.say(f"Kept until you leave: {error} {error.hint}".strip())

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """List in the palette (Ctrl+P) what the slash commands offer."""
        for name, text, run in craft_actions.palette_entries(self.chat):
            yield SystemCommand(name, text, run)

    # Opening

    def _open(self, *, unsaved: bool = False) -> None:
        """Start everything that may take its time; the first frame stands already."""
        if self._backend.opened is None:
            self._backend.open(unsaved=unsaved)
        self.run_worker(self._get_ready(), group="open", exclusive=True, exit_on_error=False)

    async def _get_ready(self) -> None:
        """Show the last conversation, then load the model and open the index."""
        assistant = await self._open_conversations()
        if assistant is not None:
            await self._load_model(assistant)
            await assistant.warm_up()
        if self._signals:  # the process is ours: one collection now, and what stays is left alone
            gc.collect()
            gc.freeze()
            gc.set_threshold(COLLECT_AFTER, 20, 20)

    async def _open_conversations(self) -> Assistant | None:
        self.chat.status.set_state("opening")
        try:
            assistant = await self._backend.assistant()
        except Exception as error:
            log.exception("the conversations did not open")
            self.chat.status.set_state("closed")
            problem = problem_of("The conversations cannot be opened", error)
            self.chat.trouble(problem, offer_unsaved=True)
            return None
        if self.chat.reading.library is None:
            await self.chat.reading.begin(assistant, resume=self._resume)
        return assistant

    async def _load_model(self, assistant: Assistant) -> None:
        self.chat.status.set_state("loading")
        try:
            model = await assistant.load_model()
        except Exception as error:
            log.exception("the model did not load")
            self.chat.status.set_state("failed")
            self.chat.trouble(problem_of("The language model cannot be loaded", error))
        else:
            self.chat.status.set_state("ready", model.name)
            self.chat.reading.draw_window()

    @on(ChatScreen.Reopen)
    def _reopen(self, event: ChatScreen.Reopen) -> None:
        self._open(unsaved=event.unsaved)

    # Leaving

    def action_suspend(self) -> None:
        """Ctrl+Z: stop until `fg`. Without a shell that controls jobs nobody could wake the app."""
        if os.getpgrp() == os.getsid(0):
            self.chat.hint("No shell is behind this window that could bring it back.")
        else:
            self.action_suspend_process()

    def on_driver_signal_resume(self) -> None:
        """Paint everything after `fg`: the terminal has forgotten what stood there."""
        self.screen.refresh()

    async def action_interrupt(self) -> None:
        """Ctrl+C: stop the answer, else copy what is selected, else quit when pressed twice."""
        if self.chat.answering.stop():
            return
        if selected := self._selected_text():
            await self.chat.copy(selected)
        elif self._quit_armed:
            await self.action_quit()
        else:
            self._quit_armed = True
            self.chat.hint("Ctrl+C again quits.")
            self.set_timer(QUIT_SECONDS, self._disarm)

    def _disarm(self) -> None:
        self._quit_armed = False

    def _selected_text(self) -> str:
        focused = self.focused
        typed = focused.selected_text if isinstance(focused, TextArea) else ""
        return typed or self.screen.get_selected_text() or ""

    async def action_quit(self) -> None:
        """Leave once the running answer is stored."""
        await self.leave(0)

    async def leave(self, code: int) -> None:
        """Stop and store the running answer, then exit with `code`."""
        self.chat.answering.stop()
        await self.chat.reading.save_draft()
        turns = [worker for worker in self.workers if worker.group == "turn"]
        try:
            async with asyncio.timeout(CLOSING_SECONDS):
                for worker in turns:
                    with suppress(WorkerError):
                        await worker.wait()
        except TimeoutError:
            log.warning("left before the answer had ended; its text so far is stored")
        await self.chat.reading.save_draft()  # a message that was not sent is back in the input
        self.exit(code)

    def _obey_signals(self) -> None:
        """Store the answer and leave in order when the system or a closed terminal says so."""
        loop = asyncio.get_running_loop()
        for number, code in SIGNAL_EXIT.items():
            loop.add_signal_handler(number, self._leave_on_signal, code)

    def _leave_on_signal(self, code: int) -> None:
        self.run_worker(self.leave(code), group="leave", exit_on_error=False)


def run_tui(settings: Settings, *, database: Path | None = None, resume: str | None = None) -> int:
    """Run the app in this terminal and return the exit code.

    Args:
        settings: the settings in force.
        database: the file of the conversations; None means the one in the data directory.
        resume: the id of the conversation to open; None means the last one.

    Raises:
        SettingsError: the key map file has a mistake.
    """
    from chatapp import paths
    from chatapp.tui.keymap import keymap_path, load_keymap
    from chatapp.tui.terminal import quiet_terminal

    keymap = load_keymap(keymap_path())

    def build(unsaved: bool) -> Assistant:
        from chatapp.assistant.factory import build_assistant

        return build_assistant(settings, database=database, ephemeral=unsaved)

    backend = Backend(build)
    # Ctrl+C is a key while the screen is up. One more of them while the files are being closed,
    # when the terminal is an ordinary one again, must not cut that short.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with quiet_terminal(paths.log_path()) as driver:
        app = ChatApp(
            settings, backend, resume=resume, keymap=keymap, driver_class=driver, signals=True
        )
        code = app.run()
        backend.close()
    if code is None:
        code = _crashed(paths.log_path())
    leave_busy_threads(code)
    return code


def _crashed(log_path: Path) -> int:
    """Say where to look after a failure of the screen itself; the traceback is in the log."""
    print(f"error: the chat window failed\n  fix: see the end of {log_path}", file=sys.stderr)
    return 1
