"""Tools in the chat: what they do is shown, and what may do harm waits for the person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chatapp.tui.app import ChatApp
from chatapp.tui.trace import ToolUse
from chatapp.tui.widgets.approval_bar import ApprovalBar
from tests.tui.conftest import Chat, answers, ask, ready, screen_text, until
from tools.protocol import ToolContext, ToolOutput
from tools.registry import ToolRegistry

PROGRAM = "run this:\n```python\n1 + 1\n```"


class FakePython:
    """The tool `python`: says what it would have run."""

    name = "python"
    description = "Runs code."
    schema: Mapping[str, Any] = {
        "type": "object",
        "properties": {"code": {"type": "string"}},
        "required": ["code"],
    }
    needs_approval = True

    def __init__(self) -> None:
        self.ran: list[str] = []

    def available(self) -> None:
        """It always is."""

    def run(self, arguments: Mapping[str, Any], context: ToolContext) -> ToolOutput:
        """Note the code."""
        self.ran.append(arguments["code"])
        return ToolOutput(f"ran {arguments['code']}")


async def test_a_calculation_shows_what_was_computed_and_folds_away(chat: Chat) -> None:
    """The badge says that it was computed; b on the answer unfolds the call and its result."""
    app = chat.app()
    async with app.run_test(size=(110, 36)) as pilot:
        await ready(app)
        await ask(pilot, "What is 12 * 7?")
        await until(lambda: "▸ 1 tool used" in screen_text(app))
        assert "✓ computed" in screen_text(app)
        await pilot.press("shift+tab", "b")
        await until(lambda: "▾ 1 tool used" in screen_text(app))
        assert '"expression": "12 * 7"' in screen_text(app)
        await pilot.press("b")
        await until(lambda: "▾" not in screen_text(app))
    again = chat.app()
    async with again.run_test(size=(110, 36)):
        await ready(again)
        await until(lambda: "▸ 1 tool used" in screen_text(again))


async def test_a_tool_that_asks_runs_once_the_person_allows_it(chat: Chat) -> None:
    """Ctrl+T goes to the question, y allows it once; the next time it asks again."""
    tool = FakePython()
    chat.tools = ToolRegistry([tool])
    app = chat.app()
    async with app.run_test(size=(110, 36)) as pilot:
        await ready(app)
        for count in (1, 2):
            send(app, PROGRAM)
            await until(lambda: "python wants to run" in screen_text(app))
            assert '"code": "1 + 1"' in screen_text(app)
            await until(lambda: "waits for your approval" in screen_text(app))
            await pilot.press("ctrl+t", "y")
            await until(lambda: app.chat.answering.turn is None)
            assert len(tool.ran) == count
        assert "ran 1 + 1" in answers(app)[0].text
        assert not app.chat.query(ApprovalBar)


async def test_allowed_for_this_conversation_is_not_asked_again_here(chat: Chat) -> None:
    """a allows it in this conversation; in a new one it asks."""
    tool = FakePython()
    chat.tools = ToolRegistry([tool])
    app = chat.app()
    async with app.run_test(size=(110, 36)) as pilot:
        await ready(app)
        send(app, PROGRAM)
        await until(lambda: app.chat.query(ApprovalBar))
        await pilot.press("ctrl+t", "a")
        await until(lambda: app.chat.answering.turn is None)
        await ask(pilot, PROGRAM)
        assert len(tool.ran) == 2
        await pilot.press("ctrl+n")
        await until(lambda: app.chat.reading.conversation_id is None)
        send(app, PROGRAM)
        await until(lambda: app.chat.query(ApprovalBar))
        await pilot.press("ctrl+t", "n")
        await until(lambda: app.chat.answering.turn is None)
        assert len(tool.ran) == 2
        (use,) = answers(app)[0].trace.steps
        assert isinstance(use, ToolUse)
        assert use.decision == "denied"


async def test_arrows_go_from_choice_to_choice_and_begin_where_nothing_is_allowed(
    chat: Chat,
) -> None:
    """Enter on the first choice denies; right goes to the others, and left comes back."""
    tool = FakePython()
    chat.tools = ToolRegistry([tool])
    app = chat.app()
    async with app.run_test(size=(110, 36)) as pilot:
        await ready(app)
        for keys, runs in ((["right", "left", "left", "enter"], 0), (["right", "enter"], 1)):
            send(app, PROGRAM)
            await until(lambda: app.chat.query(ApprovalBar))
            await pilot.press("ctrl+t", *keys)
            await until(lambda: app.chat.answering.turn is None)
            assert len(tool.ran) == runs


async def test_the_line_of_keys_says_how_to_decide_while_something_asks(chat: Chat) -> None:
    """Nothing is answered yet, so no key for an answer is offered; on the choices theirs are."""
    chat.tools = ToolRegistry([FakePython()])
    app = chat.app()
    async with app.run_test(size=(110, 36)) as pilot:
        await ready(app)
        footer = lambda: screen_text(app).splitlines()[-1]  # noqa: E731
        send(app, PROGRAM)
        await until(lambda: "Ctrl+T Decide" in footer(), "the way to the question")
        assert "Answer" not in footer()
        await pilot.press("ctrl+t")
        await until(lambda: "n Deny" in footer(), "its keys")
        assert "Decide" not in footer()
        await pilot.press("escape")
        await until(lambda: app.chat.answering.turn is None)
        await until(lambda: "Decide" not in footer(), "nothing asks any more")
        assert "Interrupted; there was no answer yet." in screen_text(app)
        assert "from the model" not in screen_text(app)


async def test_what_is_typed_while_a_tool_asks_decides_nothing(chat: Chat) -> None:
    """y in the input is a letter; the question stays, also after a look elsewhere."""
    tool = FakePython()
    chat.tools = ToolRegistry([tool])
    app = chat.app()
    async with app.run_test(size=(110, 36)) as pilot:
        await ready(app)
        send(app, PROGRAM)
        await until(lambda: app.chat.query(ApprovalBar))
        await pilot.press("y", "a", "n")
        assert app.chat.composer.text == "yan"
        here = app.chat.reading.conversation_id
        await app.chat.reading.open(None)
        assert not app.chat.query(ApprovalBar)
        await app.chat.reading.open(here)
        await until(lambda: app.chat.query(ApprovalBar))
        assert tool.ran == []
        await pilot.press("escape")
        await until(lambda: app.chat.answering.turn is None)
        assert not app.chat.query(ApprovalBar)
        assert tool.ran == []


async def test_a_question_that_goes_leaves_the_focus_in_the_input(chat: Chat) -> None:
    """Stopped while Deny has the focus: what is typed then must not act on the answer before."""
    chat.tools = ToolRegistry([FakePython()])
    app = chat.app()
    async with app.run_test(size=(110, 36)) as pilot:
        await ready(app)
        await ask(pilot, "hello")
        send(app, PROGRAM)
        await until(lambda: app.chat.query(ApprovalBar))
        await pilot.press("ctrl+t")
        await until(lambda: app.focused is not None and app.focused.id == "approve-deny")
        await pilot.press("escape")
        await until(lambda: app.chat.answering.turn is None and not app.chat.query(ApprovalBar))
        await pilot.press(*"do it")
        assert app.chat.composer.text == "do it"
        assert len(app.chat.transcript.entries) == 4


def send(app: ChatApp, text: str) -> None:
    """Send a message without waiting for its answer."""
    app.chat.answering.send(text)
