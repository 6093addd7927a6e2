"""Tools in a turn: computed answers, approval, denial, limits, and what is stored of it."""

from __future__ import annotations

import asyncio
import dataclasses
import threading
from collections.abc import Mapping
from typing import Any

import pytest

from chatapp.assistant.events import (
    MessageDone,
    ToolApproval,
    ToolCall,
    ToolResult,
    TurnEnd,
    TurnStart,
)
from tests.assistant.helpers import collect, every, only, types
from tests.fakes import FakeGenerator, FakeIndex
from tools.protocol import ToolContext, ToolError, ToolOutput, Unavailable
from tools.registry import ToolRegistry


class FakeTool:
    """The tool `python`: returns its code, or does what `act` says."""

    name = "python"
    description = "Runs code."
    schema: Mapping[str, Any] = {
        "type": "object",
        "properties": {"code": {"type": "string"}},
        "required": ["code"],
    }
    needs_approval = True

    def __init__(self, act=None, off: Unavailable | None = None) -> None:
        self.act, self.off = act, off
        self.ran: list[str] = []

    def available(self) -> Unavailable | None:
        """Say what the test wants."""
        return self.off

    def run(self, arguments: Mapping[str, Any], context: ToolContext) -> ToolOutput:
        """Note the code and run the act."""
        self.ran.append(arguments["code"])
        return self.act(context) if self.act else ToolOutput(f"ran {arguments['code']}")


PROGRAM = "run this:\n```python\n1 + 1\n```"


def with_tool(make, tool: FakeTool, **options):
    assistant = make(FakeGenerator(), tools=ToolRegistry([tool]))
    assistant.options = dataclasses.replace(assistant.options, **options)
    return assistant


async def answering(assistant, events, decision: str):
    """Collect the events of a turn, deciding on each call that asks."""
    seen = []
    async for event in events:
        seen.append(event)
        if isinstance(event, ToolApproval) and event.decision == "asked":
            assert assistant.approve(event.id, decision)
    return seen


class TestComputed:
    async def test_arithmetic_is_computed_and_says_what_was_computed(self, make, store):
        """No model and no source takes part; call and result are stored with the answer."""
        index = FakeIndex()
        assistant = make(RuntimeError("no model"), index)
        events = await collect(assistant.turn(None, "What is 12 * 7?"))
        assert types(events) == [
            "turn.start", "tool.call", "tool.approval", "tool.result",
            "message.delta", "message.done", "turn.end",
        ]  # fmt: skip
        done = only(events, MessageDone)
        assert (done.text, done.grounding, done.model) == ("12 * 7 = 84", "tool", "")
        assert only(events, ToolApproval).decision == "allowed"
        assert index.queries == []
        call, result = store.parts(done.message)
        assert (call.kind, call.data["arguments"]) == ("tool_call", {"expression": "12 * 7"})
        assert (result.kind, result.data["text"]) == ("tool_result", "84")
        assert call.data["id"] == result.data["id"] == only(events, ToolCall).id

    async def test_what_has_no_value_says_why(self, make):
        done = only(await collect(make().turn(None, "what is 1 / 0?")), MessageDone)
        assert "zero" in done.text.lower()
        assert done.grounding == "not_found"

    async def test_the_time_is_that_of_the_session_s_clock(self, make, clock):
        assistant = make(clock=clock)
        done = only(await collect(assistant.turn(None, "What day is it today?")), MessageDone)
        assert "Sunday, 22 November 2026" in done.text

    async def test_tools_switched_off_leave_the_question_to_the_model(self, make):
        assistant = make(FakeGenerator("Eighty-four."))
        assistant.options = dataclasses.replace(
            assistant.options, use_tools=False, use_sources=False
        )
        done = only(await collect(assistant.turn(None, "What is 12 * 7?")), MessageDone)
        assert done.text == "Eighty-four."


class TestApproval:
    async def test_once_runs_it_and_asks_again_the_next_time(self, make):
        tool = FakeTool()
        assistant = with_tool(make, tool, attended=True)
        events = await answering(assistant, assistant.turn(None, PROGRAM), "once")
        decisions = [event.decision for event in every(events, ToolApproval)]
        assert decisions == ["asked", "allowed"]
        assert "ran 1 + 1" in only(events, MessageDone).text
        conversation = only(events, TurnStart).conversation
        events = await answering(assistant, assistant.turn(conversation, PROGRAM), "deny")
        assert [event.decision for event in every(events, ToolApproval)] == ["asked", "denied"]
        assert tool.ran == ["1 + 1"]

    async def test_denied_says_so_and_runs_nothing(self, make, store):
        tool = FakeTool()
        assistant = with_tool(make, tool, attended=True)
        events = await answering(assistant, assistant.turn(None, PROGRAM), "deny")
        done = only(events, MessageDone)
        assert done.text == "python was not run. You denied it."
        assert (done.finish_reason, only(events, TurnEnd).status) == ("stop", "ok")
        assert tool.ran == []
        assert store.parts(done.message)[1].data["error"] == done.text

    async def test_for_the_conversation_asks_no_more_in_it_but_does_in_others(self, make):
        tool = FakeTool()
        assistant = with_tool(make, tool, attended=True)
        events = await answering(assistant, assistant.turn(None, PROGRAM), "conversation")
        conversation = only(events, TurnStart).conversation
        events = await collect(assistant.turn(conversation, PROGRAM))
        assert [event.decision for event in every(events, ToolApproval)] == ["allowed"]
        events = await answering(assistant, assistant.turn(None, PROGRAM), "deny")
        assert every(events, ToolApproval)[0].decision == "asked"
        assert len(tool.ran) == 2

    async def test_unattended_denies_at_once_and_names_the_way(self, make):
        tool = FakeTool()
        events = await collect(with_tool(make, tool).turn(None, PROGRAM))
        denied = only(events, ToolApproval)
        assert denied.decision == "denied"
        assert "--allow python" in denied.why
        assert only(events, MessageDone).finish_reason == "stop"
        assert tool.ran == []

    @pytest.mark.parametrize("glob", ["python", "py*", "*"])
    async def test_a_glob_allows_it(self, make, glob):
        tool = FakeTool()
        await collect(with_tool(make, tool, allow=(glob,)).turn(None, PROGRAM))
        assert tool.ran == ["1 + 1"]

    async def test_interrupt_while_it_waits_ends_the_turn(self, make):
        assistant = with_tool(make, FakeTool(), attended=True)
        events = []
        async for event in assistant.turn(None, PROGRAM):
            events.append(event)
            if isinstance(event, ToolApproval):
                assistant.interrupt()
        assert only(events, MessageDone).finish_reason == "interrupted"
        assert assistant.approve(only(events, ToolCall).id, "once") is False


class TestTrouble:
    async def test_a_tool_that_refuses_or_crashes_is_a_clear_answer(self, make):
        def refuse(context):
            raise ToolError("The disk is upside down.")

        def crash(context):
            raise KeyError("inside")

        for act, said in ((refuse, "The disk is upside down."), (crash, "The tool failed")):
            assistant = with_tool(make, FakeTool(act), allow=("*",))
            events = await collect(assistant.turn(None, PROGRAM))
            assert said in only(events, ToolResult).error
            assert only(events, TurnEnd).status == "ok"

    async def test_a_hanging_tool_is_given_up_when_its_time_is_over(self, make, settings_with):
        released = threading.Event()
        tool = FakeTool(lambda context: ToolOutput(str(released.wait(30))))
        assistant = make(tools=ToolRegistry([tool]), settings=settings_with(seconds=0.1))
        assistant.options = dataclasses.replace(assistant.options, allow=("*",))
        events = await collect(assistant.turn(None, PROGRAM))
        released.set()
        assert "longer than 0.1 seconds" in only(events, ToolResult).error

    async def test_interrupt_stops_a_running_tool(self, make):
        stopped = threading.Event()

        def act(context: ToolContext) -> ToolOutput:
            context.stop.when_set(stopped.set)
            stopped.wait(30)
            return ToolOutput("too late")

        assistant = with_tool(make, FakeTool(act), allow=("*",))
        events = []
        async for event in assistant.turn(None, PROGRAM):
            events.append(event)
            if isinstance(event, ToolApproval):
                asyncio.get_running_loop().call_later(0.05, assistant.interrupt)
        assert only(events, MessageDone).finish_reason == "interrupted"
        assert await asyncio.to_thread(stopped.wait, 10)

    async def test_a_tool_that_is_off_says_why_without_asking(self, make):
        tool = FakeTool(off=Unavailable("it needs bwrap", "install it."))
        events = await collect(with_tool(make, tool, attended=True).turn(None, PROGRAM))
        assert every(events, ToolApproval) == []
        assert "it needs bwrap" in only(events, MessageDone).text


class TestByName:
    async def test_a_tool_can_be_called_by_its_name(self, make, store):
        assistant = make()
        events = await collect(assistant.use_tool(None, "calculator", {"expression": "6 * 7"}))
        assert only(events, MessageDone).text == "42"
        question = store.message(only(events, TurnStart).user_message)
        assert question.text == '/calculator {"expression": "6 * 7"}'

    async def test_wrong_names_and_arguments_are_named(self, make):
        assistant = make()
        for name, arguments, said in (
            ("nothing", {}, "There is no tool 'nothing'"),
            ("calculator", {"sum": 1}, "calculator"),
        ):
            events = await collect(assistant.use_tool(None, name, arguments))
            assert said in only(events, ToolResult).error

    async def test_memory_tools_are_off_in_a_private_chat(self, make, store):
        assistant = make()
        private = store.create(private=True)
        events = await collect(assistant.use_tool(private.id, "memory_add", {"fact": "I am Ada."}))
        assert only(events, ToolResult).error == "Memory is switched off in this chat."
