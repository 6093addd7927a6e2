"""One answer: streaming Markdown, what it stands on, and what went wrong if anything did."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Static

from chatapp.assistant import events
from chatapp.tui.answer_state import AnswerState
from chatapp.tui.text import clean, shortened
from chatapp.tui.widgets.answer_markdown import AnswerMarkdown
from chatapp.tui.widgets.grounding_badge import GroundingBadge
from chatapp.tui.widgets.markdown_writer import MarkdownWriter
from chatapp.tui.widgets.message_view import MessageView
from chatapp.tui.widgets.trace_lines import TraceLines
from chatapp.tui.widgets.version_line import VersionLine

SHOWN_CHARACTERS = 40_000


class Answer(MessageView):
    """Selecting an answer makes the sources panel show its quotes."""

    DEFAULT_CSS = """
    Answer {
        padding: 0 2 0 3;
        &:focus { border-left: outer $accent; padding: 0 2; }
        & .foot { height: auto; }
        & VersionLine { margin-left: 2; }
        & .activity { height: 1; color: $text-muted; }
        & .memory { height: auto; color: $text-muted; display: none; }
        & .notes { height: auto; color: $text-warning; display: none; }
        &.-failed .notes { color: $text-error; }
        &.-finished .activity { display: none; }
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open(1)", "Source", id="answer.open", tooltip="Open its first source"),
        Binding("1", "open(1)", "Open source 1, and so on to 9", id="answer.open_1", show=False),
        Binding(
            "b", "trace", "Steps", id="answer.trace", tooltip="Unfold what was done for the answer"
        ),
        *(Binding(str(n), f"open({n})", id=f"answer.open_{n}", show=False) for n in range(2, 10)),
        Binding("plus", "act('good')", "Good", id="answer.good", tooltip="Rate it good"),
        Binding("minus", "act('bad')", "Bad", id="answer.bad", tooltip="Rate it bad"),
        Binding("w", "act('correct')", "Correct", id="answer.correct",
                tooltip="Write what it should have been"),
        Binding("equals_sign", "act('compare')", "Compare", id="answer.compare",
                tooltip="Compare two answers and pick the better one"),
        Binding("m", "act('memory_here')", "Memory", id="answer.memory",
                tooltip="Edit or forget what it remembered or used"),
    ]  # fmt: skip

    class SourceRequested(Message):
        """The person wants to see source `n` of this answer in its document."""

        def __init__(self, state: AnswerState, n: int) -> None:
            super().__init__()
            self.state = state
            self.n = n

    class Grown(Message):
        """More of this answer is shown than before."""

        def __init__(self, answer: Answer) -> None:
            super().__init__()
            self.answer = answer

    def __init__(self, state: AnswerState) -> None:
        super().__init__(state, classes="" if state.running else "-finished")
        self.state = state
        self._markdown = AnswerMarkdown(self._shown())
        self._activity = Static("", classes="activity", markup=False)
        self._trace = TraceLines(state.trace)
        self._notes = Static("", classes="notes", markup=False)
        self._memory = Static("", classes="memory", markup=False)
        self._badge = GroundingBadge()
        self._stream: MarkdownWriter | None = None
        self._drawn = ""  # the activity as it was drawn last

    def compose(self) -> ComposeResult:
        yield self._trace
        yield self._markdown
        yield self._activity
        yield self._notes
        yield self._memory
        with Horizontal(classes="foot"):
            yield self._badge
            yield VersionLine(self.state)

    def on_mount(self) -> None:
        self._draw_facts()

    def _shown(self) -> str:
        return clean(shortened(self.state.text, SHOWN_CHARACTERS))

    async def show(self, event: events.Event) -> None:
        """Draw what `event` changed; the state has taken it in already."""
        if isinstance(event, events.TurnEnd):
            await self.finish()
            return
        if isinstance(event, events.MessageDelta):
            self._write(event.text)
            if self._drawn == self.state.activity:
                return  # nothing but text changed; that comes many times a second
        self.remove_class("-finished")
        self._draw_facts()

    def _write(self, text: str) -> None:
        """Append to what is shown, as far as an answer is shown at all."""
        if len(self.state.text) - len(text) > SHOWN_CHARACTERS:
            return
        if self._stream is None:
            self._stream = MarkdownWriter(
                self._markdown, lambda: self.post_message(self.Grown(self))
            )
        self._stream.write(clean(text[:SHOWN_CHARACTERS]))

    async def finish(self) -> None:
        """Stop streaming and render the whole text once: appended code fences can end up blank."""
        if self._stream is not None:
            await self._stream.stop()
            self._stream = None
        await self.redraw()

    async def redraw(self) -> None:
        """Draw the whole state as it is now."""
        await self._markdown.settle(self._shown())
        self.set_class(not self.state.running, "-finished")
        self._draw_facts()

    @property
    def folded(self) -> bool:
        """True while the beginning of the text is no widgets."""
        return self._markdown.folded is not None

    @property
    def rows(self) -> int:
        """The rows of its text that are widgets."""
        folded = self._markdown.folded
        return self._markdown.size.height - (folded.size.height if folded else 0)

    async def fold(self, rows: int) -> None:
        """Keep only about the last `rows` rows of the text as widgets; its height stays."""
        await self._markdown.fold(rows)

    async def unfold(self) -> None:
        """Make widgets of the whole text: somebody goes up to read it."""
        await self._markdown.unfold()

    async def on_unmount(self) -> None:
        """Stop writing to what is no longer there; the state goes on taking in the answer."""
        if self._stream is not None:
            await self._stream.stop()

    def _draw_facts(self) -> None:
        state = self.state
        self._drawn = state.activity
        self._trace.show(live=state.running)
        self._activity.update(f"{state.activity}…" if state.running else "")
        notes = list(state.notes)
        if state.interrupted:
            kept = "the text is kept" if state.text else "there was no answer yet"
            notes.append(f"Interrupted; {kept}.")
        self._notes.update(clean("\n".join(notes)))
        self._notes.display = bool(notes)
        lines = [" ".join(f"· {line}".split()) for line in state.remembered]
        lines += ["  m on this answer edits or forgets it"] if state.memories else []
        self._memory.update(clean("\n".join(lines)))
        self._memory.display = bool(lines)
        self.set_class(state.failed, "-failed")
        self._badge.show(state.grounding, len(state.citations), web=state.from_web)
        self._badge.display = state.grounding is not None and bool(state.text) and not state.failed

    @on(AnswerMarkdown.CitationClicked)
    def _citation_clicked(self, event: AnswerMarkdown.CitationClicked) -> None:
        event.stop()
        self.action_open(event.n)

    def action_trace(self) -> None:
        """Unfold or fold what was done for this answer."""
        self._trace.toggle()

    def action_open(self, n: int) -> None:
        self.post_message(self.SourceRequested(self.state, n))
