"""What is remembered about the person: read it, correct it, hide it, forget it for good."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.events import Resize
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from chatapp.tui.errors import problem_of
from chatapp.tui.layout import LOW
from chatapp.tui.text import one_line, plain
from chatapp.tui.theme import MUTED
from chatapp.tui.widgets.key_hints import KeyHints

if TYPE_CHECKING:
    from chatapp.assistant.assistant import Assistant
    from chatapp.memory import Fact

_STATUS = {
    "closed": "held before",
    "expired": "hidden: x brings it back",
    "review": "? is it right: y confirms",
}


class MemoriesScreen(ModalScreen[None]):
    """Lists facts; with `only` just those (an answer's), else all that are in use."""

    DEFAULT_CSS = """
    MemoriesScreen {
        align: center middle;
        & > Vertical {
            width: 90;
            max-width: 96%;
            height: 85%;
            background: $background;
            border: round $accent;
            border-title-color: $accent;
            padding: 0 1;
        }
        & Input {
            border: none;
            background: transparent;
            height: 1;
            margin: 1 0;
            padding: 0 1;
            &:focus { border: none; }
        }
        & OptionList {
            height: 1fr;
            padding: 0;
            border: none;
            background: transparent;
            scrollbar-size-vertical: 1;
        }
        & #memory-details {
            height: auto;
            max-height: 40%;
            padding: 1 1 0 1;
            border-top: hkey $foreground 10%;
            color: $text-muted;
        }
        & #memory-state { height: auto; padding: 0 1; color: $text-warning; display: none; }
        & KeyHints { padding: 0 1; }
        &.-low > Vertical { height: 100%; }
        &.-low Input { margin: 0; }
        &.-low #memory-details { max-height: 3; padding: 0 1; border-top: none; }
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss", "Close", id="memory.close"),
        Binding("e", "edit", "Edit", id="memory.edit"),
        Binding("d,delete", "forget", "Forget", id="memory.forget",
                tooltip="Forget for good: everywhere, backups included"),
        Binding("x", "hide", "Hide", id="memory.hide",
                tooltip="Hide, or show a hidden one again; nothing is removed"),
        Binding("y", "confirm", "Confirm", id="memory.confirm",
                tooltip="It is right; what it contradicts is closed"),
        Binding("n", "new", "New", id="memory.new", tooltip="Remember something"),
        Binding("h", "history", "History", id="memory.history",
                tooltip="Show or hide what held before and what is hidden"),
        Binding("slash", "search", "Search", id="memory.search"),
    ]  # fmt: skip

    def __init__(self, assistant: Assistant, only: Collection[str] = ()) -> None:
        super().__init__()
        self._assistant = assistant
        self._only = set(only)
        self._everything = bool(only)
        self._facts: list[Fact] = []
        self.shown: list[Fact] = []

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = "Under this answer" if self._only else "What is remembered about you"
            yield Input(placeholder="Search what is remembered")
            yield OptionList(markup=False)
            yield Static("", id="memory-details", markup=False)
            yield Static("", id="memory-state", markup=False)
            yield KeyHints()

    def on_mount(self) -> None:
        self.query_one(OptionList).focus()
        self.run_worker(self.reload(), exit_on_error=False)

    def on_resize(self, event: Resize) -> None:
        self.set_class(event.size.height < LOW, "-low")

    async def reload(self) -> None:
        """Read the facts again and keep the place in the list."""
        self._facts = await asyncio.to_thread(self._assistant.profile.facts, everything=True)
        self._list()

    # The list

    @on(Input.Changed)
    def _list(self) -> None:
        words = self.query_one(Input).value.casefold().split()
        facts = [fact for fact in reversed(self._facts) if self._wanted(fact, words)]
        options = self.query_one(OptionList)
        place = options.highlighted or 0
        options.clear_options()
        options.add_options(Option(_row(fact)) for fact in facts)
        self.shown = facts
        options.highlighted = min(place, len(facts) - 1) if facts else None
        self._describe()

    def _wanted(self, fact: Fact, words: Sequence[str]) -> bool:
        if self._only and fact.id not in self._only:
            return False
        current = self._everything or fact.status in ("active", "review")
        said = f"{fact.to_person()} {fact.slot}".casefold()
        return current and all(word in said for word in words)

    @property
    def chosen(self) -> Fact | None:
        """The highlighted fact."""
        place = self.query_one(OptionList).highlighted
        return self.shown[place] if place is not None and place < len(self.shown) else None

    @on(OptionList.OptionHighlighted)
    def _describe(self) -> None:
        fact = self.chosen
        details = self.query_one("#memory-details", Static)
        if fact is None and self.query_one(Input).value.strip():
            details.update("Nothing that is remembered matches.")
        elif fact is None:
            details.update("Nothing is remembered yet. Tell it in the chat, or press n.")
        else:
            details.update(Content("\n").join(self._details(fact)))

    def _details(self, fact: Fact) -> list[Content]:
        """Return where it comes from, and the history of the same thing, newest first."""
        how = "You asked for it" if fact.rule == "remember" else f"You wrote: “{fact.source_text}”"
        times = "once" if fact.use_count == 1 else f"{fact.use_count} times"
        used = f"used {times}" if fact.use_count else "not used yet"
        lines = [plain(one_line(f"{how} · {used} · {fact.id}", 300))]
        same = [f for f in self._facts if (f.slot, f.fact_key) == (fact.slot, fact.fact_key)]
        if len(same) > 1 and fact.slot != "note":
            for each in reversed(same[-5:]):
                until = each.valid_to[:10] if each.valid_to else "now"
                lines.append(
                    plain(one_line(f"{each.valid_from[:10]} to {until}: {each.to_person()}", 120))
                )
        return lines

    # Keys

    def action_search(self) -> None:
        self.query_one(Input).focus()

    @on(Input.Submitted)
    def _to_list(self) -> None:
        self.query_one(OptionList).focus()

    def action_history(self) -> None:
        self._everything = not self._everything
        self._list()

    def action_new(self) -> None:
        self._ask("What shall be remembered?", "", self._remember)

    def action_edit(self) -> None:
        if (fact := self.chosen) is not None:
            self._ask(
                f"Correct: {fact.to_person()}", fact.value, lambda text: self._edit(fact.id, text)
            )

    def action_hide(self) -> None:
        if (fact := self.chosen) is not None:
            hidden = fact.status == "expired"
            self._run(self._show_again(fact.id) if hidden else self._hide(fact.id))

    def action_confirm(self) -> None:
        if (fact := self.chosen) is not None:
            self._run(self._command("confirm", fact.id))

    def action_forget(self) -> None:
        """Ask, then forget for good."""
        fact = self.chosen
        if fact is None:
            return
        from chatapp.tui.screens.confirm import ConfirmScreen

        def decided(yes: bool | None) -> None:
            if yes:
                self._run(self._command("forget", fact.id))

        question = f"Forget for good, everywhere and in backups: {fact.to_person()}?"
        self.app.push_screen(ConfirmScreen(question, yes="Forget it"), decided)

    # What they do

    async def _remember(self, text: str) -> str:
        return await self._command("remember", text)

    async def _edit(self, fact_id: str, value: str) -> str:
        fact = await asyncio.to_thread(self._assistant.profile.edit, fact_id, value)
        return f"Corrected: {fact.to_person()}."

    async def _hide(self, fact_id: str) -> str:
        fact = await asyncio.to_thread(self._assistant.profile.expire, fact_id)
        return f"Hidden: {fact.to_person()}. h shows what is hidden, and x brings it back."

    async def _show_again(self, fact_id: str) -> str:
        fact = await asyncio.to_thread(self._assistant.profile.show, fact_id)
        return f"Used again: {fact.to_person()}."

    async def _command(self, name: str, argument: str) -> str:
        from chatapp.assistant.commands import Session, perform

        return (await perform(Session(self._assistant), name, argument)).text

    def _ask(self, label: str, text: str, work: Callable[[str], Awaitable[str]]) -> None:
        from chatapp.tui.screens.prompt import PromptScreen

        def typed(value: str | None) -> None:
            if value is not None:
                self._run(work(value))

        self.app.push_screen(PromptScreen(one_line(label, 100), text), typed)

    def _run(self, work: Awaitable[str]) -> None:
        self.run_worker(self._finish(work), exit_on_error=False)

    async def _finish(self, work: Awaitable[str]) -> None:
        """Carry out one change, say what came of it, and list the facts as they are now."""
        try:
            said = await work
        except Exception as error:  # noqa: BLE001 - whatever it is, the list stays usable
            problem = problem_of("", error)
            said = f"{problem.message} {problem.hint}".strip()
        state = self.query_one("#memory-state", Static)
        state.update(plain(said))
        state.display = True
        await self.reload()


def _row(fact: Fact) -> Content:
    said = fact.to_person()
    row = Content(one_line(said[:1].upper() + said[1:], 140))
    mark = _STATUS.get(fact.status, "")
    details = "  ".join(filter(None, [f"  {fact.valid_from[:10]}", mark]))
    style = "$text-warning" if fact.status == "review" else MUTED
    return (row if fact.status in ("active", "review") else row.stylize(MUTED)) + Content(
        details
    ).stylize(style)
